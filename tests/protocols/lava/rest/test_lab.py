"""Devices, their types and tags, the one worker, and the server itself."""

import re
import time

import pytest
from lavarest import Rest

from wsgi_app.core.heartbeat import TIMER, Heartbeat


@pytest.fixture
def machines(rest: Rest) -> Rest:
    """Four systems: two boards, a machine of no type, and one that is retired."""
    rest.system("alpha", type="board", tags=["big", "arm"], health="good")
    rest.system("beta", type="board", health="bad")
    rest.system("gamma", tags=["arm"])
    rest.system("omega", type="cray", health="retired")
    return rest


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", "alpha beta gamma"),
        ("all=1", "alpha beta gamma omega"),
        ("health=Retired", "omega"),
        ("device_type=board", "alpha beta"),
        ("device_type=board&health=Good", "alpha"),
        ("device_type__isnull=true", "gamma"),
        ("device_type__name__icontains=OAR", "alpha beta"),
        ("tags__name=arm", "alpha gamma"),
        ("tags__in=big,small", "alpha"),
        ("state=Idle&ordering=-hostname", "gamma beta alpha"),
        ("state__in=Reserved,Running", ""),
        ("hostname__startswith=ga", "gamma"),
        ("ordering=-device_type,hostname", "alpha beta gamma"),
        ("limit=1&offset=1", "beta"),
    ],
)
def test_devices(machines: Rest, query: str, names: str) -> None:
    """Devices are filtered and ordered; retired ones are left out unless they are asked for."""
    assert " ".join(row["hostname"] for row in machines.rows("devices/?" + query)) == names


def test_device(machines: Rest) -> None:
    """A device has LAVA's fields, and says which job is on it, to those who may see that."""
    row = machines.get("devices/alpha/").json
    wanted = {"hostname": "alpha", "device_type": "board", "tags": ["big", "arm"], "state": "Idle", "health": "Good"}
    assert wanted.items() <= row.items()
    value = {"visibility": "private", "recipe_sets": [{"recipes": [{"system": "alpha", "tasks": [{"name": "t"}]}]}]}
    job = machines.web.post_json("/jobs/", value, headers=machines.admin, status=201).json
    machines.web.post("/systems/alpha/claim", headers=machines.admin, status=200)
    assert machines.get("devices/alpha/").json["current_job"] == job["recipe_sets"][0]["recipes"][0]["id"]
    hidden = machines.get("devices/alpha/", token={}).json
    assert (hidden["current_job"], hidden["state"]) == (None, "Reserved")
    assert "devices/ lists them" in machines.get("devices/none/", 404).json["detail"]
    assert list(machines.get("devices/?health=Fine", 400).json) == ["health"]


def test_device_health(machines: Rest) -> None:
    """An administrator sets a device's health, in LAVA's words."""
    place = "devices/alpha/set_health/"
    assert machines.post(place, {"health": "MAINTENANCE", "reason": "fan"}, 202).json == {
        "message": "alpha is Maintenance."
    }
    found = machines.web.get("/systems/alpha", headers=machines.admin).json
    assert (found["health"], found["reason"]) == ("maintenance", "fan")
    assert list(machines.post(place, {"health": "Looping"}, 400).json) == ["health"]
    assert list(machines.post(place, {}, 400).json) == ["health"]
    machines.post(place, {"health": "Good"}, 403, token={})
    machines.post(place, {"health": "Good"}, 403, token=machines.user("nora", "submit"))
    machines.post("devices/none/set_health/", {"health": "Good"}, 404)
    assert machines.get("devices/alpha/").json["health"] == "Maintenance"


def test_types_and_tags(machines: Rest) -> None:
    """Types are those of systems that are not retired; tags say who has them; there are no aliases."""
    assert [row["name"] for row in machines.rows("devicetypes/")] == ["board"]
    assert machines.get("devicetypes/board/").json["aliases"] == []
    machines.get("devicetypes/cray/", 404)
    assert [(row["name"], row["devices"]) for row in machines.rows("tags/?ordering=-name")] == [
        ("big", ["alpha"]),
        ("arm", ["alpha", "gamma"]),
    ]
    assert machines.get("tags/big/").json["id"] == "big"
    machines.get("tags/none/", 404)
    assert machines.rows("tags/?name__startswith=b")[0]["name"] == "big"
    assert machines.get("aliases/").json == {"count": 0, "next": None, "previous": None, "results": []}


def test_worker(rest: Rest) -> None:
    """The lab is the one worker, online while its timer lives; its health can be set, and is the lab's."""
    (row,) = rest.rows("workers/?state=Offline&health=Active&last_ping__isnull=true")
    name = row["hostname"]
    Heartbeat(rest.application.gateway.config.run / TIMER).beat()
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
    (heard,) = rest.rows(f"workers/?state=Online&last_ping__gt={since}")
    assert (heard["hostname"], heard["last_ping"] > since) == (name, True)
    assert rest.get(f"workers/{name}/").json["job_limit"] == 0
    rest.post(f"workers/{name}/set_health/", {"health": "Maintenance"}, 202)
    assert rest.web.get("/lab", headers=rest.admin).json["health"] == "maintenance"
    assert rest.rows("workers/?health=Active") == []
    rest.post(f"workers/{name}/set_health/", {"health": "Active"}, 403, token={})
    rest.get("workers/none-such/", 404)


def test_system(rest: Rest) -> None:
    """The version is one of LAVA's; nobody gets a token for a password."""
    assert re.match(r"20\d\d\.\d\d\+tackroom", rest.get("system/version", token={}).json["version"])
    assert set(rest.get("system/master_config/", token={}).json) == {
        "EVENT_SOCKET",
        "EVENT_TOPIC",
        "EVENT_NOTIFICATION",
        "LOG_SIZE_LIMIT",
    }
    refused = rest.post("token/", {"username": "admin", "password": "x"}, 400, token={}).json
    assert "tackroom token create" in refused["detail"]


def test_buildbot_workers(rest: Rest) -> None:
    """Each Buildbot worker is a worker with one device, itself; what is not one's device is the lab's."""
    (own,) = [row["hostname"] for row in rest.rows("workers/")]
    rest.system("plain")
    rest.system("worked", description="by the door")
    rest.web.post_json("/workers/", {"name": "worked"}, headers=rest.admin, status=201)
    assert {row["hostname"] for row in rest.rows("workers/")} == {own, "worked"}
    (row,) = rest.rows("workers/?hostname=worked&state=Offline&health=Active&last_ping__isnull=true")
    assert row == rest.get("workers/worked/").json
    assert (row["description"], row["job_limit"], row["version"]) == ("by the door", 1, None)
    hosts = {row["hostname"]: row["worker_host"] for row in rest.rows("devices/")}
    assert hosts == {"plain": own, "worked": "worked"}
    assert rest.get("devices/worked/").json["worker_host"] == "worked"
    assert [row["hostname"] for row in rest.rows("devices/?worker_host__hostname=worked")] == ["worked"]
    rest.post("workers/worked/set_health/", {"health": "Maintenance"}, 202)
    assert rest.web.get("/systems/worked", headers=rest.admin).json["health"] == "maintenance"
    assert rest.web.get("/lab", headers=rest.admin).json["health"] == "active"
    rest.post("workers/worked/set_health/", {"health": "Active"}, 403, token={})
    assert rest.get("workers/worked/").json["health"] == "Maintenance"

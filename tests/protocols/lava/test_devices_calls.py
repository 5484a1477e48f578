"""scheduler.devices.*, device_types.*, workers.*, tags.*, aliases.*: systems and this lab, in LAVA's words."""

from datetime import datetime
from typing import Any

import pytest
from lavarpc import LavaRPC
from lavatext import ONE

from wsgi_app.core.heartbeat import TIMER, Heartbeat


@pytest.fixture
def lab(rpc: LavaRPC) -> LavaRPC:
    """A lab with three systems of two types and of none."""
    rpc.add("T1", "bench", "usb", "kvm")
    rpc.add("T2", "bench")
    rpc.add("T3", None, "usb")
    return rpc


def test_list_and_show(lab: LavaRPC) -> None:
    """Item 44: a list leaves retired devices out unless asked; one is shown with all keys, and with its job."""
    lab.call("scheduler.devices.update", "T2", None, None, None, None, "RETIRED")
    assert [row["hostname"] for row in lab.call("scheduler.devices.list", user=None)] == ["T1", "T3"]
    assert [row["hostname"] for row in lab.call("scheduler.devices.list", True)] == ["T1", "T2", "T3"]
    job = lab.call("scheduler.jobs.submit", ONE)
    lab.claim("T1")
    shown = lab.call("scheduler.devices.show", "T1", user=None)
    assert (shown["state"], shown["current_job"], shown["tags"]) == ("Reserved", job, ["usb", "kvm"])
    recipe = lab.claim("T1")
    lab.say(recipe, 0, "Running")
    assert lab.call("scheduler.devices.list")[0] == {
        "hostname": "T1",
        "type": "bench",
        "health": "Unknown",
        "state": "Running",
        "current_job": job,
        "pipeline": True,
    }
    keys = "hostname device_type state health health_job description pipeline has_device_dict worker current_job tags"
    assert set(keys.split()) <= set(shown)
    assert lab.refused("scheduler.devices.show", "T9")[0] == 404


def test_a_private_job_on_a_device(lab: LavaRPC) -> None:
    """Who may not see a job sees that its device is taken, and not by what."""
    job = lab.call("scheduler.jobs.submit", ONE.replace("public", "personal"))
    lab.claim("T1")
    assert lab.call("scheduler.devices.show", "T1")["current_job"] == job
    for user in (None, lab.user("jane")):
        shown = lab.call("scheduler.devices.show", "T1", user=user)
        assert (shown["state"], shown["current_job"]) == ("Reserved", None)


@pytest.mark.parametrize("word", ["GOOD", "UNKNOWN", "BAD", "MAINTENANCE", "RETIRED"])
def test_health(lab: LavaRPC, word: str) -> None:
    """Item 44: a health comes back as it was set, with its reason, which does not outlive it."""
    nothing = [None] * 4
    assert lab.call("scheduler.devices.update", "T1", *nothing, word, "on a desk", None, "smoke") is None
    shown = lab.call("scheduler.devices.show", "T1")
    assert (shown["health"], shown["description"], shown["reason"]) == (word.capitalize(), "on a desk", "smoke")
    assert lab.web.get("/systems/T1").json["health"] == word.lower()
    lab.call("scheduler.devices.update", "T1", *nothing, None, None, "shelf")
    assert lab.call("scheduler.devices.show", "T1")["reason"] == "smoke"
    lab.call("scheduler.devices.update", "T1", *nothing, "GOOD")
    shown = lab.call("scheduler.devices.show", "T1")
    assert (shown["health"], shown["reason"], shown["device_type"]) == ("Good", None, "shelf")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ((None, None, None, None, "LOOPING"), "no health checks are run here"),
        ((None, None, None, None, "ILL"), "Invalid health 'ILL'"),
        (("other",), "Every device is on the worker"),
        ((None, "jane"), "belongs to nobody"),
        ((None, None, "staff"), "belongs to nobody"),
        ((None, None, None, False), "public"),
    ],
)
def test_what_a_device_cannot_be(lab: LavaRPC, values: tuple[Any, ...], words: str) -> None:
    """Item 44: what LAVA has and we have not is Fault 400 with a sentence; what is so already may be said."""
    code, said = lab.refused("scheduler.devices.update", "T1", *values)
    assert code == 400
    assert words in said
    worker = lab.call("scheduler.workers.list")[0]
    lab.call("scheduler.devices.update", "T1", worker, "", "", True)


def test_who_may_change_devices(lab: LavaRPC) -> None:
    """Item 44: nobody in particular changes a device: Fault 401; nor does another than an admin: 403."""
    health = ("T1", None, None, None, None, "BAD")
    calls = [("devices.update", health), ("devices.tags.add", ("T1", "x")), ("devices.tags.delete", ("T1", "usb"))]
    calls.append(("workers.update", (lab.call("scheduler.workers.list")[0], None, "RETIRED")))
    jane = lab.user("jane")
    for name, params in calls:
        assert lab.refused(f"scheduler.{name}", *params, user=None)[0] == 401
        assert lab.refused(f"scheduler.{name}", *params, user=jane)[0] == 403
    assert lab.call("scheduler.devices.show", "T1")["health"] == "Unknown"


def test_tags(lab: LavaRPC) -> None:
    """Tags are given and taken, more than once without harm; the lab's are those that systems have."""
    for _ in range(2):
        lab.call("scheduler.devices.tags.add", "T2", "fast")
        lab.call("scheduler.devices.tags.delete", "T1", "kvm")
    assert lab.call("scheduler.devices.tags.list", "T1") == ["usb"]
    assert lab.call("scheduler.tags.list") == [{"name": name, "description": None} for name in ("fast", "usb")]
    assert lab.call("scheduler.tags.show", "usb")["devices"] == ["T1", "T3"]
    assert lab.refused("scheduler.tags.show", "kvm")[0] == 404
    assert lab.refused("scheduler.devices.tags.add", "T9", "x")[0] == 404
    assert lab.call("scheduler.aliases.list") == []
    assert lab.refused("scheduler.aliases.show", "x")[0] == 404


def test_dictionary(lab: LavaRPC) -> None:
    """There is no device dictionary: Fault 404, as LAVA says it of a device that has none, with the reason."""
    code, said = lab.refused("scheduler.devices.get_dictionary", "T1", True, None)
    assert code == 404
    assert "nothing here switches its power" in said


def test_types(lab: LavaRPC) -> None:
    """Types are those that systems have; retired systems do not count unless they are asked for."""
    lab.call("scheduler.devices.update", "T2", None, None, None, None, "RETIRED")
    assert lab.call("scheduler.device_types.list") == [
        {"name": "bench", "devices": 1, "installed": True, "template": False}
    ]
    assert lab.call("scheduler.device_types.show", "bench")["devices"] == ["T1"]
    assert [row["hostname"] for row in lab.call("scheduler.device_types.devices", "bench")] == ["T1"]
    assert [row["hostname"] for row in lab.call("scheduler.device_types.devices", "bench", "RETIRED")] == ["T2"]
    assert lab.call("scheduler.device_types.devices", "bench", "LOOPING") == []
    assert lab.refused("scheduler.device_types.devices", "bench", "ILL")[0] == 400
    assert lab.call("scheduler.device_types.aliases.list", "bench") == []
    for name in ("show", "devices", "aliases.list"):
        assert lab.refused(f"scheduler.device_types.{name}", "nothing")[0] == 404
    lab.call("scheduler.devices.update", "T1", None, None, None, None, "RETIRED")
    assert lab.call("scheduler.device_types.list") == []
    assert lab.call("scheduler.device_types.list", True)[0]["devices"] == 0


def test_worker(lab: LavaRPC) -> None:
    """Item 47: the one worker is this lab; its health, description and limit come back as they were set."""
    (name,) = lab.call("scheduler.workers.list", user=None)
    before = lab.call("scheduler.workers.show", name, user=None)
    assert (before["state"], before["health"], before["job_limit"]) == ("Offline", "Active", 0)
    assert before["devices"] == ["T1", "T2", "T3"]
    assert isinstance(before["last_ping"], datetime)
    Heartbeat(lab.application.gateway.config.run / TIMER).beat()
    assert lab.call("scheduler.workers.show", name)["state"] == "Online"
    lab.call("scheduler.workers.update", name, "by the door", "MAINTENANCE", 2)
    after = lab.call("scheduler.workers.show", name)
    assert (after["description"], after["health"], after["job_limit"]) == ("by the door", "Maintenance", 2)
    lab.call("scheduler.jobs.submit", ONE)
    assert lab.claim("T1") is None
    lab.call("scheduler.workers.update", name, None, "ACTIVE", 0)
    assert lab.call("scheduler.workers.show", name)["job_limit"] == 0
    assert lab.claim("T1") is not None
    lab.call("scheduler.workers.update", name, None, "RETIRED")
    assert lab.call("scheduler.workers.list") == []
    assert lab.call("scheduler.workers.list", True) == [name]
    for name_, health, code in ((name, "ILL", 400), ("other", "ACTIVE", 404)):
        assert lab.refused("scheduler.workers.update", name_, None, health)[0] == code
    assert lab.refused("scheduler.workers.update", name, None, None, -1)[0] == 400
    assert lab.refused("scheduler.workers.show", "other")[0] == 404


def test_buildbot_worker(lab: LavaRPC) -> None:
    """A Buildbot worker is a worker whose device is itself; its health and description are its system's."""
    (own,) = lab.call("scheduler.workers.list")
    lab.web.post_json("/workers/", {"name": "T2"}, headers=lab.headers(), status=201)
    assert lab.call("scheduler.workers.list", user=None) == [own, "T2"]
    shown = lab.call("scheduler.workers.show", "T2", user=None)
    assert (shown["state"], shown["health"], shown["devices"], shown["job_limit"]) == ("Offline", "Active", ["T2"], 1)
    assert isinstance(shown["last_ping"], datetime)
    assert lab.call("scheduler.workers.show", own)["devices"] == ["T1", "T3"]
    assert [lab.call("scheduler.devices.show", name)["worker"] for name in ("T1", "T2")] == [own, "T2"]
    lab.call("scheduler.devices.update", "T2", "T2")
    assert lab.refused("scheduler.devices.update", "T2", own)[0] == 400
    assert lab.refused("scheduler.devices.update", "T1", "T2")[0] == 400
    lab.call("scheduler.workers.update", "T2", "in the cellar", "ACTIVE", 1)
    assert lab.web.get("/systems/T2").json["health"] == "unknown"
    for word, health in (("MAINTENANCE", "maintenance"), ("ACTIVE", "good"), ("RETIRED", "retired")):
        lab.call("scheduler.workers.update", "T2", None, word)
        system = lab.web.get("/systems/T2").json
        assert (system["health"], system["description"]) == (health, "in the cellar")
    assert lab.call("scheduler.workers.list") == [own]
    assert lab.call("scheduler.workers.list", True) == [own, "T2"]
    assert lab.call("scheduler.workers.show", "T2")["devices"] == []
    assert lab.refused("scheduler.workers.update", "T2", None, None, 2)[0] == 400
    assert lab.refused("scheduler.workers.update", "T2", None, "ACTIVE", user=lab.user("jane"))[0] == 403


def test_a_connected_worker(lab: LavaRPC) -> None:
    """A Buildbot worker that a gateway has heard is Online, and tells its version."""
    lab.web.post_json("/workers/", {"name": "T1"}, headers=lab.headers(), status=201)
    member = {"name": "T1", "version": "4.3.0", "address": "192.0.2.7", "heard": 1.5, "recipe": None, "leaving": False}
    call = {"gateway": "0" * 32, "sequence": 1, "workers": [member]}
    lab.web.post_json("/workers/roll-call", call, headers=lab.headers(lab.user("gate", "workers")), status=200)
    shown = lab.call("scheduler.workers.show", "T1")
    assert (shown["state"], shown["version"]) == ("Online", "4.3.0")
    assert shown["last_ping"].year > 2000

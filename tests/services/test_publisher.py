"""Events by WebSocket, as clients see them, embedded and through Apache. Checklist: readers-lava.md section 12."""

import json
import time
from collections.abc import Iterator
from typing import Any

import listener
import pytest
from lab import Lab, running_lab
from listener import Listener, basic, listening, wait_for_publisher
from websockets.exceptions import InvalidStatus

PREFIX = "/x"


@pytest.fixture(scope="module", params=["none", "apache"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A lab below a path prefix."""
    with running_lab(
        request.param,
        TACKROOM_PREFIX=f"{PREFIX}/",
        TACKROOM_WEBSOCKET_ORIGINS="https://board.example",
    ) as lab:
        wait_for_publisher(lab, PREFIX)
        yield lab


def read(lab: Lab, query: str = "", **headers: str) -> Any:
    """A reader of this lab."""
    return listening(lab, query, path=f"{PREFIX}/ws/", **headers)


def add_system(lab: Lab, name: str) -> None:
    """Add a system."""
    listener.add_system(lab, name, PREFIX)


def set_health(lab: Lab, name: str, health: str) -> None:
    """Set a system's health."""
    listener.set_health(lab, name, health, PREFIX)


def submit(lab: Lab, system: str, token: str = "", **fields: object) -> int:
    """Submit a job of one recipe for a system, and return the recipe's id."""
    job = {"recipe_sets": [{"recipes": [{"system": system, "tasks": [{"name": "a", "command": ["true"]}]}]}], **fields}
    answer = lab.call(
        "POST", f"{PREFIX}/jobs/", json.dumps(job).encode(), {"Content-Type": "application/json"}, key=token
    )
    assert answer.status == 201, answer
    recipe: int = answer.json["recipe_sets"][0]["recipes"][0]["id"]
    return recipe


def token_of(lab: Lab, user: str) -> tuple[int, str]:
    """Make a token of a user, and return its id and secret."""
    body = json.dumps({"user": user, "name": f"t{time.monotonic_ns()}"}).encode()
    answer = lab.call("POST", f"{PREFIX}/tokens/", body, {"Content-Type": "application/json"})
    assert answer.status == 201, answer
    return answer.json["id"], answer.json["token"]


def everything(reader: Listener, lab: Lab, mark: str) -> list[dict[str, Any]]:
    """Return what a reader is told of testjobs until it has heard of what happens now."""
    before = len(reader.heard)
    add_system(lab, mark)
    # that may be part of how everything stands; what happens behind that is not
    reader.until("device", device=mark)
    set_health(lab, mark, "bad")
    reader.until("device", device=mark, health="Bad")
    return [dict(told.data) for told in reader.heard[before:] if told.kind == "testjob"]


def test_49_a_frame_is_an_array_of_five_strings(lab: Lab) -> None:
    """Item 49: topic, UUID, time, user and data, a JSON object; and what is read is what has just happened."""
    with read(lab) as reader:
        add_system(lab, "frame")
        told = reader.until("device", device="frame")
        assert told.topic == "org.lavasoftware.device"
        assert told.username == "lavaserver"
        set_health(lab, "frame", "maintenance")
        assert reader.until("device", device="frame").data["health"] == "Maintenance"
        recipe = submit(lab, "frame")
        assert reader.until("testjob", job=str(recipe)).data["state"] == "Submitted"


def test_50_who_comes_is_told_how_everything_stands(lab: Lab) -> None:
    """Item 50, trap 4: devices, workers and jobs are there at once, each once."""
    add_system(lab, "before")
    recipe = submit(lab, "before")
    with read(lab) as reader:
        everything(reader, lab, "before-end")
        names = {"testjob": "job", "device": "device", "worker": "hostname"}
        seen = [(told.kind, told.data[names[told.kind]]) for told in reader.heard]
        assert seen.count(("device", "before")) == 1
        assert seen.count(("testjob", str(recipe))) == 1
        assert any(told.kind == "worker" for told in reader.heard)


def test_51_topics_are_chosen(lab: Lab) -> None:
    """Item 51: who asks for devices gets these alone; what is no topic is refused."""
    with read(lab, "?topics=device") as reader:
        add_system(lab, "chosen")
        submit(lab, "chosen")
        set_health(lab, "chosen", "bad")
        reader.until("device", device="chosen", health="Bad")
        assert {told.kind for told in reader.heard} == {"device"}
    with read(lab, "?topics=device,weather") as reader:
        words, code = reader.refused()
        assert ("topics are" in words, code) == (True, 1008)


def test_52_private_jobs_are_told_to_owner_and_admin_alone(lab: Lab) -> None:
    """Item 52: neither live, nor when somebody comes, nor from the past."""
    add_system(lab, "private")
    (_, owner), (_, other) = token_of(lab, "owner"), token_of(lab, "other")
    with (
        read(lab) as anyone,
        read(lab, **basic("other", other)) as stranger,
        read(lab, **basic("owner", owner)) as mine,
        read(lab, **basic("admin", lab.token)) as admin,
    ):
        readers = {"anyone": anyone, "stranger": stranger, "mine": mine, "admin": admin}
        recipe = submit(lab, "private", owner, visibility="private")
        saw = {}
        for name, reader in readers.items():
            everything(reader, lab, f"private-{name}")
            saw[name] = any(told.data.get("job") == str(recipe) for told in reader.heard)
        assert saw == {"anyone": False, "stranger": False, "mine": True, "admin": True}
    for query in ("", "?since=0"):
        for headers, expected in (({}, False), (basic("other", other), False), (basic("owner", owner), True)):
            with read(lab, query, **headers) as reader:
                everything(reader, lab, f"mark{time.monotonic_ns()}")
                assert any(told.data.get("job") == str(recipe) for told in reader.heard) is expected


def test_52_a_system_hears_of_its_own_jobs(lab: Lab) -> None:
    """Who comes with a system's key is told of the jobs that it has, and of nothing else."""
    add_system(lab, "own")
    add_system(lab, "foreign")
    key = lab.call("POST", f"{PREFIX}/systems/own/key").json["key"]
    with read(lab, **{"LAVA-Host": "own", "LAVA-Token": key}) as reader:
        submit(lab, "foreign")
        recipe = submit(lab, "own")
        for name in ("foreign", "own"):
            lab.call("POST", f"{PREFIX}/systems/{name}/claim?wait=5")
        reader.until("testjob", job=str(recipe))
        assert {(told.kind, told.data["device"]) for told in reader.heard} == {("testjob", "own")}


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"Authorization": "Digest nonsense"}, "Only Basic authentication is supported"),
        ({"Authorization": "Basic nonsense!"}, "Invalid basic authentication"),
        ({"Authorization": "Basic bm9jb2xvbg=="}, "Invalid basic authentication"),
        (basic("admin", "wrong"), "Invalid basic authentication"),
        ({"Authorization": "Bearer wrong"}, "Invalid basic authentication"),
        ({"LAVA-Host": "nowhere", "LAVA-Token": "x"}, "Unknown worker"),
        ({"LAVA-Host": "keyed", "LAVA-Token": "x"}, "Invalid worker token"),
    ],
)
def test_53_wrong_credentials_are_told_so_and_let_go(lab: Lab, headers: dict[str, str], words: str) -> None:
    """Item 53: the sentence comes after the upgrade, then the end; nothing is told before."""
    if words == "Invalid worker token":
        add_system(lab, "keyed")
        lab.call("POST", f"{PREFIX}/systems/keyed/key")
    with read(lab, **headers) as reader:
        assert reader.refused() == (words, 1008)


def test_53_a_token_of_somebody_else(lab: Lab) -> None:
    """The user that goes with a token is the token's."""
    with read(lab, **basic("somebody", lab.token)) as reader:
        assert reader.refused() == ("Unknown user", 1008)


def test_53_the_path_without_its_slash(lab: Lab) -> None:
    """Item 53: `/x/RPC2` goes with `/x/ws/`; without the slash it is the same."""
    with listening(lab, path=f"{PREFIX}/ws") as reader:
        assert reader.next().topic


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://elsewhere.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "https://board.example", "Sec-Fetch-Site": "cross-site"}, 101),
        ({"Origin": "http://127.0.0.1:PORT"}, 101),
        ({"Origin": "null"}, 403),
    ],
)
def test_pages_of_other_sites_do_not_read(lab: Lab, headers: dict[str, str], status: int) -> None:
    """A browser would lend them its user's credentials, and its place in the network."""
    sent = {name: value.replace("PORT", str(lab.port)) for name, value in headers.items()}
    if status == 101:
        with read(lab, **sent) as reader:
            assert reader.next()
        return
    with pytest.raises(InvalidStatus) as refused, read(lab, **sent):
        pass
    assert refused.value.response.status_code == status


def test_what_happened_since(lab: Lab) -> None:
    """Behind an event's id, a message, or a time: all of it in order, then what happens, nothing twice."""
    add_system(lab, "since")
    with read(lab) as reader:
        set_health(lab, "since", "bad")
        first = reader.until("device", device="since", health="Bad")
    set_health(lab, "since", "good")
    set_health(lab, "since", "maintenance")
    for since in (first.uuid, first.time.replace("+", "%2B")):
        with read(lab, f"?since={since}&topics=device") as reader:
            set_health(lab, "since", "bad")
            reader.until("device", device="since", health="Bad") if since != first.uuid else None
            reader.until("device", device="since", health="Maintenance")
            reader.until("device", device="since", health="Bad")
            told = [one.data["health"] for one in reader.heard if one.data["device"] == "since"]
            assert told[-3:] == ["Good", "Maintenance", "Bad"]
            assert len({one.uuid for one in reader.heard}) == len(reader.heard)
        set_health(lab, "since", "good")
        set_health(lab, "since", "maintenance")
    with read(lab, "?since=yesterday") as reader:
        words, code = reader.refused()
        assert ("since is" in words, code) == (True, 1008)

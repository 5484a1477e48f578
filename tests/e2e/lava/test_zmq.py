"""Events by ZMQ, as lavacli of old and whoever else subscribes get them, from a whole Tackroom."""

import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from lab import Lab, free_port, running_lab
from lavacli import Lavacli
from subscriber import knocking, subscribed
from waiting import until

from wsgi_app.protocols.lava.events import event_of

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def listen() -> str:
    """Where it publishes."""
    return f"tcp://127.0.0.1:{free_port()}"


@pytest.fixture(scope="module")
def lab(listen: str) -> Iterator[Lab]:
    """A lab that publishes by ZMQ."""
    with running_lab("none", TACKROOM_ZMQ_LISTEN=listen, TACKROOM_SERVER_ID="lab1") as made:
        made.post("/systems/", {"name": "m0"})
        yield made


def patch(lab: Lab, path: str, value: dict[str, Any]) -> None:
    """Change something."""
    answer = lab.call("PATCH", path, json.dumps(value).encode(), {"Content-Type": "application/json"})
    assert answer.status == 200, answer


def run_job(lab: Lab, system: str, log: bytes = b"", **more: object) -> tuple[int, int]:
    """Have a job run on a new system; return the ids of job and recipe."""
    lab.post("/systems/", {"name": system})
    recipes = [{"system": system, "tasks": [{"name": "t", "command": ["true"]}]}]
    job = lab.post("/jobs/", {"recipe_sets": [{"recipes": recipes}], "name": "smoke", **more})
    recipe = lab.claim(system)
    task = f"/recipes/{recipe['id']}/tasks/{recipe['tasks'][0]['id']}"
    for status in ("Running", "Completed"):
        if status == "Completed" and log:
            assert lab.call("PUT", f"{task}/logs/taskout.log", log, {}, recipe["key"]).status in (201, 204)
        assert lab.call("POST", f"{task}/status", f"status={status}".encode(), FORM, recipe["key"]).status == 204
    number = job["id"]
    until(lambda: lab.call("GET", f"/jobs/{number}").json["settled"], "the job is settled")
    return number, recipe["id"]


def test_54_five_frames(lab: Lab, listen: str) -> None:
    """Items 46, 54: whoever subscribes gets five frames of each message that anyone may read, once and in order."""
    with subscribed(listen, knocking(lab, "m0")) as subscriber:
        _, hidden = run_job(lab, "m1", visibility="private")
        _, recipe = run_job(lab, "m2")
        until(lambda: subscriber.has("testjob", job=str(recipe), state="Finished", health="Complete"), "its end")
        names = [name for _, name, _, _, _ in subscriber.heard]
        assert len(set(names)) == len(names)
        assert [event_of(name) for name in names] == sorted(event_of(name) or 0 for name in names)
        of_device = [json.loads(data) for topic, _, _, _, data in subscriber.heard if topic.endswith(".device")]
        states = [device["state"] for device in of_device if device["device"] == "m2"]
        assert states == ["Idle", "Reserved", "Running", "Idle"]
        assert not subscriber.has("testjob", job_id=hidden)


def test_51_events_of_tests(lab: Lab, listen: str) -> None:
    """Item 51: what a test tells by `lava-test-event` comes by the topic `event`, with the job as a text."""
    with subscribed(listen, knocking(lab, "m0")) as subscriber:
        _, recipe = run_job(lab, "m3", b"<LAVA_SIGNAL_STARTRUN 0_smoke 1>\n<LAVA_SIGNAL_TESTEVENT flashed it>\n")
        until(lambda: subscriber.has("event", job=str(recipe), message="flashed it"), "the event")
        assert len([topic for topic, *_ in subscriber.heard if topic.endswith(".event")]) == 1


@pytest.fixture
def lavacli(lab: Lab, listen: str, tmp_path_factory: pytest.TempPathFactory) -> Lavacli:
    """The oldest of the stock clients, as user admin."""
    return Lavacli.of("1.2", lab, tmp_path_factory.mktemp("home"))


def test_54_lavacli_of_old(lab: Lab, listen: str, lavacli: Lavacli) -> None:
    """Item 54: lavacli 1.2 is told where to listen, and its `events wait` returns."""
    patch(lab, "/lab", {"health": "active"})
    waiting = lavacli.popen("events", "wait", "worker", "lab1", "--health", "MAINTENANCE")
    healths = ["active", "maintenance"]

    def over() -> bool:
        # it says nothing when it has subscribed
        healths.reverse()
        patch(lab, "/lab", {"health": healths[0]})
        return waiting.poll() is not None

    until(over, "it returns", 60)
    said, complaints = waiting.communicate()
    assert waiting.returncode == 0, complaints
    assert f"Listening to {listen}" in said
    patch(lab, "/lab", {"health": "active"})


def test_nothing_is_lost_while_it_is_down(lab: Lab, listen: str) -> None:
    """What happens while the publisher is dead is published by the next one."""
    with subscribed(listen, knocking(lab, "m0")) as subscriber:
        patch(lab, "/systems/m0", {"health": "good"})
        patch(lab, "/systems/m0", {"health": "retired"})
        until(lambda: subscriber.has("device", device="m0", health="Retired"), "the last before")
        beat = json.loads((lab.data / "run/publisher.json").read_text())
        os.kill(beat["pid"], signal.SIGKILL)
        patch(lab, "/systems/m0", {"health": "unknown"})
        until(lambda: subscriber.has("device", device="m0", health="Unknown"), "what happened meanwhile", 30)

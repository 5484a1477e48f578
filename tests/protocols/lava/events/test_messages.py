"""What LAVA's readers of events are told, made from what really happens in a core."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from attrs import evolve
from corelab import CoreLab, core_lab
from toldlab import Ears

from wsgi_app.core.roll import Present, RollCall
from wsgi_app.model import System
from wsgi_app.protocols.lava.configuration import worker_name
from wsgi_app.protocols.lava.events import Messages, event_of
from wsgi_app.states import LabHealth, SystemHealth, TaskStatus, Visibility
from wsgi_app.submitted import NewJob, NewRecipe, NewRecipeSet, NewTask

ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?\+00:00")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[CoreLab]:
    """A fresh core."""
    with core_lab(tmp_path) as made:
        yield made


@pytest.fixture
def ears(lab: CoreLab) -> Ears:
    """Who hears all of it."""
    return Ears(lab)


def add(lab: CoreLab, *names: str) -> None:
    """Add systems of the type `bench`."""
    for name in names:
        lab.gateway.systems.add(lab.admin, System(name, "bench", (), None, SystemHealth.GOOD, None, None, None, None))


def submit(lab: CoreLab, *systems: str, **more: Any) -> list[int]:
    """Submit a set of recipes with a task each; return their ids."""
    group = NewRecipeSet(tuple(NewRecipe((NewTask("t"),), system=name) for name in systems))
    job = lab.gateway.jobs.submit(lab.admin, lambda: NewJob((group,), name="smoke", priority=70, **more))
    return [recipe.id for recipe in job.recipe_sets[0].recipes]


def run(lab: CoreLab, number: int) -> None:
    """Run a recipe to its end."""
    lab.finish(lab.recipe(number))
    lab.gateway.recipes.settle(number)


def test_49_five_strings(lab: CoreLab, ears: Ears) -> None:
    """Item 49: each message is an array of five strings, of which the last is an object."""
    add(lab, "m1")
    (number,) = submit(lab, "m1")
    lab.gateway.recipes.issue_key(lab.admin, number)
    run(lab, number)
    lab.gateway.lab.change(lab.admin, health=LabHealth.MAINTENANCE)
    assert {message.topic_kind for message in ears.hear()} == {"device", "testjob", "worker"}
    for message in ears.heard:
        words = json.loads(message.json())
        assert [type(word) for word in words] == [str] * 5
        assert words == list(message.frames())
        topic, name, time, username, data = words
        assert topic == f"org.lavasoftware.{message.topic_kind}"
        assert (UUID(name).version, event_of(name)) == (1, message.event_id)
        assert ISO.fullmatch(time)
        assert username == ("admin" if message.topic_kind == "testjob" else "lavaserver")
        assert isinstance(json.loads(data), dict)


def test_46_devices_and_testjobs_of_a_run(lab: CoreLab, ears: Ears) -> None:
    """Item 46: a device is Idle, Reserved, Running, Idle, each told once; its job is named while it has one."""
    add(lab, "m1")
    (number,) = submit(lab, "m1")
    lab.gateway.recipes.issue_key(lab.admin, number)
    lab.gateway.systems.tag(lab.admin, "m1", add="kvm")
    lab.gateway.systems.change(lab.admin, "m1", description="the first", health=SystemHealth.GOOD)
    lab.finish(lab.recipe(number))
    lab.gateway.systems.change(lab.admin, "m1", health=SystemHealth.MAINTENANCE)
    lab.gateway.recipes.settle(number)
    same = {"device": "m1", "device_type": "bench", "worker": worker_name(lab.config)}
    assert ears.of("device") == [
        {**same, "state": "Idle", "health": "Good"},
        {**same, "state": "Reserved", "health": "Good", "job": str(number)},
        {**same, "state": "Running", "health": "Good", "job": str(number)},
        {**same, "state": "Idle", "health": "Good"},
        {**same, "state": "Idle", "health": "Maintenance"},
    ]
    jobs = ears.of("testjob")
    assert [(job["state"], job["health"]) for job in jobs] == [
        ("Submitted", "Unknown"),
        ("Scheduled", "Unknown"),
        ("Running", "Unknown"),
        ("Finished", "Complete"),
    ]
    facts = {"job_id": number, "description": "smoke", "priority": 70, "submitter": "admin", "health_check": False}
    for job in jobs:
        assert facts.items() <= job.items()
        assert job["device_type"] == "bench"
        assert "sub_id" not in job
    assert [job.get("device") for job in jobs] == [None, "m1", "m1", "m1"]
    assert [("start_time" in job, "end_time" in job) for job in jobs] == [
        (False, False),
        (False, False),
        (True, False),
        (True, True),
    ]
    assert [message.system for message in ears.heard if message.topic_kind == "testjob"] == [None, "m1", "m1", "m1"]
    ears.check()


def test_46_health_of_a_device_that_works(lab: CoreLab, ears: Ears) -> None:
    """Item 46: what changes is the health; what it does is told as it is. One that goes was retired."""
    add(lab, "m1")
    (number,) = submit(lab, "m1")
    for health in (SystemHealth.BAD, SystemHealth.UNKNOWN):
        lab.gateway.systems.change(lab.admin, "m1", health=health, reason="fan")
    lab.gateway.recipes.issue_key(lab.admin, number)
    lab.gateway.systems.change(lab.admin, "m1", health=SystemHealth.BAD)
    lab.gateway.tasks.update(lab.admin, number, lab.recipe(number).tasks[0].id, status=TaskStatus.RUNNING)
    lab.gateway.systems.change(lab.admin, "m1", health=SystemHealth.GOOD)
    run(lab, number)
    lab.gateway.systems.remove(lab.admin, "m1")
    assert [(device["state"], device["health"]) for device in ears.of("device")] == [
        ("Idle", "Good"),
        ("Idle", "Bad"),
        ("Idle", "Unknown"),
        ("Reserved", "Unknown"),
        ("Reserved", "Bad"),
        ("Running", "Bad"),
        ("Running", "Good"),
        ("Idle", "Good"),
        ("Idle", "Retired"),
    ]


def test_ids_are_strings(lab: CoreLab) -> None:
    """Trap 3: lavacli compares `job` with a text; `job_id` is the number. Who wants numbers there can have them."""
    add(lab, "m1", "m2")
    (number,) = submit(lab, "m1")
    first, second = submit(lab, "m1", "m2")
    told = lab.gateway.feed.after(0, 1000)
    messages = Messages(lab.gateway, lab.config).of(told)
    jobs = [message.data for message in messages if message.topic_kind == "testjob"]
    assert [job["job"] for job in jobs] == [str(number), f"{first}.0", f"{first}.1"]
    assert [job["job_id"] for job in jobs] == [number, first, second]
    assert [job.get("sub_id") for job in jobs] == [None, f"{first}.0", f"{first}.1"]
    numbers = Messages(lab.gateway, evolve(lab.config, event_job_as="int", event_topic="lab.one")).of(told)
    jobs = [message.data for message in numbers if message.topic_kind == "testjob"]
    assert [job["job"] for job in jobs] == [number, f"{first}.0", f"{first}.1"]
    assert {message.topic for message in numbers} == {"lab.one.device", "lab.one.testjob"}


def test_scheduling(lab: CoreLab, ears: Ears) -> None:
    """Of a set, who waits while another has its device is Scheduling; it starts when all have theirs."""
    add(lab, "m1", "m2")
    first, second = submit(lab, "m1", "m2")
    lab.gateway.recipes.issue_key(lab.admin, first)
    ears.check()
    lab.gateway.recipes.issue_key(lab.admin, second)
    ears.check()
    told = [(job["job_id"], job["state"]) for job in ears.of("testjob")]
    assert told == [
        (first, "Submitted"),
        (second, "Submitted"),
        (first, "Scheduled"),
        (second, "Scheduling"),
        (second, "Scheduled"),
    ]


def test_cancelled(lab: CoreLab, ears: Ears) -> None:
    """A job that runs is Canceling until its logs are closed, then Finished; one that waits is Finished at once."""
    add(lab, "m1")
    running, waiting = submit(lab, "m1")[0], submit(lab, "m1")[0]
    lab.gateway.recipes.issue_key(lab.admin, running)
    lab.gateway.tasks.update(lab.admin, running, lab.recipe(running).tasks[0].id, status=TaskStatus.RUNNING)
    ears.hear()
    for number in (running, waiting):
        lab.gateway.jobs.cancel(lab.admin, lab.recipe(number).job)
    lab.gateway.recipes.settle(running, late=True)
    new = ears.hear()
    told = [(m.data["job_id"], m.data["state"], m.data["health"]) for m in new if m.topic_kind == "testjob"]
    assert told == [
        (running, "Canceling", "Unknown"),
        (waiting, "Finished", "Canceled"),
        (running, "Finished", "Canceled"),
    ]


def test_52_private_jobs(lab: CoreLab, ears: Ears) -> None:
    """Item 52: a private job's messages say whose they are, and its device's do not name it."""
    add(lab, "m1")
    (number,) = submit(lab, "m1", visibility=Visibility.PRIVATE)
    lab.gateway.recipes.issue_key(lab.admin, number)
    assert {m.private_to for m in ears.hear() if m.topic_kind == "testjob"} == {"admin"}
    assert [(device["state"], "job" in device) for device in ears.of("device")] == [
        ("Idle", False),
        ("Reserved", False),
    ]
    assert {m.private_to for m in ears.heard if m.topic_kind == "device"} == {None}
    _, now = ears.messages.now(600, 1000)
    assert {m.private_to for m in now if m.topic_kind == "testjob"} == {"admin"}
    assert not [m for m in now if m.topic_kind == "device" and "job" in m.data]


def test_workers(lab: CoreLab, ears: Ears) -> None:
    """The lab controller is a worker, and has the lab's health; a Buildbot worker has that of its system."""
    own = worker_name(lab.config)
    lab.gateway.workers.add(lab.admin, System("w1", None, (), None, SystemHealth.GOOD, None, None, None, None))
    lab.gateway.lab.change(lab.admin, health=LabHealth.MAINTENANCE)
    lab.gateway.lab.change(lab.admin, description="moved")
    for health in (SystemHealth.UNKNOWN, SystemHealth.BAD, SystemHealth.MAINTENANCE, SystemHealth.GOOD):
        lab.gateway.systems.change(lab.admin, "w1", health=health)
    assert ears.of("worker") == [
        {"hostname": own, "state": "Offline", "health": "Maintenance"},
        {"hostname": "w1", "state": "Offline", "health": "Maintenance"},
        {"hostname": "w1", "state": "Offline", "health": "Active"},
    ]
    assert [device["worker"] for device in ears.of("device")] == ["w1"] * 5


def test_workers_come_and_go(lab: CoreLab, ears: Ears) -> None:
    """A Buildbot worker is Online when its gateway says so first, and Offline when it leaves; its device stays Idle."""
    lab.gateway.workers.add(lab.admin, System("w1", None, (), None, SystemHealth.GOOD, None, None, None, None))
    there = Present("w1", "4.3.0", None, heard=0.0, detach=False)
    for sequence, present in enumerate([(there,), (there,), (), (), (there,)], 1):
        lab.gateway.roll_calls.call(lab.admin, RollCall("0" * 16, sequence, present), wait=0)
    assert [(worker["state"], worker["health"]) for worker in ears.of("worker")] == [
        ("Online", "Active"),
        ("Offline", "Active"),
        ("Online", "Active"),
    ]
    assert [(device["state"], device["health"]) for device in ears.of("device")] == [("Idle", "Good")]
    _, now = ears.messages.now(600, 1000)
    assert [m.data["state"] for m in now if m.data.get("hostname") == "w1"] == ["Online"]


def test_a_submitter_called_error(lab: CoreLab, ears: Ears) -> None:
    """A listener of LAVA ends at the word `error`: it stands nowhere alone."""
    add(lab, "m1")
    submit(lab, "m1")
    (message,) = [message for message in ears.hear() if message.topic_kind == "testjob"]
    assert evolve(message, username="error").frames()[3] == "error (user)"
    assert evolve(message, username="errors").frames()[3] == "errors"


def test_how_everything_is(lab: CoreLab, ears: Ears) -> None:
    """Trap 4: who connects is told how each thing is, once, as of the newest event, by names that stay."""
    add(lab, "m1", "m2")
    done, running, waiting = submit(lab, "m1")[0], submit(lab, "m2")[0], submit(lab, "m2")[0]
    lab.gateway.recipes.issue_key(lab.admin, done)
    run(lab, done)
    lab.gateway.recipes.issue_key(lab.admin, running)
    lab.gateway.tasks.update(lab.admin, running, lab.recipe(running).tasks[0].id, status=TaskStatus.RUNNING)
    ears.hear()
    reached, now = ears.messages.now(600, 1000)
    assert reached == lab.gateway.feed.latest() == ears.reached
    told = [(m.topic_kind, m.data.get("device"), m.data.get("job"), m.data["state"], m.data["health"]) for m in now]
    assert told == [
        ("device", "m1", None, "Idle", "Good"),
        ("device", "m2", str(running), "Running", "Good"),
        ("worker", None, None, "Offline", "Active"),
        ("testjob", "m2", str(running), "Running", "Unknown"),
        ("testjob", None, str(waiting), "Submitted", "Unknown"),
        ("testjob", "m1", str(done), "Finished", "Complete"),
    ]
    names = [message.uuid for message in now]
    assert len(set(names) | {message.uuid for message in ears.heard}) == len(names) + len(ears.heard)
    assert {event_of(name) for name in names} == {reached}
    assert [message.uuid for message in ears.messages.now(600, 1000)[1]] == names
    assert [m.uuid for m in ears.messages.now(-1, 1000)[1]] == names[:-1]
    assert [m.uuid for m in ears.messages.now(600, 0)[1]] == names[:-1]


@pytest.mark.parametrize("name", ["", "5", "error", "123e4567-e89b-42d3-a456-426614174000", "0" * 40])
def test_names_that_are_not_ours(name: str) -> None:
    """What was not made here says nothing."""
    assert event_of(name) is None


def test_a_fresh_lab(lab: CoreLab, ears: Ears) -> None:
    """Where nothing ever happened, there is the lab."""
    reached, now = ears.messages.now(600, 1000)
    assert reached == 0
    assert [message.topic_kind for message in now] == ["worker"]
    assert json.loads(now[0].json())[2] == "1970-01-01T00:00:00+00:00"

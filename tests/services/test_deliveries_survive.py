"""Publishers that are killed, labs that are restarted, databases that come back: a message arrives once, or is failed.

Checklist: readers-lava.md section 12, item 62.
"""

import os
import random
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import partial

import pytest
from acting import Acting
from lab import Lab, reachable_directory, running_lab
from receiver import PRIVATE, Receiver, deliveries, notify, over, receiving
from waiting import until

SETTINGS = {"TACKROOM_CALLBACK_PRIVATE": PRIVATE, "TACKROOM_DELIVERY_RETRY_SECONDS": "0.2"}
PUBLISHER = "wsgi_app.cli publisher"


@pytest.fixture
def lab() -> Iterator[Lab]:
    """A lab that tries again at once."""
    with running_lab("none", **SETTINGS) as lab:
        yield lab


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver."""
    with receiving() as receiver:
        yield receiver


def kill(lab: Lab) -> None:
    """Kill the publisher that runs; serve starts another one."""
    for pid in lab.pids(PUBLISHER):
        # it may be gone by itself
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def order(lab: Lab, receiver: Receiver, number: int = 1) -> None:
    """Have messages sent."""
    for _ in range(number):
        lab.post("/deliveries/test", {"method": "callback", "target": receiver.url()})


def arrived(receiver: Receiver, least: int) -> bool:
    """Whether so many messages have come."""
    return len(receiver.got) >= least


def check(found: list[dict[str, object]], receiver: Receiver) -> None:
    """Each came once and is delivered, or it is failed with the reason and came at most once."""
    keys = receiver.keys()
    for one in found:
        if one["state"] == "delivered":
            assert keys[str(one["key"])] == 1, one
        else:
            assert one["state"] == "failed"
            assert "the publisher ended while it was being sent" in str(one["reason"]), one
            assert keys[str(one["key"])] <= 1, one


def test_62_killed_at_any_moment(lab: Lab, receiver: Receiver) -> None:
    """Item 62: kill -9 while messages go out, again and again."""
    dice, each, rounds = random.Random(62), 20, 2  # noqa: S311 - which moments these are does not matter
    number = each * rounds
    for _ in range(rounds):
        until(lambda: lab.pids(PUBLISHER), "a publisher", 30)
        least = len(receiver.got) + dice.randint(1, each // 2)
        ordering = threading.Thread(target=order, args=(lab, receiver, each))
        ordering.start()
        until(partial(arrived, receiver, least), "some arrive", 30, at_once=True)
        kill(lab)
        ordering.join()
    found = over(lab, number, 40)
    assert len(found) == number
    check(found, receiver)
    assert sum(one["state"] == "delivered" for one in found) > number / 2


def test_62_killed_while_the_receiver_reads(lab: Lab, receiver: Receiver) -> None:
    """The receiver has it, and nobody learns that: failed, with the reason, and not sent by the next publisher."""
    receiver.meanwhile = lambda _: kill(lab)
    order(lab, receiver)
    receiver.wait()
    receiver.meanwhile = lambda _: None
    (found,) = over(lab, 1, 40)
    assert found["state"] == "failed"
    check([found], receiver)
    order(lab, receiver)
    assert over(lab, 2)[1]["state"] == "delivered"
    assert set(receiver.keys().values()) == {1}


def test_62_restarted_between_two_attempts(lab: Lab, receiver: Receiver) -> None:
    """The lab is stopped while a message waits for its next attempt: it is neither lost nor doubled."""
    receiver.answers += [(503, {"Retry-After": "5"})]
    acting = Acting(lab, "smoke", system="between", notify=notify({"url": receiver.url()})).claim()
    acting.run(0)
    receiver.wait()
    until(lambda: deliveries(lab)[0]["attempts"], "the attempt is noted")
    assert deliveries(lab)[0]["state"] == "waiting"
    lab.stop()
    lab.start()
    (found,) = over(lab, 1)
    assert (found["state"], found["attempts"], len(receiver.got)) == ("delivered", 2, 2)


def test_62_an_older_database(lab: Lab, receiver: Receiver) -> None:
    """The database is put back as it was when a message waited; it was sent since, and the journal knows."""
    receiver.answers += [(503, {"Retry-After": "2"})]
    order(lab, receiver)
    receiver.wait()
    until(lambda: deliveries(lab)[0]["attempts"], "the attempt is noted")
    lab.stop()
    names = [path.name for path in lab.data.glob("tackroom.db*")]
    place = reachable_directory()
    try:
        for name in names:
            shutil.copy2(lab.data / name, place / name)
        lab.start()
        (sent,) = over(lab, 1)
        assert (sent["state"], len(receiver.got)) == ("delivered", 2)
        lab.stop()
        for path in lab.data.glob("tackroom.db*"):
            path.unlink()
        for name in names:
            shutil.copy2(place / name, lab.data / name)
            shutil.chown(lab.data / name, lab.data.stat().st_uid, lab.data.stat().st_gid)
        lab.start()
        (found,) = over(lab, 1)
    finally:
        shutil.rmtree(place)
    assert (found["state"], found["attempts"], len(receiver.got)) == ("delivered", 2, 2)


def test_62_restored_elsewhere(lab: Lab, receiver: Receiver) -> None:
    """What waited, and what the recipes of a backup would tell, is failed: it may have been sent since."""
    receiver.answers += [(503, {"Retry-After": "3000"})]
    waited = Acting(lab, "smoke", system="waited", notify=notify({"url": receiver.url()})).claim()
    waited.run(0)
    receiver.wait()
    until(lambda: deliveries(lab) and deliveries(lab)[0]["attempts"], "the attempt is noted")
    running = Acting(lab, "smoke", system="running", notify=notify({"url": receiver.url()})).claim()
    running.status(0, "Running")
    place = reachable_directory()
    try:
        lab.command("backup", str(place / "copy"))
        running.status(0, "Completed")
        receiver.wait(2)
        lab.command("restore", str(place / "copy"), "--data", str(place / "data"))
        lab.stop()
        other = Lab(place / "data", "none", SETTINGS)
        other.start()
        try:
            found = over(other, 2, 40)
            assert {one["recipe"] for one in found} == {waited.recipe, running.recipe}
            assert {one["state"] for one in found} == {"failed"}
            assert all("the database was restored" in one["reason"] for one in found)
            later = Acting(other, "smoke", system="later", notify=notify({"url": receiver.url()})).claim()
            later.run(0)
            assert over(other, 3)[2]["state"] == "delivered"
        finally:
            other.end()
    finally:
        shutil.rmtree(place)
    assert len(receiver.got) == 3

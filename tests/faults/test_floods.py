"""Tiny logs as fast as they come, and a large one: all listed, indexed once, settled in time, in little memory."""

import hashlib
import threading
from collections import Counter
from pathlib import Path

import pytest
from acting import Acting
from flood import Tiny, flood
from lab import Lab
from waiting import until

RECIPES = 4
TINY = 2000
RANGE = 10 << 20
RANGES = 26
#: MiB of memory that a process may have (design.md section 10)
MOST_MEMORY = 150


def task_logs(acting: Acting) -> str:
    """The path below which the first task's logs lie."""
    return f"/recipes/{acting.recipe}/tasks/{acting.tasks[0]}/logs/"


@pytest.mark.timeout(180)
def test_two_thousand_tiny_logs(apache_lab: Lab) -> None:
    """Each is answered 201, listed, indexed once as what it is, and told by one event; no recipe settles late."""
    lab = apache_lab
    acting = [Acting(lab, "one", system=f"tiny-{number}").claim() for number in range(RECIPES)]
    for one in acting:
        one.status(0, "Running")
    logs = [
        Tiny(f"{task_logs(one)}{number}.log", one.key, b"log %d of %d\n" % (number, one.recipe))
        for number in range(TINY // RECIPES)
        for one in acting
    ]
    first = newest(lab)
    flooded = flood(lab.port, logs, 16)
    assert flooded.statuses == {201: TINY}
    for one in acting:
        one.status(0, "Completed")
    for one in acting:
        job = lab.settled(one.job, 90)
        assert (job["verdict"], job["recipe_sets"][0]["recipes"][0]["late"]) == ("pass", False)
        assert found(one) == {
            f"tasks/{one.tasks[0]}/logs/{number}.log": (
                "finished",
                hashlib.sha256(b"log %d of %d\n" % (number, one.recipe)).hexdigest(),
            )
            for number in range(TINY // RECIPES)
        }
    told = Counter((data["recipe"], data["path"], data["state"]) for data in log_events(lab, first))
    assert set(told.values()) == {1}
    assert len(told) == 2 * TINY


def newest(lab: Lab) -> int:
    """The id of the newest event."""
    after = 0
    while events := lab.call("GET", f"/events?after={after}&limit=1000").json["events"]:
        after = events[-1]["id"]
    return after


def log_events(lab: Lab, after: int) -> list[dict[str, object]]:
    """What events have told of logs."""
    told = []
    while events := lab.call("GET", f"/events?topic=log&after={after}&limit=1000").json["events"]:
        told += [event["data"] for event in events]
        after = events[-1]["id"]
    return told


def found(acting: Acting) -> dict[str, tuple[str, str]]:
    """State and fingerprint of all logs of a recipe."""
    logs, after = {}, f"/recipes/{acting.recipe}/log-index?limit=1000"
    page = acting.lab.call("GET", after).json
    logs.update({log["path"]: (log["state"], log["sha256"]) for log in page["logs"]})
    assert page["next"] is None
    return logs


@pytest.mark.timeout(180)
def test_a_large_log(apache_lab: Lab) -> None:
    """260 MiB in ranges of 10 MiB arrive whole, are indexed as they are, and no process grows by them."""
    lab = apache_lab
    acting = Acting(lab, "one", system="large").claim()
    acting.status(0, "Running")
    part = (b"x" * 78 + b"\n") * (RANGE // 79 + 1)
    part = part[:RANGE]
    whole = hashlib.sha256()
    memory = Memory(lab)
    with memory:
        for number in range(RANGES):
            span = {"Content-Range": f"bytes {number * RANGE}-{(number + 1) * RANGE - 1}/*"}
            answer = lab.call("PUT", f"{task_logs(acting)}large.log", part, span, acting.key)
            assert answer.status == (204 if number else 201)
            whole.update(part)
        acting.status(0, "Completed")
        lab.settled(acting.job, 90)
    assert found(acting) == {f"tasks/{acting.tasks[0]}/logs/large.log": ("finished", whole.hexdigest())}
    assert memory.samples > 5
    assert max(memory.most.values()) < MOST_MEMORY, memory.most
    grown = {pid: most - memory.first[pid] for pid, most in memory.most.items() if pid in memory.first}
    # a body's size at most, and what a parser takes for itself; not what the log has
    assert max(grown.values()) < 48, grown


class Memory:
    """Looks at the resident memory of all processes of a lab, in MiB, again and again."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.first: dict[int, float] = {}
        self.most: dict[int, float] = {}
        self.samples = 0

    def __enter__(self) -> "Memory":
        self._thread.start()
        until(lambda: self.samples, "the first sample")
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.3):
            for pid in self._lab.pids(""):
                try:
                    mine = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 2**20
                except (FileNotFoundError, ProcessLookupError):
                    continue
                self.first.setdefault(pid, mine)
                self.most[pid] = max(mine, self.most.get(pid, 0.0))
            self.samples += 1

"""kill -9 of every process, again and again, under the load of a fleet; and whether its proof would notice a loss."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from attrs import frozen
from fleet.fleet import Fleet
from fleet.killer import VICTIMS, Killer
from fleet.ledger import Reported
from fleet.proof import Proof
from lab import Lab, running_lab
from waiting import until

KILLS = 50
SEED = "under load"
#: on a busy machine a recipe is not to be settled before its logs are indexed
SETTINGS = {"TACKROOM_GRACE_SECONDS": "1", "TACKROOM_SETTLE_SECONDS": "300"}
#: seconds in which the gate is mended where a process died between a commit and its gate: the timer looks once a minute
GATE_SECONDS = 75

# a fixture counts as the test that comes first
pytestmark = pytest.mark.timeout(600)


@frozen
class Worked:
    """A Tackroom in which all jobs are settled, and those who worked."""

    lab: Lab
    fleet: Fleet
    killer: Killer

    @property
    def read(self) -> dict[str, list[int]]:
        """The events that each reader has seen."""
        return {"pages": self.fleet.pages.seen, "stream": self.fleet.stream.seen}


@pytest.fixture(scope="module")
def worked() -> Iterator[Worked]:
    """Twenty harnesses have worked while fifty processes were killed."""
    with running_lab("apache", **SETTINGS) as lab:
        fleet = Fleet(lab, SEED)
        killer = Killer(lab, SEED, fleet.ledger.tally.delivered)
        fleet.start()
        begun = time.monotonic()
        killer.run(KILLS, threading.Event())
        killed = time.monotonic() - begun
        settled = fleet.finish(lambda: newest(lab))
        print(f"seed {SEED!r}: {dict(killer.kills)} in {killed:.0f} s; settled {settled:.1f} s later")
        print(f"{len(fleet.ledger.jobs)} jobs, {len(fleet.ledger.runs)} recipes, {fleet.ledger.tally}")
        yield Worked(lab, fleet, killer)


def test_nothing_acknowledged_is_lost_in_fifty_kills(worked: Worked) -> None:
    """All that was acknowledged is there, all that happened did so once, and the gate is what the database says."""
    proof = Proof(worked.lab, worked.fleet.ledger)
    wrong = proof.look(worked.read)
    assert not wrong, "\n".join(wrong)
    until(lambda: not proof.gate(), "the gate to agree with the database", GATE_SECONDS)
    assert set(worked.killer.kills) == set(VICTIMS)
    assert worked.fleet.ledger.tally.delivered() > KILLS * 5


def test_the_proof_would_notice(worked: Worked) -> None:
    """A byte, a result, a status, an event, a file, a recipe that ran twice: each that is wrong is named."""
    ledger, read = worked.fleet.ledger, worked.read
    run = next(run for run in ledger.runs if not run.abandoned)
    log = next(iter(run.logs.values()))
    task, status = next(iter(run.statuses.items()))
    recipe = worked.lab.data / "logs" / "recipes" / str(run.recipe)
    temporary = recipe / ".davfs.tmp123456"
    temporary.touch()
    flip(recipe / log.path)
    run.results.append(Reported(task, "a result that is lost", "Pass", 2**31 - 1, once=True, attempts=1))
    run.statuses[task] = "Running"
    ledger.runs.append(run)
    try:
        found = "\n".join(Proof(worked.lab, ledger).look({"pages": read["pages"][:5] + read["pages"][6:]}))
    finally:
        ledger.runs.pop()
        run.statuses[task] = status
        run.results.pop()
        flip(recipe / log.path)
        temporary.unlink()
    for words in (
        f"{run.recipe}/{log.path} on disk",
        f"{run.recipe}/{log.path} as it is served",
        f"result {2**31 - 1} of recipe {run.recipe}",
        f"task {task}: 'Completed', not 'Running'",
        f"recipes that ran twice: [{run.recipe}]",
        "pages: events missed",
        f"temporary files: ['{temporary}']",
    ):
        assert words in found, found


def flip(path: Path) -> None:
    """Change the last byte of a file, or change it back; nothing else that is known of it."""
    with path.open("r+b") as file:
        file.seek(-1, 2)
        byte = file.read(1)[0]
        file.seek(-1, 2)
        file.write(bytes([byte ^ 1]))


def newest(lab: Lab) -> int:
    """Return the id of the last event."""
    with closing(sqlite3.connect(f"file:{lab.data / 'tackroom.db'}?mode=ro", uri=True)) as database:
        found: int = database.execute("SELECT max(id) FROM events").fetchone()[0]
        return found

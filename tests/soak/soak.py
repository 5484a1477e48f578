"""A fleet at work while its controller's processes are killed, for as long as wanted: `make soak MINUTES=30`.

Before that, one log of 10 GiB and 100,000 tiny ones, with the memory of every process looked at. Prints its figures as
it goes, writes them to build/soak.json (a table to build/soak.md), and ends with status 1 when anything was lost.
Ctrl-C and SIGTERM break it off: its processes are ended and its files removed, and no figures are written.
"""

import shutil
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from fleet import crowd, giant
from fleet.figures import Figures
from fleet.fleet import Fleet
from fleet.killer import Killer
from fleet.line import MARGIN
from fleet.proof import Proof
from fleet.sampler import Sampler
from lab import Lab, running_lab

GIANT = 10 << 30
TINY = 100_000
#: seconds that the tiny logs may take
TINY_SECONDS = 900.0
#: MiB: design.md section 10
MEMORY = 150
#: seconds between two kills
PAUSE = (0.5, 3.0)
#: seconds until the gate has been mended: the timer looks once a minute
GATE_SECONDS = 75.0
#: bytes of disk that it needs
SPACE = GIANT + (10 << 30)
FIGURES = Path("build/soak.json")


def main(minutes: float) -> int:
    """Run all of it; return the exit status."""
    if shutil.disk_usage(tempfile.gettempdir()).free < SPACE:
        print(f"{tempfile.gettempdir()} needs {SPACE >> 30} GiB free")
        return 2
    figures = Figures()
    figures.add("minutes of load and kills", minutes, "min")
    lost = large(figures) + small(figures) + load(figures, minutes)
    figures.add("lost", lost, "", bar=0)
    figures.write(FIGURES)
    print(f"written: {FIGURES}")
    return int(lost > 0)


def large(figures: Figures) -> int:
    """The log of 10 GiB; returns how many logs were lost."""
    with running_lab("apache", TACKROOM_MAX_LOG=str(GIANT), TACKROOM_SETTLE_SECONDS="900") as lab, sampled(lab) as held:
        made = giant.upload(lab, GIANT)
        figures.add("10 GiB log: sent", GIANT / (1 << 20) / made.sent, "MiB/s")
        figures.add("10 GiB log: indexed after", made.indexed, "s")
        for kind, one in held.held.items():
            figures.add(f"10 GiB log: memory, largest {kind}", one.most, "MiB", bar=MEMORY)
        return int(not made.right)


def small(figures: Figures) -> int:
    """The tiny logs; returns how many were lost."""
    with running_lab("apache") as lab, sampled(lab) as held:
        made = crowd.upload(lab, TINY, TINY_SECONDS)
        taken = made.statuses.get(201, 0)
        figures.add("tiny logs: acknowledged", taken, "logs")
        figures.add("tiny logs: refused", sum(made.statuses.values()) - taken, "logs", bar=0)
        figures.add("tiny logs: sent", taken / made.sent, "logs/s")
        figures.add("tiny logs: 100,000 take, at that rate", 100_000 / taken * made.sent, "s", bar=60)
        figures.add("tiny logs: all indexed after", made.indexed, "s")
        for kind, one in held.held.items():
            figures.add(f"tiny logs: memory, largest {kind}", one.most, "MiB", bar=MEMORY)
        return taken - made.finished


def load(figures: Figures, minutes: float) -> int:
    """The fleet and the kills; returns how much was lost."""
    seed = str(time.time_ns())
    print(f"seed {seed}")
    with running_lab("apache", TACKROOM_GRACE_SECONDS="1", TACKROOM_SETTLE_SECONDS="300") as lab, sampled(lab) as held:
        fleet = Fleet(lab, seed)
        killer = Killer(lab, seed, fleet.ledger.tally.delivered, PAUSE)
        fleet.start()
        stop = threading.Event()
        killing = threading.Thread(target=killer.run, args=(None, stop))
        killing.start()
        end = time.monotonic() + minutes * 60
        try:
            while time.monotonic() < end and not fleet.ledger.troubles:
                stop.wait(max(0.0, min(60.0, end - time.monotonic())))
                tell(fleet, killer, held)
        finally:
            stop.set()
            killing.join()
        settled = fleet.finish(lambda: newest(lab))
        proof = Proof(lab, fleet.ledger)
        wrong = proof.look({"pages": fleet.pages.seen, "stream": fleet.stream.seen})
        wrong += [f"the gate of recipe {recipe}: {names}" for recipe, names in gate(proof).items()]
        for one in wrong[:50]:
            print(f"LOST: {one}")
        note(figures, fleet, killer, settled)
        note_processes(figures, lab, held)
        return len(wrong)


def tell(fleet: Fleet, killer: Killer, held: Sampler) -> None:
    """Print where it stands."""
    ledger = fleet.ledger
    memory = ", ".join(f"{kind} {one.last:.0f}" for kind, one in held.held.items())
    results = sum(len(run.results) for run in list(ledger.runs))
    print(
        f"{killer.kills.total()} kills, {ledger.tally.calls.total()} calls, {len(ledger.jobs)} jobs, "
        f"{len(ledger.runs)} recipes, {ledger.tally.written >> 20} MiB of logs, {results} results, "
        f"{len(fleet.stream.seen)} events; slowest answer {max(ledger.tally.longest.values()):.1f} s; "
        f"MiB: {memory}; troubles: {len(ledger.troubles)}",
        flush=True,
    )


def note(figures: Figures, fleet: Fleet, killer: Killer, settled: float) -> None:
    """Note what was done, and how long it took."""
    ledger = fleet.ledger
    figures.add("kill -9", killer.kills.total(), "kills")
    for victim, times in sorted(killer.kills.items()):
        figures.add(f"kill -9: {victim}", times, "kills")
    for (kind, outcome), times in sorted(ledger.tally.calls.items()):
        figures.add(f"calls: {kind}, {outcome}", times, "calls")
    figures.add("jobs", len(ledger.jobs), "jobs")
    figures.add("recipes", len(ledger.runs), "recipes")
    figures.add("results", sum(len(run.results) for run in ledger.runs), "results")
    figures.add("logs", sum(len(run.logs) for run in ledger.runs), "logs")
    figures.add("bytes of logs", ledger.tally.written / (1 << 20), "MiB")
    figures.add("events", len(fleet.pages.seen), "events")
    for kind, seconds in sorted(ledger.tally.longest.items()):
        figures.add(f"longest until answered: {kind}", seconds, "s", bar=60)
    figures.add("a waiting call held longer than asked, most", ledger.tally.overdue, "s", bar=MARGIN)
    figures.add("longest until a job was settled", max(job.seconds for job in ledger.jobs), "s")
    figures.add("all settled after the last kill", settled, "s", bar=60)


def note_processes(figures: Figures, lab: Lab, held: Sampler) -> None:
    """Note what the processes and the database have come to."""
    for kind, one in held.held.items():
        figures.add(f"memory of the largest {kind}: first", one.first, "MiB")
        figures.add(f"memory of the largest {kind}: last", one.last, "MiB")
        figures.add(f"memory of the largest {kind}: most", one.most, "MiB", bar=MEMORY)
        figures.add(f"open files of {kind}: most", one.files, "files")
    size = sum(path.stat().st_size for path in lab.data.glob("tackroom.db*"))
    figures.add("database", size / (1 << 20), "MiB")


def gate(proof: Proof) -> dict[int, tuple[set[str], set[str]]]:
    """Wait until the gate agrees with the database; return where it does not even then."""
    end = time.monotonic() + GATE_SECONDS
    while (differences := proof.gate()) and time.monotonic() < end:
        time.sleep(0.5)
    return differences


def newest(lab: Lab) -> int:
    """Return the id of the last event."""
    with closing(sqlite3.connect(f"file:{lab.data / 'tackroom.db'}?mode=ro", uri=True)) as database:
        found: int = database.execute("SELECT max(id) FROM events").fetchone()[0]
        return found


@contextmanager
def sampled(lab: Lab) -> Iterator[Sampler]:
    """Look at the processes all the while."""
    sampler, stop = Sampler(lab), threading.Event()
    thread = threading.Thread(target=sampler.run, args=(stop,))
    thread.start()
    try:
        yield sampler
    finally:
        stop.set()
        thread.join()


if __name__ == "__main__":
    # both let every lab end on the way out
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(main(float(sys.argv[1])))
    except KeyboardInterrupt:
        sys.exit("broken off: no figures were written")

"""A thousand harnesses that behave as restraint does, and a hundred readers: how long calls take, and what they cost.

Through Apache, for five minutes: every harness runs recipe after recipe, and sends a range of two logs each 15 seconds,
results with logs of their own, watchdogs, and what becomes of its tasks; a fifth of the readers each look at lists, at
jobs, at ends of logs, ask by XML-RPC, and follow the event stream. No call may fail.
"""

import multiprocessing
import statistics
import sys
from collections.abc import Iterator

from actors import Outcome, Plan, act
from figure import Figure
from lab import Lab, running_lab
from sampling import Sampler, of_lab
from scale import Scale

#: calls that take longer are waited for by people
SLOWEST = 1000.0


def measure(scale: Scale) -> Iterator[Figure]:
    """Yield what they saw, and what it cost."""
    with running_lab("apache") as lab:
        harnesses, readers = scale.of((1000, 100), (30, 5))
        seconds, beat, pause = scale.of((300.0, 15.0, 5.0), (2.5, 0.3, 0.3))
        plan = Plan(lab.port, lab.token, harnesses, readers, seconds, beat, pause)
        with Sampler(of_lab(lab)) as sampler:
            seen = played(plan)
        errors = [*seen.tally.errors, *said(lab)]
        for error in errors[:3]:
            print(error, file=sys.stderr)
        yield Figure("calls that failed", len(errors), bar=0, more=False)
        calls = sum(map(len, seen.tally.took.values()))
        yield Figure("calls", calls / seen.seconds, unit="/s")
        yield Figure("logs written", seen.tally.written / seen.seconds / (1 << 20), unit="MiB/s")
        yield Figure("events that streams brought", seen.tally.events / seen.seconds, unit="/s")
        for kind, took in sorted(seen.tally.took.items()):
            yield Figure(f"{kind}, median of {len(took):,}", statistics.median(took), unit="ms", more=False)
            yield Figure(f"{kind}, 99 %", slowest(took), bar=SLOWEST, unit="ms", more=False)
        yield from sampler.figures(f"{harnesses:,} harnesses")
        yield Figure("CPU, those who call", seen.cpu, unit="s", more=False)
        yield Figure("CPU, all together, of one processor", (sampler.cpu() + seen.cpu) / seen.seconds, more=False)


def played(plan: Plan) -> Outcome:
    """Let them act in a process of their own: what it uses is not ours."""
    apart = multiprocessing.get_context("spawn")
    ours, theirs = apart.Pipe()
    process = apart.Process(target=act, args=(plan, theirs))
    process.start()
    theirs.close()
    try:
        outcome: Outcome = ours.recv()
        process.join()
    finally:
        process.kill()
    return outcome


def said(lab: Lab) -> list[str]:
    """Return the errors that the lab's processes have told of."""
    return [line for line in lab.words().splitlines() if "ERROR" in line or "Traceback" in line]


def slowest(took: list[float]) -> float:
    """Return how long 99 of 100 took at most."""
    return sorted(took)[max(0, -(-len(took) * 99 // 100) - 1)]

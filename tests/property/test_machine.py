"""A rule-based state machine of harness calls against a plain model, over a whole Tackroom behind httpd.

Two recipes of one set, with roles and two tasks each, on two systems; every example has its own. Rules claim, make and
rotate keys, set statuses and watchdogs, report results, write and read logs, sync, install, cancel, abort, retry, move
and break systems, and end processes. The model (`tests/support/machine/model.py`) says what each call must be answered
and what is true afterwards; after each step the API, the database, the gate and the files on disk are compared with it,
every few steps also what httpd answers to each sort of credentials, and after each example who answered what by httpd's
access log, and all again once the job is settled.

The ordinary run has 600 steps. For more, with a table of the answers at the end (10,000 take four to six minutes):

    TACKROOM_MACHINE_STEPS=10000 pytest tests/property/test_machine.py -n 0 -s

Every run is another one. `TACKROOM_MACHINE_SHRINK=1` lets hypothesis look for a shorter example when one fails, which
takes minutes; a difference that hangs on the moment is reported as flaky, with its steps.

Tolerated, since nobody can know better from outside: whether a finished recipe is settled yet, and so whether its gate
still has its system's address (and which, when the system moves meanwhile); the moment at which the logs of an aborted
or cancelled recipe close, to the timer's second (it is waited for); whether the indexer has seen a log that was made in
advance before it was emptied again.
"""

import os
import random
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.database import InMemoryExampleDatabase
from hypothesis.stateful import invariant, run_state_machine_as_test
from lab import running_lab
from machine.lab_rules import LabRules
from machine.log_rules import LogRules
from machine.stage import SETTINGS, Bench
from machine.sync_rules import SyncRules

STEPS = int(os.environ.get("TACKROOM_MACHINE_STEPS", "600"))
#: of one example
LENGTH = 50
#: steps between two looks at what httpd answers to each sort of credentials
PROBE_EVERY = 9


class Machine(LogRules, SyncRules, LabRules):
    """All rules, and the comparison after each step."""

    @invariant()
    def agrees(self) -> None:
        """Program and model agree."""
        if self.looks:
            self.bench.steps += 1
        self.looks += 1
        self.look()
        if self.looks % PROBE_EVERY == 0:
            self.probe(self.looks // PROBE_EVERY % 2)
            self.probe_sync(1 - self.looks // PROBE_EVERY % 2)
            self.look()


@pytest.fixture(scope="session")
def bench() -> Iterator[Bench]:
    """A Tackroom behind httpd with short times."""
    with running_lab("apache", **SETTINGS) as lab:
        made = Bench(lab)
        yield made
        made.close()


# a slow machine does ten steps a second
@pytest.mark.timeout(max(120, STEPS // 5))
def test_program_and_model_agree_after_each_step(bench: Bench) -> None:
    """Whatever harnesses, people and accidents do in any order, database, gate, disk and httpd are as they must be."""
    phases = [Phase.generate, *([Phase.shrink] if os.environ.get("TACKROOM_MACHINE_SHRINK") else [])]
    began = time.monotonic()
    while bench.steps < STEPS:
        wanted = -(-(STEPS - bench.steps) // LENGTH)
        run(bench, min(wanted, 40), phases)
    bench.finish()
    took = time.monotonic() - began
    print(
        f"\n{bench.steps} steps in {bench.examples} examples, {bench.steps / took:.0f} a second; {bench.disturbances}"
    )
    print(f"aborts by the timer: {len(bench.delays)}, the slowest {max(bench.delays, default=0):.1f} s after the call")
    print(f"waits in sync: {len(bench.waits)}, the longest {max(bench.waits, default=0):.2f} s after what it was for")
    for (what, status), count in sorted(bench.seen.items()):
        print(f"{count:7} {what} {status}")


def run(bench: Bench, examples: int, phases: list[Phase]) -> None:
    """Run so many examples."""

    class Bound(Machine):
        def __init__(self) -> None:
            super().__init__(bench)

    run_state_machine_as_test(
        seed(random.getrandbits(64))(Bound),
        settings=settings(
            max_examples=examples,
            stateful_step_count=LENGTH,
            deadline=None,
            phases=phases,
            database=InMemoryExampleDatabase(),
            derandomize=False,
            print_blob=False,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )

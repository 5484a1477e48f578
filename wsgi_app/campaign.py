"""Campaigns: jobs whose recipe sets are made one after the other, as what came before decides. Plain values.

A campaign runs its tests in order, as often as it has runs; a test that fails is tried again as often as it may. Each
attempt at a test is a stage of the job with one recipe set: a recipe for each target, a task for each step.
"""

from enum import StrEnum
from typing import Any

from attrs import field, frozen


class StepKind(StrEnum):
    """What a step does with its target."""

    CMD = "cmd"  #: runs a command on it
    ECHO = "echo"  #: writes a text into its log
    SLEEP = "sleep"  #: waits
    RANDECHO = "randecho"  #: writes a text into its log, and fails as often as not
    WAITPORT = "waitport"  #: waits until a port answers the controller


class ReporterKind(StrEnum):
    """Who judges a run, or all of them."""

    TARGET_SUCCESS = "targetsuccess"  #: by the number of targets that came through
    NOOP = "noop"  #: finds everything good


class CampaignEnd(StrEnum):
    """How a campaign ended."""

    COMPLETED = "completed"  #: all its runs are over, whatever came of them
    FAILED = "failed"  #: a target was lost, or could not be had in time
    CANCELLED = "cancelled"  #: somebody stopped it


class Phase(StrEnum):
    """How far a job has come, as those see it who think of it as a campaign."""

    STARTED = "started"  #: it goes on
    CANCELLING = "cancelling"  #: it was stopped, and is not settled yet
    COMPLETED = "completed"  #: over, whatever came of it
    FAILED = "failed"  #: over before its time, for the lab's sake
    CANCELLED = "cancelled"  #: stopped, and settled


@frozen
class Target:
    """What a test is run on: the system of that name, and what the submitter says of it."""

    id: str
    fqdn: str = ""
    ipv4: str = ""
    ipv6: str = ""
    #: anything more that the submitter keeps with it
    state: Any = None


@frozen
class TargetList:
    """These targets, all of them."""

    targets: tuple[Target, ...]


@frozen
class TargetFile:
    """Some of the targets in a CSV file (its path below the folder for such files): `least` to `most`, as are free."""

    file: str
    least: int
    most: int
    #: of these prefixes of the first label of the FQDN; none: whatever it is
    prefixes: tuple[str, ...] = ()
    shuffle: bool = False


@frozen
class Step:
    """A step of a test: its label is unique in the test, its parameters are lists of templates."""

    kind: StepKind
    label: str
    params: dict[str, tuple[str, ...]] = field(factory=dict)


@frozen
class PlannedTest:
    """A test: what is run on which targets, and how often it is tried again (`retry_interval` in seconds)."""

    name: str
    targets: TargetList | TargetFile
    steps: tuple[Step, ...]
    disabled: bool = False
    retries: int = 0
    retry_interval: float = 0.0


@frozen
class Reporter:
    """A judge, and by what it judges: an expression such as `>=50%`, for those that need one."""

    kind: ReporterKind
    criterion: str = ""


@frozen
class Campaign:
    """What a campaign is to do; intervals and timeouts are seconds. `runs` 0: until it is stopped."""

    tests: tuple[PlannedTest, ...]
    run_reporters: tuple[Reporter, ...] = ()
    final_reporters: tuple[Reporter, ...] = ()
    runs: int = 1
    run_interval: float = 0.0
    #: how long the harnesses of a test's targets may take to ask for their recipes
    acquire_timeout: float = 300.0
    #: who asked for it, at his own word
    requestor: str = ""
    tags: tuple[str, ...] = ()


@frozen
class Position:
    """Where a campaign is: run and test count from 1, attempts from 0; run 0: it has not begun."""

    run: int = 0
    test: int = 0
    attempt: int = 0


@frozen
class Progress:
    """How far a campaign has come."""

    job: int
    position: Position
    #: when there is something to do; None: when its recipe set is settled, or never
    due: float | None
    #: the set that it waits for
    recipe_set: int | None
    end: CampaignEnd | None
    #: why it failed
    error: str | None


@frozen
class Run:
    """A run that has begun."""

    number: int
    started: float


@frozen
class Attempt:
    """One attempt at a test: its targets as far as they were had, and its recipe set; or why it got none."""

    position: Position
    begun: float
    targets: tuple[Target, ...]
    recipe_set: int | None
    error: str | None
    ended: float | None
    #: how many of its targets came through and how many failed, as was judged when it ended; an error fails one
    passed: int = 0
    failed: int = 0


@frozen
class Score:
    """How a test went in one run or in several: targets that came through and that failed, of its last attempts."""

    test: int
    passed: int
    failed: int


@frozen
class Report:
    """What a reporter said of a run, or of all of them (run 0); `place` is its place among the reporters, from 0."""

    run: int
    place: int
    reporter: ReporterKind
    time: float
    success: bool
    #: anything that JSON can say
    data: Any

"""What the end of a command on a worker means for its task."""

from __future__ import annotations

import pytest

from wsgi_app.harnesses.buildbot.transport import Ended
from wsgi_app.harnesses.buildbot.verdict import ABORTED, COMPLETED, Limits, aborted, judge, limits, too_much

NONE = Limits(None, None)


def test_exit_status_0() -> None:
    """A task that ended well has passed."""
    found = judge(Ended(0), NONE)
    assert (found.status, found.message) == (COMPLETED, "exit status 0")
    assert found.report is not None
    assert found.report.form() == {"result": "Pass", "path": "exit_code", "score": "0"}


def test_exit_status() -> None:
    """Any other exit status is a failure, whatever was reported."""
    found = judge(Ended(42), NONE)
    assert found.status == COMPLETED
    assert found.report is not None
    assert found.report.form() == {
        "result": "Fail",
        "path": "exit_code",
        "score": "42",
        "message": "exit status 42",
    }


@pytest.mark.parametrize(
    ("signal", "message", "score"), [(11, "killed by signal 11", 139), (None, "killed by a signal", -1)]
)
def test_signal(signal: int | None, message: str, score: int) -> None:
    """A signal is a failure, with the score that a shell would give."""
    found = judge(Ended(-1, signal=signal), NONE)
    assert (found.status, found.message) == (COMPLETED, message)
    assert found.report is not None
    assert (found.report.result, found.report.path, found.report.score) == ("Fail", "exit_code", score)


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("timeout", "killed: it took longer than 60 seconds"),
        ("timeout_without_output", "killed: no output for 20 seconds"),
        ("max_lines_failure", "killed by the worker: max_lines_failure"),
    ],
)
def test_timeouts(reason: str, message: str) -> None:
    """A time limit is a warning, not a failure: the task has ended, and what it said counts."""
    found = judge(Ended(-1, reason=reason, signal=9), Limits(20, 60))
    assert (found.status, found.message) == (COMPLETED, message)
    assert found.report is not None
    assert found.report.form() == {"result": "Warn", "path": "timeout", "message": message}


def test_timeout_that_the_task_survived() -> None:
    """A task that was told to end by a limit, and ended well, has still hit the limit."""
    found = judge(Ended(0, reason="timeout"), Limits(None, 5))
    assert found.report is not None
    assert found.report.result == "Warn"


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        (Ended(None, failure="exceptions.RuntimeError: no env"), "exceptions.RuntimeError: no env"),
        (Ended(None), "no exit status"),
        (Ended(1, failure="it broke"), "it broke"),
    ],
)
def test_failures_of_the_worker(ended: Ended, words: str) -> None:
    """What the worker could not run says nothing of the task."""
    found = judge(ended, NONE)
    assert found.status == ABORTED
    assert words in found.message
    assert found.report is None


def test_too_much_output() -> None:
    """A flood is the task's failure."""
    found = too_much(1000)
    assert found.status == COMPLETED
    assert found.report is not None
    assert (found.report.result, found.report.path) == ("Fail", "output")
    assert "1000" in found.report.message


def test_aborted() -> None:
    """An aborted task has a reason and no result of ours."""
    assert (aborted("lost").status, aborted("lost").report) == (ABORTED, None)


@pytest.mark.parametrize(
    ("params", "left", "expected"),
    [
        ({}, None, Limits(None, None)),
        ({}, 600, Limits(None, 600)),
        ({"TACKROOM_MAX_SECONDS": "30"}, 600, Limits(None, 30)),
        ({"TACKROOM_MAX_SECONDS": "900"}, 600, Limits(None, 600)),
        ({"TACKROOM_SILENT_SECONDS": "5"}, None, Limits(5, None)),
        ({"TACKROOM_SILENT_SECONDS": "0", "TACKROOM_MAX_SECONDS": "-1"}, None, Limits(None, None)),
        ({"TACKROOM_SILENT_SECONDS": "soon", "TACKROOM_MAX_SECONDS": "9" * 400}, 7, Limits(None, 7)),
    ],
)
def test_limits(params: dict[str, str], left: int | None, expected: Limits) -> None:
    """A task may shorten the time that its recipe has left; nonsense is no limit."""
    assert limits(params, left) == expected

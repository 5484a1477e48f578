"""What the end of a command on a worker means for its task."""

from __future__ import annotations

from dataclasses import dataclass

from wsgi_app.harnesses.buildbot.transport import Ended

COMPLETED = "Completed"
ABORTED = "Aborted"


@dataclass(frozen=True)
class Report:
    """A result that we report, not the task."""

    result: str
    path: str
    message: str = ""
    score: int | None = None

    def form(self) -> dict[str, str]:
        """Return it as the controller takes it."""
        form = {"result": self.result, "path": self.path}
        if self.score is not None:
            form["score"] = str(self.score)
        if self.message:
            form["message"] = self.message
        return form


@dataclass(frozen=True)
class Verdict:
    """How a task ended: its last status, why, and the result that follows from it, if any."""

    status: str
    message: str
    report: Report | None = None


@dataclass(frozen=True)
class Limits:
    """How long a command may take, in seconds; None: no matter."""

    silent: int | None  #: without output
    whole: int | None


def judge(ended: Ended, limits: Limits) -> Verdict:
    """Judge a command that ended of itself or by the worker's hand, which had these limits."""
    if ended.rc is None or ended.failure is not None:
        return Verdict(ABORTED, f"the worker could not run it: {ended.failure or 'it gave no exit status'}")
    if ended.reason is not None:
        message = _limit(ended.reason, limits)
        return Verdict(COMPLETED, message, Report("Warn", "timeout", message))
    if ended.rc == 0:
        return Verdict(COMPLETED, "exit status 0", Report("Pass", "exit_code", score=0))
    if ended.rc < 0:
        # as a shell would count it, where the number is known
        message = f"killed by signal {ended.signal}" if ended.signal else "killed by a signal"
        score = 128 + ended.signal if ended.signal else ended.rc
        return Verdict(COMPLETED, message, Report("Fail", "exit_code", message, score))
    message = f"exit status {ended.rc}"
    return Verdict(COMPLETED, message, Report("Fail", "exit_code", message, ended.rc))


def too_much(limit: int) -> Verdict:
    """Judge a command that wrote more than it may."""
    message = f"killed: more than {limit} bytes of output"
    return Verdict(COMPLETED, message, Report("Fail", "output", message))


def aborted(message: str) -> Verdict:
    """Judge a task that could not be run, or of whose end nothing is known."""
    return Verdict(ABORTED, message)


def limits(params: dict[str, str], left: int | None) -> Limits:
    """Return a task's limits: its own, and the `left` seconds of its recipe.

    Its own are the parameters TACKROOM_MAX_SECONDS and TACKROOM_SILENT_SECONDS; what is no number above 0 is none.
    """
    own = _seconds(params.get("TACKROOM_MAX_SECONDS"))
    known = [seconds for seconds in (own, left) if seconds is not None]
    return Limits(_seconds(params.get("TACKROOM_SILENT_SECONDS")), min(known) if known else None)


def _seconds(text: str | None) -> int | None:
    if text is None or not (text.isascii() and text.isdigit()) or len(text) > 9:
        return None
    return int(text) or None


def _limit(reason: str, limits: Limits) -> str:
    if reason == "timeout_without_output" and limits.silent is not None:
        return f"killed: no output for {limits.silent} seconds"
    if reason == "timeout" and limits.whole is not None:
        return f"killed: it took longer than {limits.whole} seconds"
    return f"killed by the worker: {reason}"

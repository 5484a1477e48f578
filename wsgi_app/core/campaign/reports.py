"""What the reporters of a campaign say of a run, or of all of them. Source: jobs-contest.md sections 5.2 and 8.

They judge the last attempt at each test; one that got no targets counts as one target that failed. The final word about
targets, which the reference leaves out, judges each test over all runs: by the share of all its targets that came
through, or by their mean number per run.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from wsgi_app.campaign import Campaign, Report, Reporter, ReporterKind, Score
from wsgi_app.core.campaign import criteria
from wsgi_app.store import campaigns

_NOTHING_DONE = "I did nothing"
_NOTHING_DONE_FINALLY = "I did nothing at the end, all good"


def report_run(tx: Connection, job: int, plan: Campaign, run: int, now: float) -> None:
    """Store what the run reporters say of a run, all of whose tests are over."""
    named = _named_scores(plan, campaigns.scores(tx, job, run, run))
    found = []
    for place, reporter in enumerate(plan.run_reporters):
        success, data = _word(reporter, named, runs=1, nothing=_NOTHING_DONE)
        found.append(Report(run, place, reporter.kind, now, success, data))
    campaigns.insert_reports(tx, job, found)


def report_all(tx: Connection, job: int, plan: Campaign, runs: int, now: float) -> None:
    """Store what the final reporters say of the first so many runs."""
    named = _named_scores(plan, campaigns.scores(tx, job, 1, runs))
    found = []
    for place, reporter in enumerate(plan.final_reporters):
        success, data = _word(reporter, named, runs=runs, nothing=_NOTHING_DONE_FINALLY)
        found.append(Report(0, place, reporter.kind, now, success, data))
    campaigns.insert_reports(tx, job, found)


def _named_scores(plan: Campaign, scores: dict[int, Score]) -> list[tuple[str, Score]]:
    """Return the enabled tests by name, each with how it went."""
    return [
        (test.name, scores.get(number, Score(number, 0, 0)))
        for number, test in enumerate(plan.tests, 1)
        if not test.disabled
    ]


def _word(reporter: Reporter, named: Sequence[tuple[str, Score]], *, runs: int, nothing: str) -> tuple[bool, Any]:
    """Return what a reporter says: whether all is well, and more about that."""
    if reporter.kind is ReporterKind.NOOP:
        return True, nothing
    if not all(score.passed + score.failed for _, score in named):
        # of a test without targets there is nothing to say, nor of the others then
        return False, None
    criterion = criteria.parse(reporter.criterion)
    success, sentences = True, []
    for name, score in named:
        found = criterion.judge(score.passed, score.passed + score.failed, runs=runs)
        success = success and found.passed
        does = "passes" if found.passed else "does not pass"
        sentences.append(f"Test {name} {does} success criteria: {found.text}")
    return success, sentences or None

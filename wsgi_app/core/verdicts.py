"""Why a job's verdict is what it is, in a sentence that names the recipe, the task, the log and the line."""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import Connection

from wsgi_app.campaign import Attempt, Campaign, CampaignEnd, Position, Report, ReporterKind
from wsgi_app.errors import Conflict
from wsgi_app.model import Job, Recipe
from wsgi_app.states import RecipeStatus, ResultValue, Verdict, verdict, worst
from wsgi_app.store import campaigns, recipes, summary
from wsgi_app.store.summary import Ended

#: longest message of a harness in a reason, in characters
LONGEST_WORDS = 200


def judge(tx: Connection, job: Job, result: ResultValue) -> tuple[Verdict, str]:
    """Return the verdict of a job whose recipes are settled and have this result, and why.

    The reason ends with what makes it doubtful: logs that were late or are damaged.
    """
    ended = summary.not_as_they_should(tx, job.id)
    if job.campaign:
        found, reason = _of_campaign(tx, job.id)
    else:
        found = verdict((state.status for state in recipes.recipe_states(tx, job.id)), result)
        reason = _reason(tx, job.id, found, ended)
    return found, "; ".join([reason, *_doubts(ended)])


def judge_part(tx: Connection, job: int, part: Sequence[Recipe]) -> tuple[Verdict, str]:
    """Return the verdict of neighbouring recipes of a job that are settled, whatever the others do, and why."""
    span = part[0].id, part[-1].id
    ended = summary.not_as_they_should(tx, job, *span)
    found = part_verdict(part)
    return found, "; ".join([_reason(tx, job, found, ended, *span), *_doubts(ended)])


def part_verdict(part: Sequence[Recipe]) -> Verdict:
    """Return the verdict of recipes that are settled, whatever the others of their job do."""
    return verdict((recipe.status for recipe in part), worst(recipe.result for recipe in part))


def _reason(
    tx: Connection,
    job: int,
    found: Verdict,
    ended: Sequence[Ended],
    first: int | None = None,
    last: int | None = None,
) -> str:
    if found is Verdict.CANCELLED:
        return _ended(ended, RecipeStatus.CANCELLED)
    if found is Verdict.INFRASTRUCTURE:
        return _ended(ended, RecipeStatus.ABORTED)
    return _failed(tx, job, first, last) if found is Verdict.FAIL else _passed(tx, job, first, last)


def _of_campaign(tx: Connection, job: int) -> tuple[Verdict, str]:
    """Return the verdict of a campaign that has ended, and why: its reporters have the word, if there are any."""
    plan, progress = _plan(tx, job), campaigns.load_progress(tx, job)
    where = _place(plan, progress.position)
    if progress.end is CampaignEnd.CANCELLED:
        return Verdict.CANCELLED, f"it was stopped {where}"
    if progress.end is CampaignEnd.FAILED:
        return Verdict.INFRASTRUCTURE, f"it could not go on {where}: {(progress.error or '')[:LONGEST_WORDS]}"
    if plan is None:
        return Verdict.INFRASTRUCTURE, "what it was to do cannot be read any more"
    bad = campaigns.bad_reports(tx, job)
    first = campaigns.first_failed(tx, job)
    if bad is not None:
        # what says "0 %" does not say that there was no such system
        why = "" if first is None or first.error is None else f"; {_untaken(plan, first)}"
        return Verdict.FAIL, _refusal(*bad) + why
    if any(reporter.kind is not ReporterKind.NOOP for reporter in (*plan.run_reporters, *plan.final_reporters)):
        return Verdict.PASS, "all its reports are good"
    if first is None:
        return Verdict.PASS, "every target came through, in the last attempt at each test"
    if first.error is not None:
        return Verdict.INFRASTRUCTURE, _untaken(plan, first)
    return Verdict.FAIL, f"{first.failed} of {len(first.targets)} targets failed {_place(plan, first.position)}"


def _plan(tx: Connection, job: int) -> Campaign | None:
    """Return what a campaign was to do; None when that cannot be read, since a verdict is always due."""
    try:
        return campaigns.load_plan(tx, job)
    except Conflict:
        return None


def _place(plan: Campaign | None, position: Position) -> str:
    if not position.test:
        return f"before run {max(position.run, 1)}"
    tests = () if plan is None else plan.tests
    name = tests[position.test - 1].name if position.test <= len(tests) else f"number {position.test}"
    return f"in run {position.run}, test {name}"


def _untaken(plan: Campaign | None, attempt: Attempt) -> str:
    """Return why an attempt got no targets."""
    return f"no targets could be had {_place(plan, attempt.position)}: {(attempt.error or '')[:LONGEST_WORDS]}"


def _refusal(report: Report, number: int) -> str:
    """Return what a bad report says, and how many bad ones there are."""
    said = report.data if isinstance(report.data, list) else []
    why = next((sentence for sentence in said if "does not pass" in sentence), "a test had no targets")
    of = f"run {report.run}" if report.run else "all runs"
    return f"the report on {of} is bad: {why[:LONGEST_WORDS]}" + _more(number - 1, "report is bad", "reports are bad")


def _ended(ended: Sequence[Ended], status: RecipeStatus) -> str:
    first, *others = (recipe for recipe in ended if recipe.status is status)
    system = f" on {first.system}" if first.system else ""
    why = f": {first.reason[:LONGEST_WORDS]}" if first.reason else ""
    return f"recipe {first.id}{system} was {status.lower()}{why}" + _more(
        len(others), "recipe was, too", "recipes were, too"
    )


def _failed(tx: Connection, job: int, first_recipe: int | None, last_recipe: int | None) -> str:
    found = summary.culprit(tx, job, first_recipe, last_recipe)
    if found is None:
        # a recipe that was settled before keeps its result when its logs are read anew and say otherwise
        return "a recipe failed by a result that is no longer listed"
    first, number = found
    where = f"recipe {first.recipe}" if first.task is None else f"task {first.task} ({first.name})"
    path = f" at {first.path}" if first.path not in (None, "/") else ""
    source = "reported by its harness" if first.log is None else f"found in {first.log} line {first.line}"
    return f"{first.result} in {where}{path}, {source}" + _more(number - 1, "result fails", "results fail")


def _passed(tx: Connection, job: int, first: int | None, last: int | None) -> str:
    said: Counter[str] = Counter()
    for count in summary.counts(tx, job, first, last):
        said[count.result] += count.number
    if not said:
        return "nothing failed, and no result was reported"
    return "nothing failed: " + ", ".join(f"{number} {result}" for result, number in said.most_common())


def _doubts(ended: Sequence[Ended]) -> list[str]:
    late = [f"recipe {recipe.id} was settled before all its logs were read" for recipe in ended if recipe.late]
    damaged = [
        f"recipe {recipe.id} has {recipe.damaged} damaged log{'s' if recipe.damaged > 1 else ''}"
        for recipe in ended
        if recipe.damaged
    ]
    return [*_first(late), *_first(damaged)]


def _first(sentences: list[str]) -> list[str]:
    return [sentences[0] + (f" (and {len(sentences) - 1} more)" if len(sentences) > 1 else "")] if sentences else []


def _more(number: int, one: str, many: str) -> str:
    return f"; {number} more {one if number == 1 else many}" if number else ""

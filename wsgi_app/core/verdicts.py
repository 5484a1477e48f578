"""Why a job's verdict is what it is, in a sentence that names the recipe, the task, the log and the line."""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import Connection

from wsgi_app.states import RecipeStatus, Verdict
from wsgi_app.store import summary
from wsgi_app.store.summary import Ended

#: longest message of a harness in a reason, in characters
LONGEST_WORDS = 200


def reason_of(tx: Connection, job: int, verdict: Verdict) -> str:
    """Return the reason of a job's verdict, and what makes it doubtful: logs that were late or are damaged."""
    ended = summary.not_as_they_should(tx, job)
    if verdict is Verdict.CANCELLED:
        reason = _ended(ended, RecipeStatus.CANCELLED)
    elif verdict is Verdict.INFRASTRUCTURE:
        reason = _ended(ended, RecipeStatus.ABORTED)
    elif verdict is Verdict.FAIL:
        reason = _failed(tx, job)
    else:
        reason = _passed(tx, job)
    return "; ".join([reason, *_doubts(ended)])


def _ended(ended: Sequence[Ended], status: RecipeStatus) -> str:
    first, *others = (recipe for recipe in ended if recipe.status is status)
    system = f" on {first.system}" if first.system else ""
    why = f": {first.reason[:LONGEST_WORDS]}" if first.reason else ""
    return f"recipe {first.id}{system} was {status.lower()}{why}" + _more(
        len(others), "recipe was, too", "recipes were, too"
    )


def _failed(tx: Connection, job: int) -> str:
    found = summary.culprit(tx, job)
    if found is None:
        # a recipe that was settled before keeps its result when its logs are read anew and say otherwise
        return "a recipe failed by a result that is no longer listed"
    first, number = found
    where = f"recipe {first.recipe}" if first.task is None else f"task {first.task} ({first.name})"
    path = f" at {first.path}" if first.path not in (None, "/") else ""
    source = "reported by its harness" if first.log is None else f"found in {first.log} line {first.line}"
    return f"{first.result} in {where}{path}, {source}" + _more(number - 1, "result fails", "results fail")


def _passed(tx: Connection, job: int) -> str:
    said: Counter[str] = Counter()
    for count in summary.counts(tx, job):
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

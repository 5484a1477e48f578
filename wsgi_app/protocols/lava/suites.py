"""Results as LAVA has them: suites, cases in them. Source: readers-lava.md sections 3 and 6.1.

A recipe has the suite `lava`, with a case for itself (`job`), one for each of its tasks and what was said of none; and
a suite for each task. Their order, and that of the cases in them, stays while results come.
"""

import itertools
from collections.abc import Iterator, Mapping

from attrs import field, frozen

from wsgi_app.core.cases import Said, Sheet
from wsgi_app.core.selection import Listed
from wsgi_app.documents.reports.shown import printable
from wsgi_app.errors import NotFound
from wsgi_app.model import Task
from wsgi_app.protocols.lava import words
from wsgi_app.protocols.lava.measures import measured
from wsgi_app.states import RecipeStatus, ResultValue, TaskStatus

#: the suite of what is said of a job and not by its tests
OWN = "lava"
PASS, FAIL, SKIP, UNKNOWN = WORDS = "pass", "fail", "skip", "unknown"

_WORDS = {
    ResultValue.PASS: PASS,
    ResultValue.FAIL: FAIL,
    ResultValue.PANIC: FAIL,
    ResultValue.SKIP: SKIP,
}
_JOB_WORDS = {RecipeStatus.COMPLETED: PASS, RecipeStatus.ABORTED: FAIL}


@frozen
class Suite:
    """A suite of a recipe: of a task, or (None) its own. `job` is what the recipe is called."""

    id: int
    name: str
    job: int | str
    part: Listed
    task: Task | None


@frozen
class Case:
    """One case; `measurement` and `units` as texts, `logged` in seconds since the epoch."""

    id: int
    suite: Suite
    name: str
    #: what is between suite and name, "" for nothing
    set: str
    result: str
    measurement: str
    units: str
    logged: float
    #: which record of the job's log has its line, None for none
    line: int | None
    metadata: Mapping[str, str]
    #: URL path of the case
    url: str
    #: what was said; None: it follows from what became of the recipe, or of a task of it
    said: Said | None = field(default=None, repr=False)


def suites(sheet: Sheet, name: str | None = None) -> list[Suite]:
    """Return all suites, or those of a name (one for each recipe that has it). Raises `NotFound`."""
    found = [suite for part in sheet.parts for suite in _suites(part) if name in (None, suite.name)]
    if not found and name is not None:
        raise NotFound(f"there is no suite {name!r}")
    return found


def cases(
    sheet: Sheet, suite: str | None = None, case: str | None = None, *, offset: int = 0, limit: int | None = None
) -> Iterator[Case]:
    """Return the cases, suite by suite: all, of suites or of cases of a name. Raises `NotFound` for a suite's only."""
    return _cases(sheet, suites(sheet, suite), case, offset, limit)


def cases_of(
    sheet: Sheet, suite: Suite, case: str | None = None, *, offset: int = 0, limit: int | None = None
) -> Iterator[Case]:
    """Return the cases of one suite."""
    return _cases(sheet, [suite], case, offset, limit)


def count(sheet: Sheet, suite: str | None = None) -> int:
    """Return how many cases `cases` has. Raises `NotFound`."""
    return sum(count_of(sheet, found) for found in suites(sheet, suite))


def count_of(sheet: Sheet, suite: Suite) -> int:
    """Return how many cases a suite has."""
    said = sheet.count(suite.part, suite.task)
    return said + (_own_count(suite) if suite.task is None else 0)


def one(sheet: Sheet, number: int) -> Case | None:
    """Return the case with an id: of a result, a task or a recipe; None when there is none."""
    for part in sheet.parts:
        if number == part.recipe.id or any(number == task.id for task in part.recipe.tasks):
            return next(case for case in _own_cases(sheet, _suites(part)[0]) if case.id == number)
    found = sheet.one(number)
    if found is None:
        return None
    part, said = found
    suite = next(suite for suite in _suites(part) if said.result.task == (suite.task and suite.task.id))
    return _said_case(sheet, suite, said)


def _cases(sheet: Sheet, wanted: list[Suite], name: str | None, offset: int, limit: int | None) -> Iterator[Case]:
    if name is None:
        return _window(sheet, wanted, offset, limit)
    found = (case for suite in wanted for case in _of_suite(sheet, suite, name) if case.name == name)
    return itertools.islice(found, offset, None if limit is None else offset + limit)


def _window(sheet: Sheet, wanted: list[Suite], offset: int, limit: int | None) -> Iterator[Case]:
    """Yield some of the cases; those that are passed over are not even read."""
    for suite in wanted:
        if limit == 0:
            return
        there = count_of(sheet, suite) if offset else 0
        if offset and offset >= there:
            offset -= there
            continue
        for case in itertools.islice(_of_suite(sheet, suite, None, offset, limit), limit):
            yield case
            limit = None if limit is None else limit - 1
        offset = 0


def _suites(part: Listed) -> list[Suite]:
    job = words.number(part)
    tasks = enumerate(part.recipe.tasks)
    return [
        Suite(part.recipe.id, OWN, job, part, None),
        *(Suite(task.id, suite_name(place, task.name), job, part, task) for place, task in tasks),
    ]


def suite_name(place: int, task: str) -> str:
    """Return the name of the suite of a task with that name, by its place (from 0) in its recipe."""
    return f"{place}_{_dotted(task)}"


def _dotted(name: str) -> str:
    return printable(name).strip("/").replace("/", ".")


def _of_suite(sheet: Sheet, suite: Suite, name: str | None, skip: int = 0, limit: int | None = None) -> Iterator[Case]:
    """Yield cases of a suite; with a name at least those that have it."""
    if suite.task is None:
        yield from itertools.islice(_own_cases(sheet, suite), skip, None)
        skip = max(0, skip - _own_count(suite))
    # a name that was made printable is not what is stored
    stored = None if name is not None and "\\" in name else name
    for said in sheet.said(suite.part, suite.task, name=stored, skip=skip, limit=limit):
        yield _said_case(sheet, suite, said)


def _own_count(suite: Suite) -> int:
    return 1 + len(suite.part.recipe.tasks)


def _own_cases(sheet: Sheet, suite: Suite) -> Iterator[Case]:
    """Yield what follows from what became of a recipe and of its tasks."""
    recipe, submitted = suite.part.recipe, suite.part.job.submitted
    word = _JOB_WORDS.get(recipe.status, UNKNOWN) if recipe.settled else UNKNOWN
    logged = recipe.finished or recipe.started or recipe.assigned or submitted
    error = {"error_type": words.error_type(recipe), "error_msg": words.error_message(recipe)}
    why = {name: value for name, value in error.items() if value is not None}
    yield _own_case(sheet, suite, recipe.id, "job", word, recipe.status, logged, why)
    failed = sheet.failed(suite.part)
    for task, own in zip(recipe.tasks, _suites(suite.part)[1:], strict=True):
        logged = task.finished or task.started or submitted
        word = FAIL if task.id in failed else _task_word(task)
        yield _own_case(sheet, suite, task.id, own.name, word, task.status, logged, {})


def _task_word(task: Task) -> str:
    if task.status is TaskStatus.COMPLETED:
        return PASS
    if not task.status.finished:
        return UNKNOWN
    if task.started is None:
        return SKIP
    return FAIL if task.status is TaskStatus.ABORTED else UNKNOWN


def _own_case(
    sheet: Sheet,
    suite: Suite,
    number: int,
    name: str,
    word: str,
    native: str,
    logged: float,
    why: Mapping[str, str],
) -> Case:
    metadata = {"definition": OWN, "case": name, "result": word, "native_result": native, "source": "controller", **why}
    return Case(number, suite, name, "", word, measured(None), "", logged, None, metadata, _url(sheet, number))


def _said_case(sheet: Sheet, suite: Suite, said: Said) -> Case:
    result = said.result
    word = _WORDS.get(result.result, UNKNOWN)
    group, name = _names(suite, result.path or "")
    number, units = result.measurement, printable(result.units)
    if number is None and result.score is not None:
        number, units = result.score, ""
    measurement = measured(number)
    metadata = {"definition": suite.name, "case": name, "result": word}
    if group:
        metadata["set"] = group
    if number is not None:
        metadata["measurement"] = measurement
        if units:
            metadata["units"] = units
    if result.message:
        metadata["message"] = result.message
    metadata["native_result"] = result.result
    metadata["source"] = result.source
    url = _url(sheet, result.id)
    return Case(result.id, suite, name, group, word, measurement, units, result.time, said.record, metadata, url, said)


def _names(suite: Suite, path: str) -> tuple[str, str]:
    """Return set and name of a case by its path, which may begin with what its suite or task is called."""
    parts = [part for part in printable(path).split("/") if part]
    if suite.task is not None:
        own = [part for part in printable(suite.task.name).split("/") if part]
        if len(parts) > 1 and parts[0] == suite.name:
            del parts[0]
        elif len(parts) > len(own) and parts[: len(own)] == own:
            del parts[: len(own)]
    if not parts:
        parts = ["recipe" if suite.task is None else _dotted(suite.task.name)]
    return "/".join(parts[:-1]), parts[-1]


def _url(sheet: Sheet, number: int) -> str:
    return f"{sheet.prefix}results/testcase/{number}"

"""Results for people: for each recipe what harness and logs said of its tasks, then the results that matter."""

import itertools
from collections.abc import Iterator
from typing import Any

from wsgi_app.cli import jobtext
from wsgi_app.cli.reports.outcome import Outcome, where
from wsgi_app.cli.tables import coloured, columns, table
from wsgi_app.documents.reports.shown import printable
from wsgi_app.states import ResultValue

#: results of a recipe that are shown unless all are asked for
SHOWN = 200

_REMARKABLE = tuple(value.value for value in ResultValue if value is not ResultValue.PASS)


def write(outcome: Outcome, *, everything: bool, width: int | None) -> Iterator[str]:
    """Yield the report, piece by piece; `width` is that of the terminal, None for no limit."""
    for said in outcome.recipes:
        yield jobtext.title(said) + "\n"
        yield from (line + "\n" for line in jobtext.notes(said))
        yield jobtext.task_table(said, width) + "\n\n"
        yield from _results(outcome, said, everything, width)
    yield jobtext.closing(outcome.summary, width) + "\n"


def _results(outcome: Outcome, said: dict[str, Any], everything: bool, width: int | None) -> Iterator[str]:
    chosen = outcome if everything or outcome.values else outcome.of_values(*_REMARKABLE)
    number = sum(outcome.count(said, value) for value in chosen.values or [*ResultValue])
    found = chosen.results_of(said["recipe"]) if number else iter(())
    shown = list(found if everything else itertools.islice(found, SHOWN))
    if shown:
        shown.sort(key=lambda result: (result["task"] or 0, result["id"]))
        yield _table(said["recipe"], shown, width) + "\n"
    if number > len(shown):
        yield f"{number - len(shown)} more: --all shows them\n"
    passed = outcome.count(said, ResultValue.PASS)
    if passed and chosen is not outcome:
        yield f"{passed} Pass: --all shows them, too\n"
    if number or passed:
        yield "\n"


def _table(recipe: int, results: list[dict[str, Any]], width: int | None) -> str:
    scored = any(result["score"] is not None for result in results)
    measured = any(result["measurement"] is not None for result in results)
    extra = [*(["SCORE"] if scored else []), *(["MEASURED"] if measured else [])]
    head = ["TASK", "RESULT", "PATH", *extra, "MESSAGE", "WHERE"]
    rows = [
        (
            result["task"],
            result["result"],
            result["path"],
            *([result["score"]] if scored else []),
            *([_measured(result)] if measured else []),
            result["message"],
            where(recipe, result),
        )
        for result in results
    ]
    text = table(head, rows, colour=True)
    if width is None or columns(text.partition("\n")[2].partition("\n")[0]) <= width:
        return text
    # a place that is broken over lines cannot be copied
    return "\n".join(_lines(recipe, result) for result in results)


def _measured(result: dict[str, Any]) -> str:
    """Return what was measured, with its units."""
    if result["measurement"] is None:
        return ""
    return f"{result['measurement']:.10g} {result['units'] or ''}".strip()


def _lines(recipe: int, result: dict[str, Any]) -> str:
    task = f"  (task {result['task']})" if result["task"] else ""
    score = "" if result["score"] is None else f"  score {result['score']}"
    measured = f"  {printable(_measured(result))}" if _measured(result) else ""
    lines = [f"{coloured(result['result'])}  {printable(result['path'])}{score}{measured}{task}"]
    lines += [f"      {printable(text)}" for text in (result["message"], where(recipe, result)) if text]
    return "\n".join(lines)

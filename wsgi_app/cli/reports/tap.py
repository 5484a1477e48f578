"""Results as TAP 14: a subtest for each recipe, a test for each result.

Warn is `ok`, with what it says below it; Skip, None and New are skipped. A recipe that was aborted or
cancelled is not ok.
Source: https://testanything.org/tap-version-14-specification.html
"""

from collections.abc import Iterator
from typing import Any

from wsgi_app.cli.reports.outcome import BAD, NEUTRAL, NOT_COMPLETED, Outcome, label, where
from wsgi_app.documents.reports.shown import printable
from wsgi_app.documents.reports.tap import block, described
from wsgi_app.states import ResultValue

_INDENT = "    "


def write(outcome: Outcome) -> Iterator[str]:
    """Yield the report, line by line."""
    yield "TAP version 14\n"
    for number, said in enumerate(outcome.recipes, 1):
        name = described(label(said))
        yield f"# Subtest: {name}\n"
        yield from (_INDENT + line for line in _subtest(outcome, said))
        failed = said["result"] in BAD or said["status"] in NOT_COMPLETED
        yield f"{'not ' if failed else ''}ok {number} - {name}\n"
        if failed:
            why = said["reason"] or f"{said['status']}, result {said['result']}"
            yield from block({"message": why, "status": said["status"], "result": said["result"]})
    yield f"1..{len(outcome.recipes)}\n"


def _subtest(outcome: Outcome, said: dict[str, Any]) -> Iterator[str]:
    recipe = said["recipe"]
    names = {task["task"]: task["name"] for task in said["tasks"]}
    number = 0
    for part in (outcome.results_of(recipe), outcome.silent_tasks(said)):
        for result in part:
            number += 1
            path = result["path"].removeprefix("/")
            task = names.get(result["task"])
            yield from _test(number, ": ".join(text for text in (task, path) if text), recipe, result)
    yield f"1..{number}\n" if number else "1..0 # SKIP no results\n"


def _test(number: int, name: str, recipe: int, result: dict[str, Any]) -> Iterator[str]:
    value, message = result["result"], result["message"]
    line = f"ok {number} - {described(name)}"
    if value in NEUTRAL:
        said = message if value == ResultValue.SKIP else f"{value} {message or ''}"
        yield f"{line} # SKIP {printable(said)}".rstrip() + "\n"
        return
    yield f"{'not ' if value in BAD else ''}{line}\n"
    if value != ResultValue.PASS:
        place = where(recipe, result)
        yield from block({"message": message or value, "severity": value, **({"at": place} if place else {})})

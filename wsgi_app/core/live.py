"""What a log tells while it grows, taken into the database bit by bit. The pass over the whole log has the last word.

Source: readers-lava.md section 5: who follows a job sees its results as they come.
"""

from collections.abc import Mapping, Sequence

from attrs import frozen

from wsgi_app.core import lifecycle
from wsgi_app.core.announcing import announce
from wsgi_app.core.change import Change
from wsgi_app.core.logname import parse_path
from wsgi_app.model import LogAddress, ParsedResult, Recipe, Result, Signal
from wsgi_app.states import worst
from wsgi_app.store import logs, recipes, results


@frozen
class Told:
    """What a growing log was found to tell, in addition to its stored results up to the one with the id `after`."""

    recipe: int
    #: below `/recipes/R/`
    path: str
    after: int
    results: Sequence[ParsedResult]
    #: there may be stored results behind `after`: they are kept as far as they are told again, the others go
    again: bool = True
    #: those that were told before are not told again
    signals: Sequence[Signal] = ()


def store(change: Change, told: Sequence[Told]) -> list[int | None]:
    """Store what growing logs tell; no log comes twice.

    Return for each the id of its last result; None: it is not growing any more, or its recipe is settled, and nothing
    was stored. Telling the same `again` changes nothing.
    """
    known = {recipe.id: recipe for recipe in recipes.unsettled_of(change.tx, {one.recipe for one in told})}
    growing = logs.growing(change.tx, [(one.recipe, one.path) for one in told])
    taken = [one for one in told if one.recipe in known and (one.recipe, one.path) in growing]
    last = {(one.recipe, one.path): one.after for one in taken}
    last |= {**_store_again(change, known, taken), **_store_more(change, known, taken)}
    for one in taken:
        announce(change, known[one.recipe], parse_path(one.recipe, one.path), one.signals)
    return [last.get((one.recipe, one.path)) for one in told]


def _store_again(change: Change, known: Mapping[int, Recipe], told: Sequence[Told]) -> dict[tuple[int, str], int]:
    """Store what may have been stored already, log by log; return the id of each one's last result."""
    last = {}
    for one in told:
        if one.again:
            address = parse_path(one.recipe, one.path)
            replaced = results.replace_parsed(change.tx, address, one.results, change.now, after=one.after)
            _count(change, known[one.recipe], address, replaced.new)
            if replaced.gone:
                lifecycle.count_results(change, one.recipe)
            last[one.recipe, one.path] = replaced.last or one.after
    return last


def _store_more(change: Change, known: Mapping[int, Recipe], told: Sequence[Told]) -> dict[tuple[int, str], int]:
    """Store what was not stored, of all logs at once; return the id of each one's last result."""
    found = [(parse_path(one.recipe, one.path), one.results) for one in told if not one.again and one.results]
    last = {}
    for (address, _), new in zip(found, results.add_parsed(change.tx, found, change.now), strict=True):
        _count(change, known[address.recipe], address, new)
        last[address.recipe, address.path] = new[-1].id
    return last


def _count(change: Change, recipe: Recipe, log: LogAddress, new: Sequence[Result]) -> None:
    """Let new results of a log count; `recipe` may be as it was before others did."""
    for result in new:
        change.result_event(recipe.job, result)
    value = worst(result.result for result in new)
    held = [recipe.result, *(task.result for task in recipe.tasks if task.id == log.task)]
    if any(worst((one, value)) is not one for one in held):
        lifecycle.worsen(change, lifecycle.recipe_of(change, recipe.id), log.task, value)

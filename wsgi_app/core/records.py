"""The log of recipes as one stream of records, numbered from 0, that can be read from any number on while it grows.

A record's number never changes. A line that has no end yet is no record. Secrets of a job are in none.
"""

import sys
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice

from attrs import evolve, frozen
from sqlalchemy import Connection

from wsgi_app.core.access import Access
from wsgi_app.core.change import Ground
from wsgi_app.core.console import CONSOLE, Course, Part, Segment, bases, console_file, lay_out
from wsgi_app.core.linefile import read_blocks
from wsgi_app.core.masking import Mask
from wsgi_app.core.record import Level, Phase, Record
from wsgi_app.core.recordlines import lines_of
from wsgi_app.core.selection import Place, Reference, select_in
from wsgi_app.errors import Invalid, NoSuchRecipe
from wsgi_app.model import Caller, Recipe
from wsgi_app.store import consoles, jobs, recipes

__all__ = ["CONSOLE", "Course", "MOST_TAIL", "Level", "Phase", "Record", "Records", "Stream", "bases"]

#: whose log is wanted: what somebody names, or recipes by their ids
Which = Reference | Place | Sequence[int]
#: records that a tail has at most
MOST_TAIL = 1_000_000


@frozen
class Stream:
    """Records of a range. They are read as they are taken; what grows meanwhile is not among them."""

    #: the stream is over, and the range reaches to its end
    finished: bool
    #: records that there are by now, in the range or not
    total: int
    records: Iterator[Record]


class Records:
    """What the systems of recipes said."""

    def __init__(self, ground: Ground, access: Access) -> None:
        self._ground = ground
        self._access = access

    def read(self, caller: Caller, which: Which, start: int = 0, end: int | None = None) -> Stream:
        """Return the records from number `start` (0 if less) to before `end` (None: all that are there).

        Of several recipes, those of one come behind all of the one before it, when that is settled. Raises
        `NoSuchRecipe`; `Unauthenticated` or `Denied` when they are private; OSError.
        """
        course, masks = self._course(caller, which)
        first, last = max(start, 0), course.total if end is None else min(end, course.total)
        finished = course.over and (end is None or end >= course.total)
        return Stream(finished, course.total, self._records(course, masks, first, last))

    def count(self, caller: Caller, which: Which) -> int:
        """Return how many records there are by now. Raises as `read` does."""
        return self._course(caller, which)[0].total

    def search(
        self,
        caller: Caller,
        which: Which,
        *,
        tail: int | None = None,
        levels: Collection[Level] | None = None,
        grep: str | None = None,
        start: int = 0,
        end: int | None = None,
    ) -> Stream:
        """Return the records of a range that have one of these levels and this text in them; the last `tail` of those.

        Raises as `read` does, and `Invalid` when the tail is too long.
        """
        if tail is not None and not 0 <= tail <= MOST_TAIL:
            raise Invalid(f"a tail has 0 to {MOST_TAIL} records", field="tail")
        course, masks = self._course(caller, which)
        first, last = max(start, 0), course.total if end is None else min(end, course.total)
        finished = course.over and (end is None or end >= course.total)

        def wanted(begin: int) -> Iterator[Record]:
            found = self._records(course, masks, begin, last)
            return (one for one in found if _fits(one, levels, grep))

        if tail is None:
            records = wanted(first)
        elif levels is None and not grep:
            records = wanted(max(first, last - tail))
        else:
            records = _last(tail, wanted, first)
        return Stream(finished, course.total, records)

    def raw(self, caller: Caller, which: Which) -> Iterator[bytes]:
        """Return what the console logs hold, as they are but for secrets, as far as their lines have ended.

        Raises as `read` does.
        """
        course, masks = self._course(caller, which)
        return self._raw(course, masks)

    def _course(self, caller: Caller, which: Which) -> tuple[Course, dict[int, Mask]]:
        with self._ground.read() as tx:
            found, all_there = self._recipes(tx, caller, which)
            masks = {job: Mask(jobs.load_secrets(tx, job)) for job in {recipe.job for recipe in found}}
            course = lay_out(tx, self._ground, found)
            return evolve(course, over=course.over and all_there), masks

    def _recipes(self, tx: Connection, caller: Caller, which: Which) -> tuple[list[Recipe], bool]:
        """Return recipes with their tasks, and whether there will be no others: a campaign may make some."""
        if isinstance(which, Reference | Place):
            selection = select_in(tx, self._access, caller, which, with_tasks=True)
            if not selection.parts:
                raise NoSuchRecipe("this job has no recipes yet")
            return [one.recipe for one in selection.parts], selection.settled
        found = {number: recipes.load_recipe(tx, number) for number in which}
        known = [recipe for recipe in found.values() if recipe is not None]
        if not known or len(known) < len(found):
            raise NoSuchRecipe
        for recipe in known:
            self._access.require_reader(tx, caller, jobs.load_job_row(tx, recipe.job), recipe.id)
        return known, True

    def _records(self, course: Course, masks: dict[int, Mask], start: int, end: int) -> Iterator[Record]:
        for part in course.parts:
            mask = masks[part.recipe.job]
            for segment in part.segments:
                if segment.base < end and start < segment.end:
                    yield from self._of_segment(segment, part, mask, start, end)
            if part.tail < end and start < part.end:
                begin = max(start, part.tail) - part.tail
                yield from islice(self._of_end(part, mask), begin, end - part.tail)

    def _of_segment(self, segment: Segment, part: Part, mask: Mask, start: int, end: int) -> Iterator[Record]:
        task, name = segment.task, mask.text(segment.task.name)
        if start <= segment.base:
            limit = part.recipe.max_seconds or self._ground.config.watchdog_seconds
            phase = Phase(task, segment.place, limit, ended=False)
            yield Record(segment.base, segment.began, Level.INFO, name, phase=phase)
        first = max(start - segment.base - 1, 0)
        last = min(end - segment.base - 1, segment.lines)
        if first < last:
            yield from lines_of(self._ground, segment, mask, first, last)
        if segment.ended and end >= segment.end:
            phase = Phase(task, segment.place, int(segment.over - segment.began), ended=True)
            yield Record(segment.end - 1, segment.over, Level.INFO, name, phase=phase)

    def _of_end(self, part: Part, mask: Mask) -> Iterator[Record]:
        """Yield what stands behind a recipe's tasks: exactly as many records as were counted."""
        with self._ground.read() as tx:
            others = consoles.others(tx, part.recipe.id, CONSOLE) if part.named else []
        number = part.tail
        for path, size in others[: part.named]:
            yield Record(number, part.time, Level.INFO, mask.text(f"log {path} ({size} bytes)"))
            number += 1
        if part.regretted:
            reason = part.recipe.reason or part.recipe.status
            yield Record(number, part.time, Level.ERROR, mask.text(reason))

    def _raw(self, course: Course, masks: dict[int, Mask]) -> Iterator[bytes]:
        for part in course.parts:
            for segment in part.segments:
                path = console_file(self._ground, segment.recipe, segment.task.id)
                whole = segment.indexed or part.over
                size = sys.maxsize if whole else self._ground.checkpoints.extent(path).end
                yield from masks[part.recipe.job].blocks(read_blocks(path, size))


def _fits(record: Record, levels: Collection[Level] | None, grep: str | None) -> bool:
    return (levels is None or record.level in levels) and (not grep or grep in record.words)


def _last(tail: int, wanted: Callable[[int], Iterator[Record]], first: int) -> Iterator[Record]:
    """Yield the last records of those that are wanted: read twice, so that only their numbers are kept."""
    numbers = deque((record.number for record in wanted(first)), tail)
    if numbers:
        yield from wanted(numbers[0])

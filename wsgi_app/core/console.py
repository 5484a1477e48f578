"""What the record stream of recipes is made of: which records are whose, by number, without reading a line.

A task's records are one that says that it begins, one for each line of its console log, and one that says that it has
ended; the next task's come behind those. When a recipe is settled, its other logs are named, and then why it ended.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from attrs import define, frozen
from sqlalchemy import Connection

from wsgi_app.core.change import Ground
from wsgi_app.core.logplace import place
from wsgi_app.model import Recipe, Task
from wsgi_app.states import LogState, RecipeStatus
from wsgi_app.store import consoles
from wsgi_app.store.consoles import Console

#: what a task's console log is called, whatever its harness
CONSOLE = "taskout.log"


@frozen
class Segment:
    """The records of a task that has begun; times are seconds since the epoch."""

    recipe: int
    task: Task
    #: which of its recipe's tasks it is, from 0
    place: int
    #: number of its first record
    base: int
    #: lines of its console log
    lines: int
    #: whether the record of its end is there
    ended: bool
    #: whether the log was read: where its lines begin is stored
    indexed: bool
    began: float
    over: float

    @property
    def path(self) -> str:
        """The path of its console log below that of its recipe."""
        return console_path(self.task.id)

    @property
    def end(self) -> int:
        """The number behind its last record."""
        return self.base + 1 + self.lines + self.ended


@frozen
class Part:
    """The records of a recipe."""

    recipe: Recipe
    segments: tuple[Segment, ...]
    #: number of the first record behind those of its tasks
    tail: int
    #: how many other logs are named there
    named: int
    #: whether the recipe is settled: nothing comes behind these
    over: bool
    #: when it was, seconds since the epoch
    time: float

    @property
    def regretted(self) -> bool:
        """Whether its last record says why it ended."""
        return self.over and self.recipe.status in (RecipeStatus.ABORTED, RecipeStatus.CANCELLED)

    @property
    def end(self) -> int:
        """The number behind its last record."""
        return self.tail + self.named + self.regretted


@frozen
class Course:
    """The records of recipes, one recipe behind the other, as far as they are there."""

    parts: tuple[Part, ...]
    total: int
    #: whether there will be no more
    over: bool


def console_path(task: int) -> str:
    """Return the path of a task's console log below that of its recipe."""
    return f"tasks/{task}/logs/{CONSOLE}"


def console_file(ground: Ground, recipe: int, task: int) -> Path:
    """Return where a task's console log lies. Raises `Denied` when a link leads there."""
    return place(ground.config.logs, f"{recipe}/{console_path(task)}")


def lay_out(tx: Connection, ground: Ground, recipes: Sequence[Recipe]) -> Course:
    """Return which records there are of recipes with their tasks. Raises OSError."""
    return _Layout(tx, ground, recipes).course(recipes)


def bases(tx: Connection, ground: Ground, recipe: Recipe) -> dict[int, int]:
    """Return the numbers of the first records of a recipe's tasks that have begun, in its own stream.

    Line L (from 1) of a task's console log is the record of that number plus L.
    """
    course = lay_out(tx, ground, [recipe])
    return {segment.task.id: segment.base for part in course.parts for segment in part.segments}


@define(init=False)
class _Layout:
    """Lays records out, one recipe behind the other."""

    _ground: Ground
    _now: float
    _consoles: Mapping[int, Console]
    _others: Mapping[int, int]
    #: number of the next record, and its least time: a stream's times do not go back
    _number: int
    _time: float

    def __init__(self, tx: Connection, ground: Ground, recipes: Iterable[Recipe]) -> None:
        self._ground = ground
        self._now = ground.clock()
        begun = [task.id for recipe in recipes for task in recipe.tasks if _may_begin(recipe, task)]
        self._consoles = consoles.consoles(tx, begun, CONSOLE)
        settled = [recipe.id for recipe in recipes if recipe.settled]
        self._others = consoles.count_others(tx, settled, CONSOLE)
        self._number, self._time = 0, 0.0

    def course(self, recipes: Iterable[Recipe]) -> Course:
        parts: list[Part] = []
        for recipe in recipes:
            parts.append(self._part(recipe))
            if not parts[-1].over:
                break
        else:
            return Course(tuple(parts), self._number, True)
        return Course(tuple(parts), self._number, False)

    def _part(self, recipe: Recipe) -> Part:
        self._time = max(self._time, recipe.started or recipe.assigned or 0.0)
        segments: list[Segment] = []
        for number, task in enumerate(recipe.tasks):
            segment = self._segment(recipe, number, task) if _may_begin(recipe, task) else None
            if segment is not None:
                segments.append(segment)
                self._number, self._time = segment.end, segment.over
            # those that were never begun are passed over once nothing can begin any more
            if not (recipe.settled or (segment is not None and segment.ended)):
                break
        self._time = max(self._time, (recipe.finished or 0.0) if recipe.settled else 0.0)
        named = self._others.get(recipe.id, 0) if recipe.settled else 0
        part = Part(recipe, tuple(segments), self._number, named, recipe.settled, self._time)
        self._number = part.end
        return part

    def _segment(self, recipe: Recipe, number: int, task: Task) -> Segment | None:
        console = self._consoles.get(task.id)
        if console is not None and console.state is not LogState.GROWING and console.lines is not None:
            lines, indexed, empty = console.lines, True, False
        else:
            extent = self._ground.checkpoints.extent(console_file(self._ground, recipe.id, task.id))
            # the last line may still get its end
            lines, indexed, empty = extent.lines + (extent.torn and recipe.settled), False, not extent.size
        if task.started is None and not lines:
            return None
        began = max(self._time, task.started or 0.0)
        # of a log that nobody wrote nothing tells that it is read to its end
        silent = empty and console is None and self._closed(task)
        ended = task.status.finished and (indexed or recipe.settled or silent)
        over = max(began, task.finished or 0.0) if ended else began
        return Segment(recipe.id, task, number, self._number, lines, ended, indexed, began, over)

    def _closed(self, task: Task) -> bool:
        """Whether nothing may come to a task's logs any more."""
        return task.closes is not None and task.closes + self._ground.config.quiet_seconds <= self._now


def _may_begin(recipe: Recipe, task: Task) -> bool:
    """Whether a task has begun, or (of a recipe that is over) a log of it may tell that it had."""
    return task.started is not None or recipe.settled

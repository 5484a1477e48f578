"""How logs come to be registered: with the limits looked at, the directories made, and many in one transaction."""

from collections.abc import Iterator, Sequence

from attrs import define, evolve, field, frozen
from sqlalchemy import Connection

from wsgi_app.config import Config
from wsgi_app.core import declared, gate, lifecycle, loglimits
from wsgi_app.core.change import Change, Ground
from wsgi_app.core.convoy import Convoy
from wsgi_app.core.logfile import Logfile
from wsgi_app.errors import LogClosed, NoSuchResult, TackroomError
from wsgi_app.model import Declaration, Log, LogAddress, Recipe
from wsgi_app.states import LogState
from wsgi_app.store import logs, results
from wsgi_app.store.logs import Used


@frozen
class Wish:
    """A log that is to be."""

    address: LogAddress
    file: Logfile
    #: id of the request that wants it
    request: str | None = None


class Registry:
    """Registers logs."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._convoy = Convoy(self._register)

    def register(self, wish: Wish) -> None:
        """Let a log be: its row, and its directories. What is on disk is there before the row can be seen.

        Raises `NoSuchRecipe`, `NoSuchTask`, `NoSuchResult`, `LogClosed`, `TooManyLogs`, `TooManyBytes`,
        `LogIsDirectory`.
        """
        self._require_room(wish)
        self._convoy.ride(wish)

    def declare(self, wish: Wish, declaration: Declaration) -> tuple[Log, bool]:
        """Do the same and note what the log is going to be; return it, and whether that registered it.

        Raises `LogClosed` when it is sealed, too.
        """
        self._require_room(wish)
        with self._ground.change() as change:
            arrivals = _Arrivals(change, self._ground.config)
            (made,) = arrivals.admit([wish])
            if not isinstance(made, TackroomError):
                recipe = lifecycle.recipe_of(change, wish.address.recipe)
                log = logs.known_log(change.tx, recipe.id, wish.address.path)
                if declaration != log.declared:
                    declared.declare(change, recipe, log, declaration)
                    log = logs.known_log(change.tx, recipe.id, wish.address.path)
        if isinstance(made, TackroomError):
            # outside: the Warn is to stay
            raise made
        return log, made

    def _require_room(self, wish: Wish) -> None:
        if self._ground.gate.holds(wish.address.recipe, gate.FULL):
            # a flood of refusals does not queue up for the writer lock
            with self._ground.read() as tx:
                loglimits.require_room(self._ground.config, tx, wish.address)

    def _register(self, wishes: Iterator[Wish]) -> list[bool | TackroomError]:
        with self._ground.change(many=True) as change:
            return _Arrivals(change, self._ground.config).admit(list(wishes))


def require_owner(tx: Connection, recipe: Recipe, address: LogAddress) -> None:
    """Raise `NoSuchTask` or `NoSuchResult` unless the recipe has what the log belongs to."""
    if address.task is not None:
        lifecycle.task_of(recipe, address.task)
    if address.result is not None and results.task_of(tx, address.result) != (recipe.id, address.task):
        raise NoSuchResult


@define
class _Arrivals:
    """The logs that one transaction brings, and what they ask of the database, once for all of them."""

    _change: Change
    _config: Config
    _known: set[tuple[int, str]] = field(factory=set)
    _new: list[LogAddress] = field(factory=list)
    _requests: dict[LogAddress, str | None] = field(factory=dict)
    _recipes: dict[int, Recipe] = field(factory=dict)
    _used: dict[int, Used] = field(factory=dict)

    def admit(self, wishes: Sequence[Wish]) -> list[bool | TackroomError]:
        """Take logs in; say of each whether it is new, or why not: then all that was written for it is one Warn."""
        for recipe in {wish.address.recipe for wish in wishes}:
            paths = [wish.address.path for wish in wishes if wish.address.recipe == recipe]
            self._known.update((recipe, path) for path in logs.registered(self._change.tx, recipe, paths))
        outcomes = [self._outcome(wish) for wish in wishes]
        logs.insert_logs(self._change.tx, self._new, self._change.now, requests=self._requests)
        return outcomes

    def _outcome(self, wish: Wish) -> bool | TackroomError:
        try:
            return self._take(wish)
        except TackroomError as error:
            return error

    def _take(self, wish: Wish) -> bool:
        address, change = wish.address, self._change
        recipe = self._recipe(address.recipe)
        require_owner(change.tx, recipe, address)
        if declared.closed(recipe, address.task, change.now):
            raise LogClosed
        made = (recipe.id, address.path) not in self._known
        if made and (refused := loglimits.refusal(self._config, self._usage(recipe.id), address)):
            loglimits.warn(change, recipe, address.task, refused)
            raise refused
        wish.file.make_directories()
        if made:
            self._add(recipe, address)
            self._requests[address] = wish.request
        return made

    def _add(self, recipe: Recipe, address: LogAddress) -> None:
        self._known.add((recipe.id, address.path))
        self._new.append(address)
        if address.task is not None:
            used = self._usage(recipe.id)
            self._used[recipe.id] = evolve(used, logs=used.logs + 1)
        self._change.log_event(recipe.job, recipe.id, address.path, LogState.GROWING, 0)

    def _recipe(self, number: int) -> Recipe:
        if number not in self._recipes:
            self._recipes[number] = lifecycle.recipe_of(self._change, number)
        return self._recipes[number]

    def _usage(self, recipe: int) -> Used:
        if recipe not in self._used:
            self._used[recipe] = logs.used(self._change.tx, recipe)
        return self._used[recipe]

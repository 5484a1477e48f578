"""Changes that share a transaction: each comes to what it would have come to alone, whatever the others do."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from attrs import evolve
from emptydata import lay_out
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import IntegrityError
from waiting import until

from wsgi_app.config import Config
from wsgi_app.core import gate, lifecycle
from wsgi_app.core.bell import Bell
from wsgi_app.core.change import Change, Ground
from wsgi_app.core.gate import Gate
from wsgi_app.core.notifier import News, Notifier
from wsgi_app.errors import Conflict, DatabaseBusy, NotFound, TackroomError, TaskFinished, TooManyResults
from wsgi_app.model import Caller, LogAddress, ParsedResult, Result
from wsgi_app.states import ResultValue, TaskStatus
from wsgi_app.store import access, events
from wsgi_app.store import results as store_results
from wsgi_app.store.db import Database
from wsgi_app.store.schema import recipes, results, tokens
from wsgi_app.submitted import NewRecipe, NewRecipeSet, NewTask

Work = Callable[[Change], int]


@pytest.fixture
def ground(config: Config) -> Iterator[Ground]:
    """What core stands on, with an empty database."""
    lay_out(config)
    config.gate.mkdir(parents=True)
    config.run.mkdir(parents=True)
    database = Database(config.database)
    nobody = Notifier(lambda _: News(0, ()), 1, Bell(config.run / "news"))
    yield Ground(config, database, Gate(config.gate), lambda: 1_000_000.0, nobody)
    database.close()


def note(number: int) -> Work:
    """A change that writes a row of that number, tells it in an event, and makes a gate file of that name."""

    def work(change: Change) -> int:
        access.insert_token(
            change.tx, user="u", name=str(number), digest=str(number), scopes=(), now=change.now, expires=None
        )
        change.event("message", None, number=number)
        change.gate(1, f"key-{number}")
        return number

    return work


def refused(error: Exception, *, late: bool = False) -> Work:
    """A change that raises: before it has written anything, or late."""

    def work(change: Change) -> int:
        change.event("message", None, number=-1)
        change.gate(1, "open")
        if late:
            note(-1)(change)
        raise error

    return work


def crowd(ground: Ground, calls: Sequence[Callable[[], object]]) -> list[object]:
    """Make all calls while something else has the database's lock; return what came of each, errors too."""

    def call(one: Callable[[], object]) -> object:
        try:
            return one()
        except (TackroomError, ZeroDivisionError, IntegrityError) as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        with ground.db.write():
            came = [pool.submit(call, one) for one in calls]
            # one drives, and waits for the lock; the others wait for it
            until(lambda: len(ground._convoy._line) == len(calls) - 1, "the line")
        return [one.result(30) for one in came]


def all_at_once(ground: Ground, works: Sequence[Work]) -> list[object]:
    """Have all these changes made at one time; return what came of each, errors too."""
    return crowd(ground, [partial(ground.together, work) for work in works])


def kept(ground: Ground) -> tuple[list[int], list[int], set[str]]:
    """What is stored, told and shown; the first two in the order in which it came about."""
    with ground.read() as tx:
        stored = [int(name) for name in tx.execute(select(tokens.c.name).order_by(tokens.c.id)).scalars()]
        told = events.load_events(tx, after=0, limit=None, topics=["message"], user=None, admin=True)
    return stored, [event.data["number"] for event in told], ground.gate.names(1)


def require_kept(ground: Ground, numbers: set[int]) -> None:
    """Require that these were stored, told in the same order, and shown, each once."""
    stored, told, shown = kept(ground)
    assert sorted(stored) == sorted(numbers)
    assert told == stored
    assert shown == {f"key-{number}" for number in numbers}


def test_a_crowd_shares_a_transaction(ground: Ground) -> None:
    """A hundred changes that are wanted at one time are one commit, and each gets its own answer."""
    # the connections themselves: another may get the id of one that is gone
    seen: set[Connection] = set()

    def first(change: Change) -> int:
        # who shares a transaction shares its connection, and nobody's work begins before the lock is there
        seen.add(change.tx)
        return note(0)(change)

    def other(number: int) -> Work:
        def work(change: Change) -> int:
            seen.add(change.tx)
            return note(number)(change)

        return work

    assert all_at_once(ground, [first, *map(other, range(1, 100))]) == list(range(100))
    assert len(seen) == 1
    require_kept(ground, set(range(100)))


def test_who_is_refused_early_fails_alone(ground: Ground) -> None:
    """A change that raises before it has written anything leaves nothing, and the others do not notice."""
    runs: list[int] = []

    def counted(change: Change) -> int:
        runs.append(1)
        return note(0)(change)

    works = [counted, *map(note, range(1, 20)), refused(NotFound("me")), refused(NotFound("me too"))]
    came = all_at_once(ground, works)
    assert came[:20] == list(range(20))
    assert [str(error) for error in came[20:]] == ["me", "me too"]
    assert len(runs) == 1
    require_kept(ground, set(range(20)))


@pytest.mark.parametrize("error", [Conflict("late"), ZeroDivisionError("a mistake")])
def test_who_is_refused_late_takes_nobody_along(ground: Ground, error: Exception) -> None:
    """Of two hundred changes one raises after it has written: it alone gets the error, and nothing of it stays."""
    works = [*map(note, range(199)), refused(error, late=True)]
    came = all_at_once(ground, works)
    assert came[:199] == list(range(199))
    assert came[199] is error
    require_kept(ground, set(range(199)))


def test_what_the_database_refuses_one_is_its_own(ground: Ground) -> None:
    """A change that stores what is stored already is a mistake, told to its caller, and the rest is stored."""
    assert ground.together(note(0)) == 0
    came = all_at_once(ground, [note(1), note(0), note(2)])
    assert came[::2] == [1, 2]
    assert isinstance(came[1], IntegrityError)
    require_kept(ground, {0, 1, 2})


def test_calls_of_a_thread_come_in_their_order(ground: Ground) -> None:
    """Sixty-four threads, each of which calls again when it was answered: all is stored, and each in its order."""

    def calls(thread: int) -> None:
        for number in range(8):
            assert ground.together(note(thread * 100 + number)) == thread * 100 + number

    with ThreadPoolExecutor(64) as pool:
        list(pool.map(calls, range(64)))
    stored, _, _ = kept(ground)
    for thread in range(64):
        mine = [number for number in stored if number // 100 == thread]
        assert mine == [thread * 100 + number for number in range(8)]
    require_kept(ground, {thread * 100 + number for thread in range(64) for number in range(8)})


def test_a_change_that_waits_for_another_hangs_nobody(ground: Ground) -> None:
    """One that waits for what another of the crowd does not do in time ends, and the others are answered."""
    never = threading.Event()

    def waits(change: Change) -> int:
        assert not never.wait(0.3)
        return note(0)(change)

    def tells(change: Change) -> int:
        made = note(1)(change)
        # whoever waited, it was not for longer than it said
        never.set()
        return made

    came = all_at_once(ground, [waits, *map(note, range(2, 40))])
    assert came == [0, *range(2, 40)]
    assert ground.together(tells) == 1
    require_kept(ground, set(range(40)))


def test_a_gate_that_cannot_be_shown_is_one_callers_own(ground: Ground) -> None:
    """The gate of one recipe cannot be written: its caller is told to come again, the others' are there."""
    (ground.config.gate / "7").write_text("no directory")

    def blocked(change: Change) -> int:
        change.gate(7, "open")
        return note(99)(change)

    came = all_at_once(ground, [*map(note, range(20)), blocked])
    assert came[:20] == list(range(20))
    assert isinstance(came[20], TackroomError)
    # its state is committed: the gate follows with the timer
    assert set(kept(ground)[0]) == {*range(20), 99}


def test_a_locked_database_is_told_to_all(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits longer than anybody does for the database, and when it is free again all goes on."""
    for module in ("store.db", "core.convoy"):
        monkeypatch.setattr(f"wsgi_app.{module}.BUSY_SECONDS", 0.5)
    with ground.db.write(), ThreadPoolExecutor(10) as pool:
        came = [pool.submit(ground.together, note(number)) for number in range(10)]
        assert all(isinstance(one.exception(10), DatabaseBusy) for one in came)
    assert ground.together(note(1)) == 1
    require_kept(ground, {1})


def reporter(bench: Any) -> tuple[Caller, int, int]:
    """The harness of a recipe whose one task runs, the recipe, and the task."""
    job = bench.submit(NewRecipeSet((NewRecipe((NewTask("first"),), system="a"),)))
    (recipe,) = job.recipe_sets[0].recipes
    caller = bench.claim("a")
    bench.gateway.tasks.update(caller, recipe.id, recipe.tasks[0].id, status=TaskStatus.RUNNING)
    return caller, recipe.id, recipe.tasks[0].id


def report(bench: Any, whose: tuple[Caller, int, int], **said: Any) -> Callable[[], Result]:
    """A call that reports a Pass."""
    return partial(bench.gateway.results.report, *whose, result=ResultValue.PASS, **said)


def stored_results(bench: Any, whose: tuple[Caller, int, int]) -> list[Result]:
    """The results of a recipe; how many there are is what its row says, too."""
    found: list[Result] = bench.gateway.results.of_recipe(whose[0], whose[1], limit=1000)
    assert bench.recipe(whose[1]).reported == len(found)
    return found


def test_the_same_key_twice_in_one_transaction(bench: Any) -> None:
    """Calls with one idempotency key, made at one time, are one result; what says else with that key is refused."""
    whose = reporter(bench)
    calls = [report(bench, whose, idempotency_key="k") for _ in range(20)]
    came = crowd(bench.gateway._ground, [*calls, report(bench, whose, idempotency_key="k", path="else")])
    stored = stored_results(bench, whose)
    assert len(stored) == 1
    # whichever came first
    assert {type(one) for one in came} == {Result, Conflict}
    assert {one.id for one in came if isinstance(one, Result)} == {stored[0].id}


class TestLimit:
    """A recipe has at most so many results."""

    @pytest.fixture
    def config(self, config: Config) -> Config:
        """Ten results a recipe."""
        return evolve(config, max_results=10)

    def test_no_more_than_the_limit(self, bench: Any) -> None:
        """Of many results at one time as many are stored as the recipe may have, and one Warn."""
        whose = reporter(bench)
        came = crowd(bench.gateway._ground, [report(bench, whose) for _ in range(30)])
        assert sum(isinstance(one, Result) for one in came) == 10
        assert sum(isinstance(one, TooManyResults) for one in came) == 20
        values = [result.result for result in stored_results(bench, whose)]
        assert values == [ResultValue.PASS] * 10 + [ResultValue.WARN]


def test_none_after_the_end(bench: Any) -> None:
    """A task ends among its results: those before are stored, those behind are refused, and none is lost."""
    whose = reporter(bench)
    calls: list[Callable[[], object]] = [report(bench, whose) for _ in range(30)]
    calls.insert(15, partial(bench.gateway.tasks.update, *whose, status=TaskStatus.COMPLETED))
    came = crowd(bench.gateway._ground, calls)
    made = {one.id for one in came if isinstance(one, Result)}
    assert {result.id for result in stored_results(bench, whose)} == made
    assert sum(isinstance(one, TaskFinished) for one in came) == 30 - len(made)
    # the recipe has ended with it, and the gate was shut before anybody was answered
    assert gate.CLOSED in bench.gate(whose[1])


def test_what_is_counted_is_what_is_stored(bench: Any) -> None:
    """However results come and go, a recipe's number of reported ones is that of its rows."""
    whose = reporter(bench)
    ground = bench.gateway._ground
    address = LogAddress(whose[1], whose[2], None, "a.tap")
    bench.put(whose[0], whose[1], "a.tap", whose[2])
    for number in range(3):
        report(bench, whose, idempotency_key=str(number // 2))()
        found = tuple(ParsedResult(str(line), ResultValue.FAIL, line) for line in range(number + 1))
        with ground.change() as change:
            store_results.replace_parsed(change.tx, address, found if number < 2 else (), change.now)
        _require_counted(ground)
    with pytest.raises(ZeroDivisionError):
        ground.together(_spoil(whose))
    _require_counted(ground)
    bench.gateway.recipes.abort(whose[0], whose[1], "enough")
    _require_counted(ground)


def _spoil(whose: tuple[Caller, int, int]) -> Work:
    def work(change: Change) -> int:
        found = lifecycle.recipe_with(change, whose[1], task=whose[2])
        lifecycle.add_result(change, found, whose[2], result=ResultValue.PASS)
        raise ZeroDivisionError

    return work


def _require_counted(ground: Ground) -> None:
    with ground.read() as tx:
        said = tx.execute(select(recipes.c.id, recipes.c.reported)).all()
        for number, reported in said:
            mine = store_results.reported(number)
            assert reported == tx.execute(select(func.count()).select_from(results).where(mine)).scalar_one()

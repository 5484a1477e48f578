"""Many wishes in one transaction: each gets its own outcome, and nobody is left behind."""

import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from wsgi_app.core.convoy import MOST, Convoy
from wsgi_app.errors import DiskFull, NotFound, TackroomError, Unavailable


def ride_all(convoy: Convoy[int, str], wishes: Sequence[int], held: threading.Event) -> dict[int, object]:
    """Let all ride at once behind the first, who is held up until the others wait; return what came of each."""
    came: dict[int, object] = {}

    def ride(wish: int) -> None:
        try:
            came[wish] = convoy.ride(wish)
        except (TackroomError, ZeroDivisionError) as error:
            came[wish] = error

    threads = [threading.Thread(target=ride, args=(wish,)) for wish in wishes]
    for thread in threads:
        thread.start()
    held.set()
    for thread in threads:
        thread.join(20)
    return came


def carrier(
    rounds: list[list[int]], held: threading.Event, fate: Callable[[int], str | TackroomError]
) -> Convoy[int, str]:
    """A convoy that notes what it carries together, and is held up in its first round."""

    def carry(wishes: Iterator[int]) -> list[str | TackroomError]:
        first = next(wishes)
        assert held.wait(20)
        rounds.append([first, *wishes])
        return [fate(wish) for wish in rounds[-1]]

    return Convoy(carry)


def test_who_waits_rides_together() -> None:
    """Each wish is carried once, those that waited in few rounds of at most so many, and each gets its own outcome."""
    rounds: list[list[int]] = []
    held = threading.Event()
    convoy = carrier(rounds, held, lambda wish: NotFound(str(wish)) if wish % 7 == 0 else f"did {wish}")
    came = ride_all(convoy, range(1, 301), held)
    assert sorted(wish for wishes in rounds for wish in wishes) == list(range(1, 301))
    assert max(map(len, rounds)) <= MOST
    assert len(rounds) < 100
    for wish in range(1, 301):
        outcome = came[wish]
        if wish % 7 == 0:
            assert isinstance(outcome, NotFound)
            assert outcome.message == str(wish)
        else:
            assert outcome == f"did {wish}"


def test_a_refusal_of_all_is_told_to_all() -> None:
    """What the database refuses, it refuses to everyone in that round; the next round is another."""
    held = threading.Event()

    def carry(wishes: Iterator[int]) -> list[str | TackroomError]:
        assert held.wait(20)
        assert list(wishes)
        raise DiskFull

    came = ride_all(Convoy(carry), range(20), held)
    assert len(came) == 20
    assert all(isinstance(outcome, DiskFull) for outcome in came.values())


def test_a_bug_is_one_callers_own() -> None:
    """An error that is no refusal ends the call that hit it; those who rode along may try again, and none hangs."""
    held = threading.Event()

    def carry(wishes: Iterator[int]) -> list[str | TackroomError]:
        assert held.wait(20)
        assert list(wishes)
        raise ZeroDivisionError

    came = ride_all(Convoy(carry), range(20), held)
    assert len(came) == 20
    kinds = {type(outcome) for outcome in came.values()}
    assert kinds <= {ZeroDivisionError, Unavailable}
    assert ZeroDivisionError in kinds


def test_alone_nobody_waits() -> None:
    """One wish at a time is carried at once, and the convoy can be used again."""
    rounds: list[list[int]] = []
    held = threading.Event()
    held.set()
    convoy = carrier(rounds, held, str)
    assert [convoy.ride(wish) for wish in range(5)] == ["0", "1", "2", "3", "4"]
    assert rounds == [[0], [1], [2], [3], [4]]
    with pytest.raises(NotFound):
        carrier(rounds, held, lambda wish: NotFound()).ride(1)


def test_who_is_not_taken_drives_next() -> None:
    """One that takes no more than the first leaves the others as they were, and all are carried in the end."""
    held = threading.Event()
    held.set()
    came = ride_all(Convoy(lambda wishes: [f"did {next(wishes)}"]), range(50), held)
    assert came == {wish: f"did {wish}" for wish in range(50)}

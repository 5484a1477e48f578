"""The newest events that streams of a process share, against the whole truth."""

from hypothesis import given
from hypothesis import strategies as st

from wsgi_app.core.tail import KEPT, Tail
from wsgi_app.model import Event
from wsgi_app.store.events import Told


def told(first: int, last: int) -> list[Told]:
    """Events of these ids."""
    return [Told(Event(number, 0.0, "job", None, {}), None) for number in range(first, last + 1)]


#: how many events there are until the next look, and whether that look feeds the tail
LOOKS = st.lists(st.tuples(st.integers(1, KEPT + 50), st.booleans()), max_size=6)


@given(LOOKS, st.integers(0, 50))
def test_what_is_behind(looks: list[tuple[int, bool]], back: int) -> None:
    """What it tells is all that happened behind an id since it was fed last, or it says that it does not know."""
    tail = Tail()
    newest = 0
    for count, feeds in looks:
        seen, newest = newest, newest + count
        if feeds:
            tail.feed(seen, newest, told(seen + 1, newest)[-KEPT:])
            for after in {max(0, newest - back), seen, max(0, seen - back), newest, newest + 5, 0}:
                found = tail.behind(after)
                if found is not None:
                    assert list(found) == told(after + 1, newest)
            # who has come as far as the look before is served, unless there was more than is kept
            assert (tail.behind(seen) is None) is (count > KEPT)
            kept = tail.behind(newest - min(count, KEPT))
            assert kept is not None
            assert len(kept) <= KEPT


def test_before_it_was_fed() -> None:
    """A tail that was not fed yet has nothing to add to what the database said."""
    assert Tail().behind(7) == ()

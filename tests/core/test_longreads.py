"""Reads that take long: a number of them at a time, fewer at work, and each place is given back."""

import threading
from collections.abc import Iterator

import pytest
from waiting import until

from wsgi_app.core.longreads import LongReads
from wsgi_app.errors import TooManyReaders


def test_more_than_there_are_places_for_are_refused() -> None:
    """A place is taken at the first piece and given back at the end, by a close, and by an error."""
    reads = LongReads(most=2)
    first, second = reads.share(iter("abc")), reads.share(iter("de"))
    with pytest.raises(TooManyReaders):
        reads.share(iter("f"))
    assert list(first) == ["a", "b", "c"]
    third = reads.share(iter(()))
    assert list(third) == []

    def broken() -> Iterator[str]:
        yield "g"
        raise OSError

    fourth = reads.share(broken())
    with pytest.raises(OSError):
        list(fourth)
    fifth = reads.share(iter("hi"))
    assert next(fifth) == "h"
    with pytest.raises(TooManyReaders):
        reads.share(iter("j"))
    # whoever hangs up is not read for any longer
    del fifth, second
    assert [next(reads.share(iter("k"))) for _ in range(5)] == ["k"] * 5


def test_what_is_read_is_read_by_few() -> None:
    """No more than so many are at work; who sends what was read holds up nobody who reads."""
    reads = LongReads(most=8, at_work=2)
    lock, go = threading.Lock(), threading.Event()
    counts = {"now": 0, "most": 0}

    def work() -> Iterator[int]:
        for number in range(3):
            with lock:
                counts["now"] += 1
                counts["most"] = max(counts["most"], counts["now"])
            go.wait(20)
            with lock:
                counts["now"] -= 1
            yield number

    found: list[list[int]] = []
    threads = [threading.Thread(target=lambda: found.append(list(reads.share(work())))) for _ in range(8)]
    for thread in threads:
        thread.start()
    until(lambda: counts["now"] == 2, "two at work", 20)
    go.set()
    for thread in threads:
        thread.join(20)
    assert found == [[0, 1, 2]] * 8
    assert counts == {"now": 0, "most": 2}
    held = [reads.share(iter(range(2))) for _ in range(7)]
    assert [next(one) for one in held] == [0] * 7
    assert list(reads.share(iter("x"))) == ["x"]

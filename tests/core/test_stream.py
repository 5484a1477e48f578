"""Streams of events: pauses, rights that end, and processes that do."""

import threading
import time
from typing import Any

import pytest

from wsgi_app.core import notifier
from wsgi_app.core.events import BATCH
from wsgi_app.core.notifier import News
from wsgi_app.core.tail import KEPT
from wsgi_app.errors import BadCredentials, Invalid, TooManyWaiters
from wsgi_app.model import Caller

ANYONE = Caller(None, "127.0.0.1")


def test_a_pause_is_told(bench: Any) -> None:
    """When nothing happens for a while the stream says so, again and again, and then goes on."""
    stream = bench.gateway.events.follow(ANYONE, after=None, pause=0.05)
    lists = iter(stream)
    began = time.monotonic()
    assert [next(lists), next(lists)] == [(), ()]
    assert 0.1 <= time.monotonic() - began < 5
    bench.systems("c")
    (event,) = next(lists)
    assert (event.topic, event.data["name"]) == ("system", "c")
    assert next(lists) == ()
    stream.close()


def test_a_pause_is_told_to_those_whom_nothing_concerns(bench: Any) -> None:
    """Events of other topics do not keep a stream from saying that it is still there."""
    stream = bench.gateway.events.follow(ANYONE, after=None, topics=["message"], pause=0.3)
    done = threading.Event()

    def busy() -> None:
        while not done.is_set():
            bench.gateway.systems.change(bench.admin, "a", reason=str(time.monotonic()))

    thread = threading.Thread(target=busy)
    thread.start()
    began = time.monotonic()
    try:
        assert next(iter(stream)) == ()
    finally:
        done.set()
        thread.join()
    assert 0.3 <= time.monotonic() - began < 5
    stream.close()


@pytest.mark.parametrize("how", ["revoked", "expired"])
def test_a_void_token_ends_an_idle_stream(bench: Any, how: str) -> None:
    """A token that is revoked or expires ends its stream at the next sign of life, also when nothing happens."""
    issued = bench.gateway.tokens.create(bench.admin, name="n", expires=bench.clock.now + 10)
    caller = Caller(f"Bearer {issued.secret}", "127.0.0.1")
    stream = bench.gateway.events.follow(caller, after=None, pause=0.05)
    lists = iter(stream)
    assert next(lists) == ()
    if how == "revoked":
        bench.gateway.tokens.revoke(bench.admin, issued.token.id)
    else:
        bench.clock.now += 10
    with pytest.raises(BadCredentials):
        next(lists)
    stream.close()
    with pytest.raises(BadCredentials):
        bench.gateway.events.follow(caller, after=None, pause=0.05)


@pytest.mark.parametrize("count", [1, BATCH, BATCH + 1, KEPT, KEPT + BATCH])
def test_a_slow_reader(bench: Any, count: int) -> None:
    """However much happens while nobody reads, all of it comes, once and in order; so does what happens after that."""
    stream = bench.gateway.events.follow(ANYONE, after=None, pause=20)
    lists = iter(stream)
    bench.systems("c")
    (seen,) = next(lists)
    reached = seen.id
    for _ in range(2):
        with bench.gateway._ground.change() as change:
            for number in range(count):
                change.event("message", None, text=str(number))
        newest = reached + count
        while reached < newest:
            for event in next(lists):
                reached += 1
                assert event.id == reached
    stream.close()


def test_what_the_watcher_missed(bench: Any) -> None:
    """What nobody was woken for is found at the next sign of life."""
    stream = bench.gateway.events.follow(ANYONE, after=None, pause=0.2)
    lists = iter(stream)
    assert next(lists) == ()
    # as after a restart of the thread that looks for news
    bench.gateway._ground.notifier._news = lambda _seen: News(10**6, ())
    bench.systems("c")
    (event,) = next(lists)
    assert event.data["name"] == "c"
    stream.close()


def test_ids_that_are_still_to_come(bench: Any) -> None:
    """Who comes back with an id of a database that was restored since is told what happens from now on."""
    stream = bench.gateway.events.follow(ANYONE, after=10**9, pause=20)
    assert stream.after == bench.gateway.events.latest()
    bench.systems("c")
    (event,) = next(iter(stream))
    assert event.data["name"] == "c"
    stream.close()


def test_who_finds_no_place_wakes_the_dead(bench: Any) -> None:
    """A stream that is refused makes the others send something, so that those whose clients are gone end."""
    streams = [bench.gateway.events.follow(ANYONE, after=None, pause=60) for _ in range(_places(bench))]
    with pytest.raises(TooManyWaiters):
        bench.gateway.events.follow(ANYONE, after=None, pause=60)
    began = time.monotonic()
    for stream in streams:
        assert next(iter(stream)) == ()
        stream.close()
    assert time.monotonic() - began < 30
    bench.gateway.events.follow(ANYONE, after=None, pause=60).close()


def test_a_crowd_takes_turns(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The more streams there are the longer each rests between what it tells; the end of the process is the end."""
    monkeypatch.setattr(notifier, "REST_SECONDS", 0.1)
    crowd = [bench.gateway.events.follow(ANYONE, after=None, pause=60) for _ in range(5)]
    lists = iter(crowd[0])
    bench.systems("c")
    assert len(next(lists)) == 1
    began = time.monotonic()
    for number in range(3):
        bench.gateway.systems.change(bench.admin, "c", reason=str(number))
    seen = len(next(lists))
    assert time.monotonic() - began >= 0.5
    while seen < 3:
        seen += len(next(lists))
    assert seen == 3
    monkeypatch.setattr(notifier, "REST_SECONDS", 60)
    began = time.monotonic()
    bench.gateway.send_home()
    assert list(lists) == []
    assert time.monotonic() - began < 30
    for stream in crowd:
        stream.close()


def test_a_process_that_stops_wakes_its_streams(bench: Any) -> None:
    """An idle stream ends at once when its process sends everybody home."""
    stream = bench.gateway.events.follow(ANYONE, after=None, pause=60)
    seen: list[object] = []
    thread = threading.Thread(target=lambda: seen.extend(stream))
    thread.start()
    bench.gateway.send_home()
    thread.join(5)
    assert not thread.is_alive()
    assert seen == []
    stream.close()


def test_refused_streams_take_no_place(bench: Any) -> None:
    """What is refused takes no place, and closing twice gives back one."""
    places = bench.gateway._ground.notifier
    with pytest.raises(Invalid):
        bench.gateway.events.follow(ANYONE, after=None, topics=["weather"], pause=1)
    with pytest.raises(BadCredentials):
        bench.gateway.events.follow(Caller("Bearer x", "127.0.0.1"), after=0, pause=1)
    first, second = (bench.gateway.events.follow(ANYONE, after=0, pause=1) for _ in range(2))
    first.close()
    first.close()
    assert places.waiters == 1
    second.close()
    assert places.waiters == 0


def test_their_part_of_the_places(bench: Any) -> None:
    """Streams take a quarter of a process's places and no more."""
    streams = []
    with pytest.raises(TooManyWaiters):
        while True:
            streams.append(bench.gateway.events.follow(ANYONE, after=0, pause=1))
    assert len(streams) == _places(bench)
    for stream in streams:
        stream.close()


def _places(bench: Any) -> int:
    places: int = bench.config.max_waiters // 4
    return places

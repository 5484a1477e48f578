"""Event streams of whole Tackrooms, embedded and behind httpd: promptness, restarts, places."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from attrs import define, field
from lab import Lab, running_lab
from stream import Following, following
from waiting import until

PLACES = 20


@pytest.fixture(scope="module", params=["none", "apache"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A Tackroom of one worker that holds `PLACES` streams."""
    with running_lab(request.param, TACKROOM_WORKERS="1", TACKROOM_MAX_WAITERS=str(4 * PLACES)) as lab:
        yield lab


def add(lab: Lab, name: str) -> int:
    """Add a system: one event. Return the status; 0 when nobody answered."""
    try:
        return lab.call(
            "POST", "/systems/", f'{{"name": "{name}"}}'.encode(), {"Content-Type": "application/json"}
        ).status
    except OSError:
        return 0


def make(lab: Lab, name: str) -> None:
    """Add a system, or see that it is there: the call before may have died after its work was done."""
    until(lambda: add(lab, name) in (201, 409), "an event", 40)


def names(stream: Following) -> Iterator[str]:
    """Yield the names of the systems of which it tells."""
    return (block.event["data"]["name"] for block in stream.blocks() if block.event is not None)


def test_events_arrive_at_once(lab: Lab) -> None:
    """An event reaches an idle client long before anything else would push it there."""
    with following(lab, "?topic=system") as stream:
        assert stream.status == 200
        told = names(stream)
        blocks = stream.blocks()
        assert next(blocks).event is None
        for number in range(5):
            began = time.monotonic()
            assert add(lab, f"prompt-{number}") == 201
            assert next(told) == f"prompt-{number}"
            assert time.monotonic() - began < 5


def test_head_ends(lab: Lab) -> None:
    """HEAD is answered, and the connection is good for the next call."""
    answer = lab.call("HEAD", "/events", headers={"Accept": "text/event-stream"})
    assert (answer.status, answer.headers["Content-Type"], answer.body) == (200, "text/event-stream", b"")


@define
class Reader:
    """Follows all events, and comes back behind the last one whenever it is cut off, as a browser does."""

    lab: Lab
    stop: threading.Event = field(factory=threading.Event)
    seen: list[int] = field(factory=list)
    #: the last id that it was told, with an event or without
    last: int | None = None
    #: how often it was let in
    streams: int = 0

    def run(self) -> None:
        """Read until the stop."""
        while not self.stop.is_set():
            try:
                self._once()
            except OSError:
                # nobody there: again
                self.stop.wait(0.05)

    def wait_for(self, streams: int) -> None:
        """Wait until it was let in so often."""
        until(lambda: self.streams >= streams, "the reader is back", 40)

    def _once(self) -> None:
        headers = {} if self.last is None else {"Last-Event-ID": str(self.last)}
        with following(self.lab, headers=headers) as stream:
            if stream.status != 200:
                return
            self.streams += 1
            for block in stream.blocks():
                if "id" in block.fields:
                    self.last = block.id
                if block.event is not None:
                    self.seen.append(block.event["id"])
                if self.stop.is_set():
                    return


def test_nothing_lost_nothing_doubled(lab: Lab) -> None:
    """While the application is killed, and ended politely, a reader that resumes sees each event exactly once."""
    reader = Reader(lab)
    thread = threading.Thread(target=reader.run)
    thread.start()
    try:
        until(lambda: reader.last is not None, "the stream has begun")
        start = reader.last
        for part, number in enumerate([signal.SIGKILL, signal.SIGTERM, signal.SIGKILL]):
            streams = reader.streams
            for count in range(10):
                if count == 5:
                    for pid in reversed(lab.pids("gunicorn")):
                        os.kill(pid, number)
                make(lab, f"again-{part}-{count}")
            reader.wait_for(streams + 1)
        whole = [event["id"] for event in lab.call("GET", f"/events?after={start}&limit=1000").json["events"]]
        assert len(whole) == 30
        until(lambda: reader.last == whole[-1], "the reader has come to the end")
    finally:
        reader.stop.set()
        # lets it read one block more
        add(lab, f"stop-{lab.front}")
        thread.join(40)
    assert not thread.is_alive()
    assert reader.seen[: len(whole)] == whole


def test_places(lab: Lab) -> None:
    """Streams beyond their part of the places are refused, systems still wait for work; who goes frees one."""
    make(lab, "claimant")
    with ExitStack() as stack:
        until(lambda: add(lab, f"spare-{time.monotonic_ns()}") and _opens(lab, stack) is False, "a refusal", 60)
        claim = lab.call("POST", "/systems/claimant/claim?wait=1")
        assert claim.status == 204
    # clients that are gone are noticed when something is sent to them
    with ExitStack() as stack:
        until(lambda: add(lab, f"spare-{time.monotonic_ns()}") and _opens(lab, stack), "a free place", 60)


def _opens(lab: Lab, stack: ExitStack) -> bool:
    stream = stack.enter_context(following(lab))
    assert stream.status in (200, 503)
    return stream.status == 200


def test_stops_promptly(lab: Lab) -> None:
    """When its process is told to stop, a stream ends at once, and whole: the end of the body comes."""
    with following(lab) as stream:
        blocks = stream.blocks()
        next(blocks)
        (master, *_) = lab.pids("gunicorn")
        began = time.monotonic()
        os.kill(master, signal.SIGTERM)
        assert list(blocks) == []
        assert time.monotonic() - began < 5
        assert stream.response.isclosed()
    make(lab, "back")

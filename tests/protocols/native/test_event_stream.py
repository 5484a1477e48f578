"""Events as a stream, in this process: the wire, rights, places. With servers: test_stream_service.py."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from attrs import evolve, frozen
from webtest import TestApp, lint
from werkzeug.datastructures import Headers as WireHeaders
from werkzeug.test import EnvironBuilder, run_wsgi_app
from werkzeug.wsgi import ClosingIterator

from wsgi_app.app import Application, create_app
from wsgi_app.config import Config

Headers = dict[str, str]
STREAM = {"Accept": "text/event-stream"}


@frozen
class Open:
    """A stream that has begun."""

    status: str
    headers: WireHeaders
    chunks: Iterator[bytes]

    def events(self) -> list[Any]:
        """Read the next chunk: the events in it, each as it stands in a page."""
        found = []
        for block in next(self.chunks).decode().removesuffix("\n\n").split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.split("\n"))
            assert list(fields) == ["id", "event", "data"]
            event = json.loads(fields["data"])
            assert (str(event["id"]), event["topic"]) == (fields["id"], fields["event"])
            found.append(event)
        return found

    def take(self, count: int) -> list[Any]:
        """Read so many events; changes that follow one another closely may come in one chunk or in several."""
        found: list[Any] = []
        while len(found) < count:
            found += self.events()
        return found

    def ended(self) -> bool:
        """Read to the end; False when there is something before it."""
        return list(self.chunks) == []


@contextmanager
def opened(application: Application, headers: Headers | None = None, query: str = "") -> Iterator[Open]:
    """Open a stream through WebTest's lint, read its first block, and close it at the end."""
    builder = EnvironBuilder("/events", query_string=query, headers=list({**STREAM, **(headers or {})}.items()))
    environ = {**builder.get_environ(), "REMOTE_ADDR": "127.0.0.1"}
    chunks, status, told = run_wsgi_app(lint.middleware(application), environ, buffered=False)
    assert isinstance(chunks, ClosingIterator)
    iterator = iter(chunks)
    try:
        yield Open(status, told, iterator)
    finally:
        chunks.close()


def begun(stream: Open) -> int:
    """Read the first block; return the id behind which the stream begins."""
    retry, number = next(stream.chunks).decode().split("\n")[:2]
    assert retry == "retry: 2000"
    return int(number.removeprefix("id: "))


def page(web: TestApp, headers: Headers, after: int = 0) -> list[Any]:
    """Events behind an id, as a page tells them."""
    events: list[Any] = web.get(f"/events?after={after}&limit=1000", headers=headers).json["events"]
    return events


def places(application: Application) -> int:
    """How many waiters' places are taken."""
    return application.gateway._ground.notifier.waiters


def test_from_now_on(web: TestApp, admin: Headers, application: Application, submit: Callable[..., Any]) -> None:
    """Without a place to begin a stream tells what happens from its beginning on, as pages do."""
    submit()
    last = page(web, admin)[-1]["id"]
    with opened(application) as stream:
        assert stream.status == "200 OK"
        assert stream.headers["Content-Type"] == "text/event-stream"
        assert stream.headers["Cache-Control"] == "no-store"
        # made before anything was read, and not lost
        submit()
        assert begun(stream) == last
        assert stream.events() == page(web, admin, last)
        reached = page(web, admin)[-1]["id"]
        submit()
        assert stream.events() == page(web, admin, reached)


def test_from_an_id(web: TestApp, admin: Headers, application: Application, submit: Callable[..., Any]) -> None:
    """A stream begins behind `after`, or behind Last-Event-ID, which counts more: so far has the client come."""
    for _ in range(3):
        submit()
    whole = page(web, admin)
    for query, headers, after in (
        ("after=0", {}, 0),
        ("after=2", {}, 2),
        ("after=2", {"Last-Event-ID": "4"}, 4),
        ("", {"Last-Event-ID": "0"}, 0),
    ):
        with opened(application, headers, query) as stream:
            assert begun(stream) == after
            assert stream.events() == [event for event in whole if event["id"] > after]


def test_topics(web: TestApp, admin: Headers, application: Application, submit: Callable[..., Any]) -> None:
    """A stream tells of the topics that were asked for; what it passes over does not hold it up."""
    submit()
    with opened(application, query="after=0&topic=system&topic=job") as stream:
        begun(stream)
        assert {event["topic"] for event in stream.events()} == {"job"}
        submit()
        web.post_json("/systems/", {"name": "alpha"}, headers=admin)
        assert [event["topic"] for event in stream.take(2)] == ["job", "system"]


def test_private_jobs(
    web: TestApp, admin: Headers, application: Application, submit: Callable[..., Any], user: Callable[..., Headers]
) -> None:
    """Events of a private job reach its owner and admins, nobody else."""
    bob = user("bob", "submit", "read")
    private = submit(bob, {"visibility": "private"})["id"]
    public = submit(bob)["id"]
    for headers, seen in (
        ({}, {public}),
        (user("eve", "read", "submit"), {public}),
        (bob, {private, public}),
        (admin, {private, public}),
    ):
        with opened(application, headers, "after=0&topic=job") as stream:
            begun(stream)
            assert {event["data"]["id"] for event in stream.events()} == seen


@pytest.mark.parametrize(("who", "sees"), [(None, 1), ("eve", 1), ("bob", 2), ("admin", 2)])
def test_private_jobs_as_they_happen(
    application: Application,
    admin: Headers,
    submit: Callable[..., Any],
    user: Callable[..., Headers],
    who: str | None,
    sees: int,
) -> None:
    """The same while they happen, when all streams of a process read together."""
    bob = user("bob", "submit", "read")
    headers = admin if who == "admin" else {} if who is None else user(who, "read")
    with opened(application, headers, "topic=job") as stream, opened(application):
        begun(stream)
        for _ in range(3):
            made = [submit(bob, {"visibility": visibility})["id"] for visibility in ("private", "public")][-sees:]
            assert [event["data"]["id"] for event in stream.take(sees)] == made


def test_a_token_that_is_revoked(web: TestApp, admin: Headers, application: Application) -> None:
    """A stream ends when its token is revoked, and tells nothing of what happened since."""
    made = web.post_json("/tokens/", {"name": "n", "user": "bob"}, headers=admin).json
    with opened(application, {"Authorization": f"Bearer {made['token']}"}) as stream:
        begun(stream)
        web.post_json("/systems/", {"name": "before"}, headers=admin)
        assert [event["data"]["name"] for event in stream.events()] == ["before"]
        web.delete(f"/tokens/{made['id']}", headers=admin)
        web.post_json("/systems/", {"name": "after"}, headers=admin)
        assert stream.ended()


@pytest.mark.parametrize(
    ("accept", "streams"),
    [
        ("text/event-stream", True),
        ("text/event-stream, */*", True),
        ("text/event-stream, application/json;q=0.5", True),
        ("text/event-stream;q=0.5, application/json", False),
        ("application/json, text/event-stream", False),
        ("text/event-stream;q=0", False),
        ("*/*", False),
        ("application/json", False),
        ("text/html", False),
        ("", False),
    ],
)
def test_who_gets_a_stream(application: Application, accept: str, streams: bool) -> None:
    """A stream is for those who would rather have it; all others get a page."""
    with opened(application, {"Accept": accept}) as stream:
        assert (stream.headers["Content-Type"] == "text/event-stream") is streams


@pytest.mark.parametrize(
    ("headers", "query", "status", "field"),
    [
        ({"Last-Event-ID": "x"}, "", 400, "Last-Event-ID"),
        ({"Last-Event-ID": "-1"}, "", 400, "Last-Event-ID"),
        ({"Last-Event-ID": ""}, "", 400, "Last-Event-ID"),
        ({"Last-Event-ID": "9" * 40}, "", 400, "Last-Event-ID"),
        ({"Last-Event-ID": "9" * 5000}, "", 400, "Last-Event-ID"),
        ({}, "after=x", 400, "after"),
        ({}, "topic=weather", 400, "topic"),
        ({"Authorization": "Bearer x"}, "", 401, None),
    ],
)
def test_refusals(
    web: TestApp, application: Application, headers: Headers, query: str, status: int, field: str | None
) -> None:
    """What is wrong is refused before a stream begins, and takes no place."""
    error = web.get(f"/events?{query}", headers={**STREAM, **headers}, status=status).json["error"]
    assert error["field"] == field
    assert places(application) == 0


def test_head(web: TestApp, application: Application) -> None:
    """HEAD has the stream's headers, and ends at once."""
    answer = web.head("/events", headers=STREAM, status=200)
    assert (answer.headers["Content-Type"], answer.body) == ("text/event-stream", b"")
    web.head("/events?topic=weather", headers=STREAM, status=400)
    assert places(application) == 0


def test_closed_at_any_moment(application: Application, web: TestApp, admin: Headers) -> None:
    """Whenever its client goes, a stream gives its place back."""
    for blocks in range(3):
        with opened(application, query="after=0") as stream:
            web.post_json("/systems/", {"name": f"s{blocks}"}, headers=admin)
            for _ in range(blocks):
                next(stream.chunks)
            assert places(application) == 1
        assert places(application) == 0


def test_streams_leave_places_to_others(config: Config) -> None:
    """Streams take a quarter of the places; the rest is for those who claim, meet and wait for jobs."""
    application = create_app(evolve(config, max_waiters=8))
    try:
        web = TestApp(application, extra_environ={"REMOTE_ADDR": "127.0.0.1"})
        with opened(application), opened(application):
            error = web.get("/events", headers=STREAM, status=503).json["error"]
            assert error["code"] == "waiters.too-many"
            web.get("/events", status=200)
            assert places(application) == 2
        with opened(application) as stream:
            assert stream.status == "200 OK"
    finally:
        application.gateway.close()


def test_sent_home(application: Application) -> None:
    """A process that stops ends its streams at once, those that come then, too."""
    with opened(application) as stream:
        begun(stream)
        application.gateway.send_home()
        assert stream.ended()
    with opened(application) as stream:
        begun(stream)
        assert stream.ended()

"""Tackroom's events as they come: a stream (server-sent events) that goes on where it broke off.

Source of the wire: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import contextlib
import json
import time
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlencode

import urllib3
from attrs import define, field

from wsgi_app.cli.client import Client, Refused, Unreachable
from wsgi_app.cli.patience import Patience

#: seconds of silence after which a stream is dead: the server says that it is there every 15 s or sooner
SILENCE_SECONDS = 45
#: seconds for which a server that is away is waited for
AWAY_SECONDS = 120


class TimeOver(Exception):
    """What was waited for did not happen in time."""


@define
class _Parser:
    """Takes lines of a stream, makes events; `last` is the id behind which the stream goes on."""

    last: str | None
    _id: str | None = None
    _data: list[str] = field(factory=list)

    def feed(self, line: str) -> Any:
        """Return the event that this line completes, None when it completes none."""
        if line:
            name, _, value = line.partition(":")
            if name == "id":
                self._id = value.removeprefix(" ")
            elif name == "data":
                self._data.append(value.removeprefix(" "))
            return None
        # an event counts as seen when all of it is there
        self.last = self._id if self._id is not None else self.last
        data, self._data, self._id = self._data, [], None
        return json.loads("\n".join(data)) if data else None


def follow(
    client: Client, *, after: int | None = None, topics: Sequence[str] = (), end: float | None = None
) -> Iterator[Any]:
    """Yield None as soon as the stream stands, then each event once, in order, also across the server's restarts.

    Begins behind the id `after`, else with what happens from now on. `end` is when to stop (`time.monotonic`).
    Raises `TimeOver`, `Refused`; `Unreachable` when the server stays away.
    """
    parser = _Parser(None if after is None else str(after))
    patience = Patience(AWAY_SECONDS)
    path = "events?" + urlencode([("topic", topic) for topic in topics])
    stands = False
    while True:
        try:
            for event in _events(client, path, parser, end):
                patience.rest()
                if event is not None or not stands:
                    stands = True
                    yield event
        except (Unreachable, Refused) as error:
            _bear(patience, error, end)
        if end is not None and time.monotonic() >= end:
            raise TimeOver


def _bear(patience: Patience, trouble: Unreachable | Refused, end: float | None) -> None:
    if end is not None and time.monotonic() >= end:
        raise TimeOver
    patience.bear(trouble)


def _events(client: Client, path: str, parser: _Parser, end: float | None) -> Iterator[Any]:
    """Yield None when something has come, and events, until the stream ends or the time is over."""
    headers = {"Accept": "text/event-stream"}
    if parser.last is not None:
        headers["Last-Event-ID"] = parser.last
    left = SILENCE_SECONDS if end is None else min(SILENCE_SECONDS, max(end - time.monotonic(), 0.05))
    with contextlib.closing(client.stream(path, headers=headers, seconds=left)) as response:
        for line in _lines(response):
            event = parser.feed(line)
            if event is not None or not line:
                yield event
            if end is not None and time.monotonic() >= end:
                return


def _lines(response: urllib3.BaseHTTPResponse) -> Iterator[str]:
    """Yield whole lines until the stream ends or breaks off; half a line is not told."""
    rest = b""
    while True:
        try:
            block = response.read1(65536)
        except urllib3.exceptions.HTTPError:
            return
        if not block:
            return
        *lines, rest = (rest + block).split(b"\n")
        yield from (line.removesuffix(b"\r").decode("utf-8", "replace") for line in lines)

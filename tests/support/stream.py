"""A reader of an event stream (text/event-stream), over a real connection."""

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from attrs import define
from lab import Lab


@define
class Block:
    """What stands between two empty lines: fields by name, comments under the empty name."""

    fields: dict[str, str]

    @property
    def id(self) -> int:
        """The id that it tells."""
        return int(self.fields["id"])

    @property
    def event(self) -> Any:
        """The event in it, None when there is none."""
        data = self.fields.get("data")
        return None if data is None else json.loads(data)


@define
class Following:
    """An open stream, or the refusal of one."""

    response: http.client.HTTPResponse

    @property
    def status(self) -> int:
        """The status of the answer."""
        return self.response.status

    def blocks(self) -> Iterator[Block]:
        """Yield whole blocks until the stream ends, however it ends."""
        fields: dict[str, str] = {}
        while line := self._line():
            name, _, value = line.decode().rstrip("\n").partition(":")
            if name or value:
                fields[name] = value.removeprefix(" ")
            else:
                yield Block(fields)
                fields = {}

    def _line(self) -> bytes:
        try:
            return self.response.readline()
        except (http.client.HTTPException, ConnectionError):
            return b""


@contextmanager
def following(lab: Lab, query: str = "", headers: Mapping[str, str] | None = None) -> Iterator[Following]:
    """Open a stream as admin."""
    connection = lab.connect(40)
    try:
        sent = {"Authorization": f"Bearer {lab.token}", "Accept": "text/event-stream", **(headers or {})}
        connection.request("GET", f"/events{query}", headers=sent)
        yield Following(connection.getresponse())
    finally:
        connection.close()

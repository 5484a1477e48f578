"""Readers of events by WebSocket, as tests have them."""

import base64
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from attrs import define, field, frozen
from lab import Lab
from waiting import until
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect


@frozen
class Told:
    """One message, its fifth string parsed."""

    topic: str
    uuid: str
    time: str
    username: str
    data: Mapping[str, Any]

    @classmethod
    def of(cls, text: str) -> "Told":
        """Parse a frame, which is an array of five strings."""
        value = json.loads(text)
        assert isinstance(value, list) and len(value) == 5 and all(isinstance(one, str) for one in value), text
        data = json.loads(value[4])
        assert isinstance(data, dict), text
        topic, uuid, at, username, _ = value
        return cls(topic, uuid, at, username, data)

    @property
    def kind(self) -> str:
        """The last word of its topic."""
        return self.topic.rpartition(".")[2]


@define
class Listener:
    """One reader."""

    connection: ClientConnection
    heard: list[Told] = field(factory=list)

    def next(self, seconds: float = 20) -> Told:
        """Return the next message."""
        told = Told.of(str(self.connection.recv(seconds)))
        self.heard.append(told)
        return told

    def until(self, kind: str, seconds: float = 20, **data: object) -> Told:
        """Return the next message of that kind whose data has these values."""
        end = time.monotonic() + seconds
        while True:
            told = self.next(max(0.01, end - time.monotonic()))
            if told.kind == kind and all(told.data.get(name) == value for name, value in data.items()):
                return told

    def refused(self) -> tuple[str, int]:
        """Return why it was refused, and with which code it was let go; nothing comes between the two."""
        words = json.loads(str(self.connection.recv(20)))["error"]
        return words, self.closed()

    def closed(self) -> int:
        """Return the code with which it was let go, and take what came before."""
        try:
            while True:
                self.connection.recv(20)
        except ConnectionClosed as closed:
            assert closed.rcvd is not None, closed
            return closed.rcvd.code


def basic(user: str, secret: str) -> dict[str, str]:
    """The header of a user with a token."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()}


@contextmanager
def listening(lab: Lab, query: str = "", *, path: str = "/ws/", **headers: str) -> Iterator[Listener]:
    """A reader of a lab; underscores in the names of headers stand for dashes."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    url = f"ws://127.0.0.1:{lab.port}{path}{query}"
    # it asks nothing: what the server asks is what counts; and it reads on whatever the test does
    with connect(
        url, additional_headers=sent, ping_interval=None, proxy=None, open_timeout=20, max_queue=None
    ) as connection:
        yield Listener(connection)


def add_system(lab: Lab, name: str, prefix: str = "") -> None:
    """Add a system."""
    body = json.dumps({"name": name}).encode()
    answer = lab.call("POST", f"{prefix}/systems/", body, {"Content-Type": "application/json"})
    assert answer.status == 201, answer


def set_health(lab: Lab, name: str, health: str, prefix: str = "") -> None:
    """Set a system's health."""
    body = json.dumps({"health": health}).encode()
    answer = lab.call("PATCH", f"{prefix}/systems/{name}", body, {"Content-Type": "application/json"})
    assert answer.status == 200, answer


def wait_for_publisher(lab: Lab, prefix: str = "") -> None:
    """Wait until readers are taken."""
    until(lambda: lab.call("GET", f"{prefix}/ws/v1/healthz").status == 200, "the publisher is there", 30)

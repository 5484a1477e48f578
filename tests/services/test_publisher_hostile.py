"""Clients that mean harm: what they send ends nobody but themselves. Checklist: readers-lava.md section 12."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from lab import Lab, running_lab
from listener import add_system, listening, wait_for_publisher
from waiting import until

from wsgi_app.config import Config
from wsgi_app.core.gateway import open_gateway
from wsgi_app.core.selection import Reference
from wsgi_app.model import Caller
from wsgi_app.states import SystemHealth, SystemState

#: a client's frames: masked with zeros
PING = b"\x89\xfd" + bytes(4) + b"x" * 125
EMPTY = b"\x8a\x80" + bytes(4)


@pytest.fixture(scope="module", params=["none", "apache"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A lab, and whoever comes."""
    with running_lab(request.param) as lab:
        wait_for_publisher(lab)
        yield lab


def opened(lab: Lab, *headers: bytes, query: str = "") -> socket.socket:
    """A connection that has asked for events, and was let in."""
    connection = socket.create_connection(("127.0.0.1", lab.port), 20)
    connection.sendall(request(*headers, query=query))
    assert connection.recv(12) == b"HTTP/1.1 101"
    return connection


def request(*headers: bytes, query: str = "") -> bytes:
    """What a client says who wants events."""
    lines = [
        f"GET /ws/{query} HTTP/1.1".encode(),
        *(b"Host: lab", b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13"),
        *(b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", *headers, b"", b""),
    ]
    return b"\r\n".join(lines)


def said(lab: Lab) -> dict[str, Any]:
    """The publisher's sign of life."""
    value: dict[str, Any] = json.loads((lab.data / "run/publisher.json").read_text())
    return value


def rest_of(connection: socket.socket) -> bytes:
    """All that comes until the other side hangs up."""
    data = b""
    try:
        while block := connection.recv(65536):
            data += block
    except ConnectionResetError:
        pass
    return data


#: credentials that are no text
ODD = (
    [b"Authorization: Bearer \xff\xfe"],
    [b"Authorization: Basic \xff\xfe"],
    [b"Authorization: Basic /w=="],
    [b"LAVA-Host: \xff", b"LAVA-Token: x"],
    [b"LAVA-Host: x", b"LAVA-Token: \xff"],
)


def test_53_what_is_no_text_ends_its_reader_alone(lab: Lab) -> None:
    """Credentials of any bytes are refused in words, while their rights are looked at again and again."""
    before = said(lab)["pid"]
    connections = [opened(lab, *headers) for headers in ODD for _ in range(3)]
    beats = said(lab)["time"]
    try:
        for connection in connections:
            assert b'{"error": "' in rest_of(connection)
    finally:
        for connection in connections:
            connection.close()
    # it looks at rights every five seconds
    until(lambda: said(lab)["time"] > beats + 2, "it beats on", 15)
    assert said(lab)["pid"] == before


@pytest.mark.parametrize("frame", [PING, EMPTY, b"\x81\x80" + bytes(4)], ids=["pings", "pongs", "texts"])
def test_53_one_that_talks_and_talks_is_let_go(lab: Lab, frame: bytes) -> None:
    """However much it says, and takes none of the answers: it is not kept, and others are told meanwhile."""
    until(lambda: said(lab)["readers"] == 0, "nobody is there", 30)
    with listening(lab) as other, opened(lab) as loud:
        until(lambda: said(lab)["readers"] == 2, "both are there")
        loud.settimeout(1)
        end = time.monotonic() + 40
        with suppress(ConnectionError):
            # httpd takes what comes for a while, though nobody is behind it any more
            while said(lab)["readers"] > 1:
                assert time.monotonic() < end, "it is still there"
                with suppress(TimeoutError):
                    loud.sendall(frame * (32768 // len(frame)))
        name = f"quiet-{frame[0]}-{len(frame)}"
        add_system(lab, name)
        other.until("device", device=name)
        until(lambda: said(lab)["readers"] == 1, "it is gone", 20)


def test_53_much_at_once_is_told_to_all_who_take_it(lab: Lab) -> None:
    """One commit may have more for a reader than may wait for it: who takes it is not taken for one who does not."""
    number = lab.job({"name": "loud", "command": ["true"]})["id"]
    gateway = open_gateway(Config(data=lab.data))
    texts = [f"{place} " + "\N{PILE OF POO}" * 900 for place in range(450)]
    try:
        recipe = gateway.selections.find(Caller(f"Bearer {lab.token}", ""), Reference("job", number)).parts[0].recipe
        with listening(lab, "?topics=event") as one, listening(lab, "?topics=event") as two:
            with gateway._ground.change() as change:
                for text in texts:
                    change.event("signal", number, job=number, recipe=recipe.id, task=1, text=text)
            for reader in (one, two):
                assert [reader.next().data["message"] for _ in texts] == texts
    finally:
        gateway.close()


def test_65_one_who_catches_up_slowly_is_told_all_of_it(lab: Lab) -> None:
    """What it has missed is more than may wait for it, and it takes that in small pieces."""
    add_system(lab, "shaken")
    since = lab.call("GET", "/events/?limit=1000").json["events"][-1]["id"]
    gateway = open_gateway(Config(data=lab.data))
    try:
        with listening(lab, "?topics=device") as other:
            for _ in range(10):
                with gateway._ground.change() as change:
                    for number in range(480):
                        was, now = (SystemHealth.GOOD, SystemHealth.BAD)[:: 1 if number % 2 else -1]
                        change.system_event("shaken", SystemState.IDLE, now, was={"health": was})
            add_system(lab, "end-of-shaking")
            other.until("device", device="end-of-shaking")
            with opened(lab, query=f"?topics=device&since={since}") as slow:
                data = b""
                while b"end-of-shaking" not in data[-2000:]:
                    block = slow.recv(16384)
                    assert block, "it was let go"
                    data += block
                    time.sleep(0.001)
    finally:
        gateway.close()
    assert data.count(b"org.lavasoftware.device") == 4801


def test_46_an_event_that_nobody_understands_is_passed_over(lab: Lab) -> None:
    """Another version wrote it, say: what follows it is told all the same."""
    gateway = open_gateway(Config(data=lab.data))
    try:
        with listening(lab) as reader:
            reader.next()
            with gateway._ground.change() as change:
                change.event("system", None, name="odd", health="Strange", was={"health": "Good"})
                change.event("recipe", None, id=1)
                change.event("signal", None)
            add_system(lab, "behind-the-odd")
            reader.until("device", device="behind-the-odd")
    finally:
        gateway.close()

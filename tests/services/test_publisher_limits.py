"""What readers of events may cost: how many there are, how slowly they take it, what they say, how long they read."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from typing import Any

import pytest
from lab import Lab, running_lab
from listener import add_system, basic, listening, wait_for_publisher
from waiting import until
from websockets.exceptions import InvalidStatus

from wsgi_app.config import Config
from wsgi_app.core.gateway import open_gateway
from wsgi_app.states import SystemHealth, SystemState


@pytest.fixture(scope="module", params=["none", "apache"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A lab with few places for readers."""
    with running_lab(request.param, TACKROOM_MAX_READERS="8") as lab:
        wait_for_publisher(lab)
        yield lab


def test_53_a_token_that_is_revoked_ends_what_is_read_by_it(lab: Lab) -> None:
    """Soon after; who reads by another one goes on."""
    made = lab.post("/tokens/", {"user": "leaver", "name": "leaver"})
    number, secret = made["id"], made["token"]
    with listening(lab, **basic("leaver", secret)) as leaver, listening(lab, **basic("admin", lab.token)) as stays:
        leaver.next()
        assert lab.call("DELETE", f"/tokens/{number}").status == 204
        assert leaver.closed() == 1008
        add_system(lab, "after-leaving")
        stays.until("device", device="after-leaving")


def test_53_a_silent_reader_is_asked_and_what_it_says_is_bounded(lab: Lab) -> None:
    """It may say what it likes, but little at a time."""
    with listening(lab) as reader:
        reader.connection.send("x" * 4000)
        assert reader.connection.ping().wait(20)
        reader.connection.send("x" * 5000)
        assert reader.closed() == 1009


def test_53_a_reader_that_takes_nothing_is_dropped_and_holds_up_nobody(lab: Lab) -> None:
    """A slow one is given up when it has a MiB to take; the others are told everything meanwhile."""
    add_system(lab, "busy")
    slow = raw_reader(lab)
    with slow, listening(lab, "?topics=device") as reader:
        dropped = figures(lab)["dropped"]
        deadline = time.monotonic() + 45
        rounds = 0
        while figures(lab)["dropped"] == dropped:
            assert time.monotonic() < deadline, figures(lab)
            shake(lab, 1000)
            rounds += 1
        end = f"last{rounds}"
        add_system(lab, end)
        reader.until("device", device=end)
        told = [one.data["health"] for one in reader.heard if one.data["device"] == "busy"][1:]
        assert len(told) == rounds * 1000
        assert all(one != two for one, two in pairwise(told))


def raw_reader(lab: Lab) -> socket.socket:
    """A connection that asks for events, and does not read."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", lab.port))
    lines = [
        "GET /ws/ HTTP/1.1",
        *("Host: lab", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"),
        *("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", ""),
    ]
    connection.sendall("\r\n".join(lines).encode())
    assert connection.recv(12) == b"HTTP/1.1 101"
    return connection


def figures(lab: Lab) -> dict[str, Any]:
    """What the publisher says of itself."""
    value: dict[str, Any] = json.loads((lab.data / "run/publisher.json").read_text())
    return value


def shake(lab: Lab, times: int) -> None:
    """Let the health of a system go to and fro, without a call for each."""
    gateway = open_gateway(Config(data=lab.data))
    try:
        for _ in range(times // 100):
            with gateway._ground.change() as change:
                for number in range(100):
                    was, now = (SystemHealth.GOOD, SystemHealth.BAD)[:: 1 if number % 2 else -1]
                    change.system_event("busy", SystemState.IDLE, now, was={"health": was})
    finally:
        gateway.close()


def test_there_is_room_for_so_many(lab: Lab) -> None:
    """One more is sent away before the upgrade, with a time to come again."""
    until(lambda: figures(lab)["readers"] == 0, "all have left", 30)
    with ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(listening(lab))
        with pytest.raises(InvalidStatus) as refused, listening(lab):
            pass
        assert refused.value.response.status_code == 503
        assert int(refused.value.response.headers["Retry-After"]) > 0
    until(lambda: figures(lab)["readers"] == 0, "all have left", 30)
    with listening(lab) as reader:
        assert reader.next()

"""Clients that take their time: each is cut off in its turn, and nobody else waits for them."""

import contextlib
import selectors
import socket
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest
from attrs import define
from cast import Cast, Running
from exchange import exchange
from lab import Lab, running_lab

from wsgi_app.services import worker

#: the longest that a PUT may take in these tests
PUT_SECONDS = 4
#: seconds for what is not held up, on a busy machine
QUICK = 15
#: of each kind
MANY = 100


@pytest.fixture(scope="module", params=["apache", "none"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A Tackroom with little patience, once behind httpd and once embedded."""
    with running_lab(request.param, TACKROOM_PUT_MAX_SECONDS=str(PUT_SECONDS)) as made:
        yield made


@pytest.fixture(scope="module")
def running(lab: Lab) -> Running:
    """A recipe whose harness is at work."""
    made = Cast(lab).running()
    assert lab.call("PUT", made.url + "logs/busy.log", b"x", key=made.key).status == 201
    return made


@define
class Slow:
    """A client that sends one byte now and then."""

    connection: socket.socket
    rest: bytes
    ended: float = 0.0


def slowly(lab: Lab, rest: bytes, begin: bytes) -> Slow:
    """Send the beginning; the rest is for later."""
    connection = socket.create_connection(("127.0.0.1", lab.port), 30)
    connection.sendall(begin)
    return Slow(connection, rest)


def trickle(clients: list[Slow], began: float) -> None:
    """Send a byte each, and note who was sent away."""
    with selectors.DefaultSelector() as selector:
        for client in clients:
            if not client.ended:
                # who was sent away cannot send any more
                with contextlib.suppress(OSError):
                    client.connection.send(client.rest[:1])
                    client.rest = client.rest[1:]
                selector.register(client.connection, selectors.EVENT_READ, client)
        for key, _ in selector.select(0.2):
            client = key.data
            try:
                over = client.connection.recv(65536) == b""
            except OSError:
                over = True
            if over:
                client.ended = time.monotonic() - began


def quick(lab: Lab, running: Running) -> float:
    """Upload and ask as a harness does, and return the seconds that it took."""
    began = time.monotonic()
    assert lab.call("PUT", running.url + "logs/busy.log", b"x", key=running.key).status == 204
    assert lab.call("GET", running.url + "watchdog", key=running.key).status == 200
    return time.monotonic() - began


def test_slow_requests_hold_nobody_up(lab: Lab, running: Running) -> None:
    """Heads and bodies of a byte now and then, hundreds at once: harnesses go on, and all of these are cut off."""
    key = f"Authorization: Bearer {running.key}\r\nContent-Length: 1000\r\n"
    put = f"PUT {running.url}logs/{{}} HTTP/1.1\r\nHost: lab\r\n{key}\r\n"
    began = time.monotonic()
    clients = []
    for number in range(MANY):
        clients.append(slowly(lab, b"GET /livez HTTP/1.1\r\nX: " + b"x" * 1000, b""))
        clients.append(slowly(lab, b"x" * 1000, b"GET /livez HTTP/1.1\r\nHost: lab\r\nX: "))
        clients.append(slowly(lab, b"x" * 1000, put.format("busy.log").encode()))
        clients.append(slowly(lab, b"x" * 1000, put.format(f"new-{number}.log").encode()))
    took = []
    while not all(client.ended for client in clients) and time.monotonic() - began < 60:
        trickle(clients, began)
        took.append(quick(lab, running))
    for client in clients:
        client.connection.close()
    # five seconds for a head, four for a body; some more on a busy machine; a thousand bytes would take minutes
    assert all(0 < client.ended < 40 for client in clients), [client.ended for client in clients]
    assert max(took) < QUICK
    assert quick(lab, running) < QUICK


def test_who_is_late_may_try_again(lab: Lab, running: Running) -> None:
    """A harness on a bad line is told no 4xx, which restraint takes for the end of that chunk; nothing is acted on."""
    calls = {"PUT": ("busy.log", "late.log"), "POST": ("../watchdog",)}
    late = [(method, running.url + "logs/" + name) for method, names in calls.items() for name in names]
    head = (
        "{} {} HTTP/1.1\r\nHost: lab\r\nContent-Type: application/x-www-form-urlencoded\r\nAuthorization: Bearer {}\r\n"
    )
    answers = []
    with contextlib.ExitStack() as stack:
        waiting = []
        for method, path in late:
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", lab.port), 30))
            connection.sendall(
                (head.format(method, path, running.key) + "Content-Length: 99\r\n\r\nseconds=1").encode()
            )
            waiting.append(connection.makefile("rb"))
        answers = [connection.read() for connection in waiting]
    for (method, _), answer in zip(late, answers, strict=True):
        # embedded mode hangs up on a call, which is tried again as well
        again = answer.startswith(b"HTTP/1.1 503 ") and b"\r\nRetry-After: 2\r\n" in answer
        assert again or (answer == b"" and (lab.front, method) == ("none", "POST")), answer
    assert lab.call("GET", running.url + "watchdog", key=running.key).json["seconds"] > 1000
    if lab.front == "apache":
        lines = [line for line in (lab.data / "run" / "access.log").read_text().splitlines() if " 503 " in line]
        assert sorted(line.split(" ")[3] for line in lines[-3:]) == ["POST", "PUT", "PUT"]
    assert lab.call("PUT", running.url + "logs/late.log", b"x" * 99, key=running.key).status in (201, 204)


def test_readers_who_do_not_read(lab: Lab, running: Running) -> None:
    """A hundred who ask for a large log and never take it hold nobody up."""
    path = lab.data / "logs" / running.url[1:] / "logs" / "busy.log"
    with path.open("r+b") as file:
        file.truncate(50_000_000)
    request = f"GET {running.url}logs/busy.log HTTP/1.1\r\nHost: lab\r\n\r\n".encode()
    with contextlib.ExitStack() as stack:
        for _ in range(MANY):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", lab.port))
            connection.sendall(request)
        assert max(quick(lab, running) for _ in range(5)) < QUICK


def test_clients_who_do_not_hang_up(lab: Lab, running: Running) -> None:
    """Who keeps a connection after its end keeps nobody else from being answered."""
    with contextlib.ExitStack() as stack:
        for _ in range(MANY):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", lab.port), 30))
            connection.sendall(b"GET /livez HTTP/1.0\r\n\r\n")
        assert quick(lab, running) < QUICK


def test_patience_with_the_quick(lab: Lab) -> None:
    """A head in two parts, and several requests on one connection, are served as ever."""
    assert exchange(lab.port, b"GET /livez HTTP/1.1\r\nHo", b"st: lab\r\n\r\n").statuses == [200]
    connection = HTTPConnection("127.0.0.1", lab.port, timeout=30)
    for _ in range(3):
        connection.request("GET", "/livez")
        assert connection.getresponse().read() == b"alive\n"
    connection.close()


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[worker.Connection, socket.socket]]:
    """A connection of embedded mode whose patience is short, and its client."""
    for name in ("SILENT_SECONDS", "GOODBYE_SECONDS", "HEAD_SECONDS", "FIRST_SECONDS"):
        monkeypatch.setattr(worker, name, 0.3)
    monkeypatch.setattr(worker, "RATE", 1 << 30)
    ours, theirs = socket.socketpair()
    with worker.Connection(ours, 10) as connection, theirs:
        yield connection, theirs


def test_an_answer_that_nobody_takes(pair: tuple[worker.Connection, socket.socket], tmp_path: Path) -> None:
    """Embedded mode gives up: text or file, the thread is free again."""
    connection, _ = pair
    with pytest.raises(ConnectionResetError, match="too slow"):
        connection.sendall(b"x" * 50_000_000)
    (tmp_path / "large").write_bytes(b"x" * 5_000_000)
    with (tmp_path / "large").open("rb") as file, pytest.raises(ConnectionResetError, match="too slow"):
        connection.sendfile(file, 0, 5_000_000)


def test_a_request_that_does_not_end(pair: tuple[worker.Connection, socket.socket]) -> None:
    """A head, a body and a goodbye are waited for as long as each may take, also when bytes keep coming."""
    connection, client = pair
    for expect in (connection.expect_head, connection.expect_body):
        expect()
        began = time.monotonic()
        client.sendall(b"xy")
        assert connection.recv(1) == b"x"
        assert connection.recv(1) == b"y"
        with pytest.raises(ConnectionResetError, match="too slow"):
            connection.recv(1)
        assert 0.2 < time.monotonic() - began < QUICK
    connection.say_goodbye()
    # gunicorn says it once more: it has to wait no longer
    with pytest.raises(OSError, match="ended"):
        connection.shutdown(socket.SHUT_WR)


def test_a_file_is_sent_whole(pair: tuple[worker.Connection, socket.socket], tmp_path: Path) -> None:
    """What is read is sent to its end, and only the part that was asked for."""
    connection, client = pair
    (tmp_path / "some").write_bytes(bytes(range(256)) * 300)
    with (tmp_path / "some").open("rb") as file:
        assert connection.sendfile(file, 10, 3000) == 3000
    connection.shutdown(socket.SHUT_WR)
    received = b""
    while block := client.recv(65536):
        received += block
    assert received == (bytes(range(256)) * 300)[10:3010]


def test_a_file_that_shrinks_ends_the_connection(pair: tuple[worker.Connection, socket.socket], tmp_path: Path) -> None:
    """The answer's length was told: what comes next on the connection would be taken for the rest of it."""
    connection, _ = pair
    (tmp_path / "shrunk").write_bytes(b"x" * 10)
    with (tmp_path / "shrunk").open("rb") as file, pytest.raises(ConnectionResetError, match="shorter"):
        connection.sendfile(file, 0, 3000)

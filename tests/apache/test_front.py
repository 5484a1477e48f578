"""httpd and the application together: what they do to slow clients, to restarts, and to one another's absence."""

import hashlib
import os
import select
import signal
import socket
import stat
import time
from http.client import HTTPConnection, HTTPResponse
from typing import TYPE_CHECKING

import pytest

from wsgi_app.services import httpd

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.apache.conftest import Plane

TIMEOUT = 30.0
GIVEN = b"0123456789"


def call(
    plane: "Plane", method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, bytes, dict[str, str]]:
    """Make one call and return status, body and headers."""
    connection = HTTPConnection(plane.host, plane.port, timeout=TIMEOUT)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, plane.prefix + path, body, named)
        response = connection.getresponse()
        return response.status, response.read(), dict(response.headers)
    finally:
        connection.close()


def begin_put(plane: "Plane", path: str, length: int, content_range: str = "") -> socket.socket:
    """Open a connection and send the head of a PUT."""
    connection = socket.create_connection((plane.host, plane.port), TIMEOUT)
    lines = [
        f"PUT {plane.prefix}{path} HTTP/1.1",
        f"Host: {plane.host}",
        f"Authorization: {plane.bearer('R')}",
        f"Content-Length: {length}",
        *([f"Content-Range: {content_range}"] if content_range else []),
    ]
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    return connection


def status_of(connection: socket.socket) -> int:
    """Read an answer, and return its status; 0 when the connection was closed without one."""
    response = HTTPResponse(connection)
    try:
        response.begin()
    except (ConnectionError, OSError):
        return 0
    return response.status


@pytest.mark.parametrize("there", [True, False], ids=["existing", "new"])
@pytest.mark.parametrize("step", [0, 4096], ids=["silent", "steady"])
def test_no_put_takes_longer_than_it_may(front: "Plane", there: bool, step: int) -> None:
    """A client that stalls, or goes on faster than the least rate, is cut off at `put_max_seconds` all the same."""
    path = f"recipes/{front.symbols['R']}/logs/slow-{there}-{step}.log"
    if there:
        front.place(path, GIVEN)
    started = time.monotonic()
    with begin_put(front, path, 10_000_000) as connection:
        answered = False
        while not answered and time.monotonic() - started < TIMEOUT:
            if step:
                try:
                    connection.sendall(b"x" * step)
                except OSError:
                    break
            answered = bool(select.select([connection], [], [], 0.05)[0])
        took = time.monotonic() - started
        status = status_of(connection)
    # reset without an answer (0) when httpd closed while we were still sending
    assert status in (503, 0)
    least, most = (front.config.put_max_seconds - 1.5, front.config.put_max_seconds + 4)
    assert least < took < most
    if there:
        assert (front.data / "logs" / path).read_bytes() == GIVEN


def test_a_graceful_restart_leaves_uploads_alone(front: "Plane", wait: "Callable[..., object]") -> None:
    """An upload that is under way when httpd reads its configuration anew is finished by the old process."""
    path = f"recipes/{front.symbols['R']}/logs/graceful-{time.monotonic_ns()}.log"
    front.place(path, GIVEN)
    log = front.config.run / "error.log"
    before = log.read_bytes().count(b"resuming normal operations")
    with begin_put(front, path, 10, "bytes 10-19/*") as connection:
        connection.sendall(b"abcde")
        front.processes["httpd"].send_signal(signal.SIGUSR1)
        wait(lambda: log.read_bytes().count(b"resuming normal operations") > before, "the new generation")
        assert call(front, "GET", path)[0] == 200
        connection.sendall(b"fghij")
        assert status_of(connection) == 204
    assert (front.data / "logs" / path).read_bytes() == GIVEN + b"abcdefghij"


def test_the_data_plane_needs_no_application(front: "Plane", wait: "Callable[..., object]") -> None:
    """Without gunicorn existing logs are written and read as ever; the application's part is 503 until it is back."""
    recipe = front.symbols["R"]
    path = f"recipes/{recipe}/logs/alone-{time.monotonic_ns()}.log"
    front.place(path, GIVEN)
    key = front.bearer("R")
    front.stop_application()
    try:
        assert call(front, "PUT", path, b"abc", Authorization=key, Content_Range="bytes 10-12/*")[0] == 204
        assert call(front, "GET", path)[:2] == (200, GIVEN + b"abc")
        assert call(front, "PUT", path, b"new", Authorization=key)[0] == 204
        assert call(front, "PUT", f"{path}.new", b"new", Authorization=key)[0] == 503
        assert call(front, "PUT", f"{path}.new", b"new")[0] == 401
        assert call(front, "GET", f"recipes/{recipe}/")[0] == 503
    finally:
        front.start_application()
    wait(lambda: call(front, "GET", "livez")[0] == 200, "the application")
    assert call(front, "PUT", f"{path}.new", b"new", Authorization=key)[0] == 201


def test_a_small_limit_holds_on_the_fast_path(front: "Plane") -> None:
    """The largest log is the configured one, also where the common chunk is decided at once."""
    path = f"recipes/{front.symbols['R']}/logs/limit.log"
    front.place(path, GIVEN)
    key, most = front.bearer("R"), front.config.max_log
    last, beyond = (f"bytes {most - 2 + more}-{most - 1 + more}/*" for more in (0, 1))
    assert call(front, "PUT", path, b"xx", Authorization=key, Content_Range=last)[0] == 204
    assert call(front, "PUT", path, b"xx", Authorization=key, Content_Range=beyond)[0] == 416


def test_a_gate_file_holds_for_the_next_chunk(front: "Plane") -> None:
    """Nothing of the gate is remembered: what appears there, or goes, decides about the next chunk of a connection."""
    recipe, key = front.symbols["R"], front.bearer("R")
    path = f"recipes/{recipe}/tasks/{front.symbols['R_T1']}/logs/gate.log"
    front.place(path, GIVEN)
    gate = front.config.gate / recipe
    seal = hashlib.sha1(path.removeprefix("recipes/").encode()).hexdigest()
    closing = ["closed", f"task-{front.symbols['R_T1']}.closed", f"sealed-{seal}"]
    held = gate / f"key-{hashlib.sha1(key.encode()).hexdigest()}"
    connection = HTTPConnection(front.host, front.port, timeout=TIMEOUT)

    def chunk() -> int:
        connection.request(
            "PUT", front.prefix + path, b"abc", {"Authorization": key, "Content-Range": f"bytes {len(GIVEN)}-12/*"}
        )
        response = connection.getresponse()
        response.read()
        return response.status

    try:
        assert chunk() == 204
        for name in closing:
            (gate / name).touch()
            try:
                assert chunk() == 409, name
            finally:
                (gate / name).unlink()
            assert chunk() == 204, name
        aside = held.rename(held.with_suffix(".aside"))
        try:
            assert chunk() == 403
        finally:
            aside.rename(held)
        assert chunk() == 204
    finally:
        connection.close()


def test_files_of_both_planes_are_the_service_users(front: "Plane") -> None:
    """What httpd and the application make belongs to one user, and is nobody else's to read."""
    recipe, key = front.symbols["R"], front.bearer("R")
    root = front.data / "logs"
    for name, content_range in (("whole", None), ("ranged", "bytes 0-2/*")):
        path = f"recipes/{recipe}/logs/owner/{name}.log"
        (root / path).unlink(missing_ok=True)
        extra = {} if content_range is None else {"Content_Range": content_range}
        made = []
        for expected in (201, 204):
            assert call(front, "PUT", path, b"abc", Authorization=key, **extra)[0] == expected
            made.append((root / path).stat())
        assert {status.st_uid for status in made} == {front.config.gate.stat().st_uid}
        assert {stat.S_IMODE(status.st_mode) for status in made} == {0o640}


def test_both_planes_give_the_same_validators(front: "Plane") -> None:
    """A client that reads one log now from httpd, now from the application keeps what it has."""
    path = f"recipes/{front.symbols['PRIVATE']}/logs/validators.log"
    os.utime(front.place(path, GIVEN), (1_000_000_000.5, 1_000_000_000.25))
    answers = [
        call(front, "GET", path, Authorization=header)
        for header in (front.bearer("PRIVATE"), f"Bearer {front.symbols['ADMIN']}")
    ]
    assert [status for status, _, _ in answers] == [200, 200]
    for name in ("ETag", "Last-Modified", "Content-Length", "Content-Type", "Accept-Ranges"):
        assert answers[0][2].get(name) == answers[1][2].get(name), name
    etag = answers[0][2]["ETag"]
    for header in (front.bearer("PRIVATE"), f"Bearer {front.symbols['ADMIN']}"):
        assert call(front, "GET", path, Authorization=header, If_None_Match=etag)[0] == 304


def test_a_refusal_leaves_the_connection_usable(front: "Plane") -> None:
    """httpd reads the body of a PUT that it refuses, so that the next request on the connection is understood."""
    path = f"recipes/{front.symbols['R']}/logs/usable.log"
    front.place(path, GIVEN)
    connection = HTTPConnection(front.host, front.port, timeout=TIMEOUT)
    try:
        for key, status in (("Bearer nonsense", 403), (front.bearer("R"), 204)):
            connection.request("PUT", front.prefix + path, b"x" * 100_000, {"Authorization": key})
            response = connection.getresponse()
            response.read()
            assert response.status == status
    finally:
        connection.close()


def test_an_ipv4_client_of_an_ipv6_socket_has_an_ipv4_address(front_on_ipv6: "Plane") -> None:
    """The gate and the application know a client by its IPv4 address, however it came to httpd."""
    plane = front_on_ipv6
    path = f"recipes/{plane.symbols['PRIVATE_HERE']}/logs/mapped.log"
    assert call(plane, "PUT", path, b"abc")[0] == 201
    assert call(plane, "PUT", path, b"abc", Content_Range="bytes 3-5/*")[0] == 204
    # made by the gate's word; this one is for the application to decide
    assert call(plane, "GET", f"{path}.missing")[0] == 404
    assert call(plane, "GET", f"recipes/{plane.symbols['PRIVATE_FAR']}/logs/x")[0] == 401


def test_the_configuration_holds(front: "Plane") -> None:
    """httpd has nothing to say against its configuration, and keeps its process id where it should."""
    user = "www-data" if os.geteuid() == 0 else None
    assert httpd.check(front.config, user=user) is None
    assert int(httpd.pid_file(front.config).read_text()) == front.processes["httpd"].pid

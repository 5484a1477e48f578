"""Calls whose body ends too early: what came of it may say something else than all of it would have said."""

import socket

import pytest
from cast import Cast, Running
from lab import Lab

#: more than httpd reads before it passes a call on
LARGE = 100_000


@pytest.fixture(scope="module")
def mine(cast: Cast) -> Running:
    """A recipe whose harness is at work."""
    return cast.running()


def half_call(lab: Lab, mine: Running, path: str, kind: str, came: bytes, length: int) -> bytes:
    """Send a part of a body, say that nothing more comes, and return what is answered."""
    head = (
        f"POST {mine.url}{path} HTTP/1.1\r\nHost: lab\r\nAuthorization: Bearer {mine.key}\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", lab.port), 30) as connection:
        connection.sendall(head.encode() + came)
        connection.shutdown(socket.SHUT_WR)
        said = b""
        try:
            while block := connection.recv(65536):
                said += block
        except ConnectionError:
            pass
        return said


@pytest.mark.parametrize("more", [2, LARGE], ids=["small", "large"])
def test_nobody_acts_on_half_a_body(lab: Lab, mine: Running, more: int) -> None:
    """A form and a document that end before their Content-Length are refused, though the part would be valid."""
    form = b"seconds=18" + (b"" if more == 2 else b"&ignored=" + b"x" * LARGE)
    said = half_call(lab, mine, "watchdog", "application/x-www-form-urlencoded", form, len(form) + more)
    assert said[9:12] in (b"400", b""), said
    assert lab.call("GET", mine.url + "watchdog", key=mine.key).json["seconds"] > 1000

    task = f"tasks/{mine.task}/"
    form = b"result=Fail&path=/torn" + (b"" if more == 2 else b"&message=" + b"x" * LARGE)
    said = half_call(lab, mine, task + "results/", "application/x-www-form-urlencoded", form, len(form) + more)
    assert said[9:12] in (b"400", b""), said
    results = lab.call("GET", mine.url + "results", key=mine.key).json["results"]
    assert [result["path"] for result in results] == ["/secret-path"]

    said = half_call(lab, mine, "logs/torn.log", "application/json", b'{"size": 3}', 13)
    assert said[9:12] in (b"400", b""), said
    assert lab.call("GET", mine.url + "logs/torn.log", key=mine.key).status == 404

"""Content-Range: the application's parser, httpd's rules and mod_dav's own parser, against one reference.

What differs, and is meant to: a body that is not as long as its range is refused by the application and written by
mod_dav_fs (apache/README.md); a folded header is one header to httpd, and none to gunicorn alone.
"""

import itertools
import socket
from collections.abc import Iterator

import pytest
from acting import Acting
from contentrange import LARGEST, expected, values
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lab import Lab, running_lab

LARGEST_LOG = 1 << 32
OLD = b"." * 30
NUMBERS = itertools.count()


@pytest.fixture(params=["apache", "none"], scope="module")
def acting(request: pytest.FixtureRequest) -> Iterator[Acting]:
    """A recipe whose task runs, behind httpd and embedded, with room for any number of logs."""
    with running_lab(request.param, TACKROOM_MAX_LOGS="0") as lab:
        made = Acting(lab, "one", system="ranges").claim()
        made.status(0, "Running")
        yield made


def put(lab: Lab, path: str, key: str, headers: list[bytes], body: bytes) -> int:
    """PUT with these header lines as they are, and return the status."""
    lines = [
        f"PUT {path} HTTP/1.1".encode(),
        b"Host: lab",
        f"Authorization: Bearer {key}".encode(),
        b"Connection: close",
        b"Content-Length: %d" % len(body),
        *headers,
    ]
    with socket.create_connection(("127.0.0.1", lab.port), timeout=30) as connection:
        connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        with connection.makefile("rb") as stream:
            return int(stream.readline().split()[1])


def new_path(acting: Acting) -> str:
    """The path of a log that is not there yet."""
    return f"/recipes/{acting.recipe}/tasks/{acting.tasks[0]}/logs/{next(NUMBERS)}"


def check(acting: Acting, headers: list[bytes], value: bytes, body: bytes) -> None:
    """Send it to a log that is there and to one that is not, and compare statuses and contents with the reference."""
    lab, existing, new = acting.lab, new_path(acting), new_path(acting)
    assert lab.call("PUT", existing, OLD, None, acting.key).status == 201
    status, first = expected(value, len(body), LARGEST_LOG)
    dav = lab.front == "apache"
    assert put(lab, new, acting.key, headers, body) == (status or 201)
    made = lab.call("GET", new)
    if status:
        assert made.status == 404
    else:
        assert made.body == bytes(first or 0) + body
    said = put(lab, existing, acting.key, headers, body)
    now = lab.call("GET", existing).body
    if status == 0 or (dav and first is not None and status == 400):
        assert said == 204
        assert first is not None
        # an empty body makes no log longer, wherever it belongs
        assert now == (OLD[:first].ljust(first, b"\0") + body + OLD[first + len(body) :] if body else OLD)
    else:
        assert (said, now) == (status, OLD)


@settings(max_examples=settings().max_examples // 2, deadline=None)
@given(value=values, length=st.integers(0, 20), fitting=st.booleans())
@example(value=b"bytes 0-9/" + b"9" * 40, length=10, fitting=False)
@example(value=b"bytes 0-9/%d" % LARGEST, length=10, fitting=False)
@example(value=b"bytes 0-9/%d" % (LARGEST + 1), length=10, fitting=False)
@example(value=b"bytes 99999999999999999999-9/*", length=10, fitting=False)
@example(value=b"bytes 9-4294967296/9", length=10, fitting=False)
@example(value=b"", length=10, fitting=False)
@example(value=b"bytes 0-9/10, bytes 0-9/10", length=10, fitting=False)
def test_any_header(acting: Acting, value: bytes, length: int, fitting: bool) -> None:
    """Right, nearly right or hostile: the same answer for new and existing logs, and no byte where none belongs."""
    span = [int(number) for number in value[6:].split(b"/")[0].split(b"-") if number.isdigit()] if fitting else []
    if len(span) == 2 and 0 < span[1] - span[0] + 1 <= 100:
        length = span[1] - span[0] + 1
    check(acting, [b"Content-Range: " + value], value, b"x" * length)


@pytest.mark.parametrize("second", [b"bytes 0-9/10", b"bytes 5-14/*", b"junk", b""])
def test_two_headers(acting: Acting, second: bytes) -> None:
    """Two ranges are none, also when they are the same."""
    check(acting, [b"Content-Range: bytes 0-9/10", b"Content-Range: " + second], b"two", b"x" * 10)


@pytest.mark.parametrize("fold", [b"\r\n ", b"\r\n\t"])
def test_a_folded_header(acting: Acting, fold: bytes) -> None:
    """httpd unfolds it to one space; gunicorn alone refuses. A line end alone never makes a header of its own."""
    headers = [b"Content-Range: bytes" + fold + b"0-9/10"]
    value = b"bytes 0-9/10" if acting.lab.front == "apache" else b"refused"
    check(acting, headers, value, b"x" * 10)

"""The rows of tests/apache/table.toml, which says what they mean: requests byte for byte, and what comes of them."""

import re
import ssl
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from email.message import Message
from http.client import HTTPResponse
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from attrs import field, frozen

if TYPE_CHECKING:
    from tests.apache.conftest import Plane

GIVEN = b"0123456789"


@frozen
class Row:
    """One request and its answer."""

    number: int
    #: of its own log
    name: str
    group: str
    what: str
    method: str
    status: int
    by: str
    path: str = ""
    target: str = ""
    key: str = "R"
    headers: dict[str, str] = field(factory=dict)
    version: str = "HTTP/1.1"
    body: str | None = None
    size: int | None = None
    length: bool = True
    chunked: bool = False
    given: bool = False
    #: a file lies below the path: it is a directory
    given_below: bool = False
    has: dict[str, str] = field(factory=dict)
    text: str | None = None
    after: str | None = None
    embedded: int | None = None
    why: str = ""

    @property
    def content(self) -> bytes:
        """The body that goes along."""
        if self.size is not None:
            return b"x" * self.size
        if self.body is None:
            return b"hello" if self.method.upper() in ("PUT", "POST", "PATCH", "PROPPATCH") else b""
        return self.body.encode()


@frozen
class Answer:
    """What came back."""

    status: int
    headers: Message
    body: bytes
    #: our end of the connection, by which httpd's log knows it
    port: int


def rows(file: Path) -> Iterator[Row]:
    """Read a table."""
    table: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    number = 0
    for group in table["group"]:
        for row in group["rows"]:
            number += 1
            yield Row(number, f"{file.stem}{number}", group["title"], **row)


def fill(text: str, row: Row, plane: "Plane") -> str:
    """Put in what the symbols stand for."""
    component = f"{row.name}-{'p' * (200 - len(row.name) - 1)}"
    known = {
        **plane.symbols,
        "PREFIX": plane.prefix,
        "KEY": plane.keys["R"],
        "BASIC": plane.basic("R").removeprefix("Basic "),
        "OTHER_BASIC": plane.basic("OTHER").removeprefix("Basic "),
        "n": row.name,
        "n255": row.name.ljust(255, "n"),
        "n256": row.name.ljust(256, "n"),
        # five components of 199 and 200 bytes, and the slashes between them
        "p1000": "/".join([component[:200]] * 4 + [component[:196]]),
        "p1001": "/".join([component[:200]] * 4 + [component[:197]]),
        "euro": "%E2%82%AC",
        "euro85": "%E2%82%AC" * 85,
        "x5000": "x" * 5000,
        "x9000": "x" * 9000,
    }
    return re.sub(r"\{(\w+)\}", lambda symbol: known[symbol[1]], text)


def request(row: Row, plane: "Plane") -> bytes:
    """Return the request as it goes onto the wire."""
    target = fill(row.target, row, plane) or plane.prefix + fill(row.path, row, plane).replace(" ", "%20")
    headers = {"Host": f"{plane.host}:{plane.port}"}
    if row.key:
        headers["Authorization"] = plane.bearer(row.key)
    if row.chunked:
        headers["Transfer-Encoding"] = "chunked"
    elif row.length:
        headers["Content-Length"] = str(len(row.content))
    headers |= {name: fill(value, row, plane) for name, value in row.headers.items()}
    if headers["Host"] == "-":
        del headers["Host"]
    headers["Connection"] = "close"
    lines = [f"{row.method} {target} {row.version}", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    body = row.content
    if row.chunked:
        body = f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
    return "\r\n".join(lines).encode() + body


def ask(row: Row, plane: "Plane") -> Answer:
    """Send a row's request over a connection of its own, and return the answer."""
    with plane.connect() as connection:
        port = connection.getsockname()[1]
        # a refusal may come before the body is through, and is there to be read all the same
        with suppress(BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
            connection.sendall(request(row, plane))
        response = HTTPResponse(connection, method=row.method)
        response.begin()
        return Answer(response.status, response.headers, response.read(), port)


def who(line: str, status: int) -> str:
    """Say by httpd's log line who answered."""
    handler = re.search(r" by=(\S+) ", line)
    assert handler is not None, line
    return {"dav-handler": "mod_dav", "proxy-server": "application"}.get(handler[1], "httpd")


def words(value: str | None) -> list[str] | None:
    """Return a header's words: those of a list may come in any order."""
    return None if value is None else sorted(value.split(", "))


def below(row: Row, plane: "Plane") -> str:
    """Return the path below DATA/logs that the row's URL stands for."""
    path = fill(row.path, row, plane).partition("?")[0]
    return re.sub("/+", "/", unquote(path, errors="surrogateescape"))


def check(row: Row, plane: "Plane") -> None:
    """Ask, and compare: each request is answered as its row says, and by whom it says."""
    if row.given:
        plane.place(below(row, plane), GIVEN)
    if row.given_below:
        plane.place(f"{below(row, plane).rstrip('/')}/inner.log", GIVEN)
    since = plane.log_size() if plane.kind == "apache" else 0
    answer = ask(row, plane)
    by = row.by
    if plane.kind == "apache":
        line = plane.logged(answer.port, since)
        by = who(line, answer.status)
        assert (answer.status, by) == (row.status, row.by), line
    else:
        assert answer.status == (row.embedded or row.status), answer.body
    differs = plane.kind == "embedded" and row.embedded is not None
    if differs:
        return
    for name, value in row.has.items():
        assert words(answer.headers.get(name)) == words(value or None), name
    if row.text is not None:
        assert answer.body == row.text.encode()
    if row.after is not None:
        assert (plane.data / "logs" / below(row, plane)).read_bytes() == row.after.encode()

"""What an unmodified restraint 0.4.14 sent, byte for byte: harness-beaker.md section 3.1.

A recipe of two tasks; the first reports a result with logs, uploads a large log and adjusts the watchdog, the second
ends with status 3.
"""

import base64
import re
import socket
from http.client import HTTPResponse

from attrs import define, field, frozen

from tests.restraint.bench import Given, words

DAEMON = "127.0.0.1:8000"
#: relayed for a tool of the task
RELAYED = "localhost:8081"
CHUNK = 131072
LARGE = words(404000, "t1-big.log")
BASIC = 'Basic realm="tackroom"'


@frozen
class Row:
    """One request and the reply that was seen; {R}, {T1}, {T2}, {N} are ids."""

    number: int
    method: str
    target: str
    host: str = DAEMON
    body: bytes = b""
    content_range: str = ""
    status: int = 204

    def path(self, names: dict[str, int]) -> str:
        """The path below the base URL."""
        return self.target.format(**names)

    def request(self, base: str, names: dict[str, int], authorization: str) -> bytes:
        """The bytes on the wire; `base` is the path of the base URL as it was given."""
        lines = [f"{self.method} {base}{self.path(names)} HTTP/1.1", f"Host: {self.host}"]
        if self.method == "HEAD":
            lines.append("User-Agent: restraint")
        lines += ["Accept-Encoding: gzip, deflate", "Connection: Keep-Alive"]
        if authorization:
            lines.append(f"Authorization: {authorization}")
        if self.method == "PUT":
            lines += ["Content-Type: text/plain", f"Content-Range: {self.content_range}"]
            if self.host == DAEMON:
                lines.append("log-level: 2")
        if self.method == "POST":
            lines.append("Content-Type: application/x-www-form-urlencoded")
        if self.method in ("POST", "PUT"):
            lines.append(f"Content-Length: {len(self.body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + self.body


RECIPE = "/recipes/{R}/"
WATCHDOG = RECIPE + "watchdog"
ONE = RECIPE + "tasks/{T1}/"
TWO = RECIPE + "tasks/{T2}/"

#: log path below the recipe to its content
LOGS = {
    "tasks/{T1}/results/{N}/logs/dmesg.log": words(24402, "dmesg.log"),
    "tasks/{T1}/results/{N}/logs/t1-out.log": words(13, "t1-out.log"),
    "tasks/{T1}/logs/t1-big.log": LARGE,
    "tasks/{T1}/logs/taskout.log": words(766, "t1"),
    "tasks/{T1}/logs/harness.log": words(672, "t1 harness"),
    "tasks/{T2}/logs/taskout.log": words(91, "t2"),
    "tasks/{T2}/logs/harness.log": words(545, "t2 harness"),
}


def _put(number: int, path: str, first: int, last: int, total: str, status: int, host: str) -> Row:
    body = LOGS[path][first : last + 1]
    return Row(number, "PUT", RECIPE + path, host, body, f"bytes {first}-{last}/{total}", status)


def _post(number: int, target: str, body: bytes, status: int = 204, host: str = DAEMON) -> Row:
    return Row(number, "POST", target, host, body, status=status)


def _whole(number: int, path: str, status: int) -> Row:
    """A log in one piece, its length not yet known."""
    return _put(number, path, 0, len(LOGS[path]) - 1, "*", status, DAEMON)


def _known(number: int, path: str, first: int = 0, status: int = 201) -> Row:
    """A chunk of a log of known length, relayed."""
    total = len(LOGS[path])
    return _put(number, path, first, min(first + CHUNK, total) - 1, str(total), status, RELAYED)


def _head(number: int) -> Row:
    return Row(number, "HEAD", RECIPE, status=200)


def _get(number: int) -> Row:
    return Row(number, "GET", RECIPE, status=200)


#: 17, 18, 27 and 28 were 201 there; we make these logs in advance, so they exist
ROWS = (
    _head(1),
    _get(2),
    _post(3, ONE + "status", b"status=Running&etime=0&stime=0"),
    _head(4),
    _head(5),
    _get(6),
    _post(7, WATCHDOG, b"seconds=2100"),
    _head(8),
    _post(9, ONE + "results/", b"message=msg+%26+more&result=PASS&path=%2Flocal%2Ft1%2Fsub&score=7", 201, RELAYED),
    _known(10, "tasks/{T1}/results/{N}/logs/dmesg.log"),
    _known(11, "tasks/{T1}/results/{N}/logs/t1-out.log"),
    _known(12, "tasks/{T1}/logs/t1-big.log"),
    _known(13, "tasks/{T1}/logs/t1-big.log", CHUNK, 204),
    _known(14, "tasks/{T1}/logs/t1-big.log", 2 * CHUNK, 204),
    _known(15, "tasks/{T1}/logs/t1-big.log", 3 * CHUNK, 204),
    _post(16, WATCHDOG, b"seconds=2400", host=RELAYED),
    _whole(17, "tasks/{T1}/logs/taskout.log", 204),
    _whole(18, "tasks/{T1}/logs/harness.log", 204),
    _post(19, ONE + "status", b"status=Completed&etime=1795324551&stime=1795324551"),
    _post(20, TWO + "status", b"status=Running&etime=0&stime=0"),
    _head(21),
    _head(22),
    _get(23),
    _post(24, WATCHDOG, b"seconds=1980"),
    _head(25),
    _post(26, TWO + "results/", b"result=FAIL&path=exit_code&score=768&message=Command+returned+non-zero", 201),
    _whole(27, "tasks/{T2}/logs/taskout.log", 204),
    _whole(28, "tasks/{T2}/logs/harness.log", 204),
    _post(29, TWO + "status", b"status=Completed&etime=1795324552&stime=1795324552"),
)


@frozen
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


@define
class Replay:
    """Sends the rows for a recipe: the queue on one connection, GETs on another, each HEAD on one of its own."""

    given: Given
    #: path of the base URL as it was given: `/` gives `//recipes/...`
    base: str
    #: whether the base URL has the key as userinfo
    key: bool
    #: whether reading needs the key
    private: bool
    names: dict[str, int] = field(init=False)
    #: connections that were opened, by what for
    opened: list[str] = field(factory=list)
    _sockets: dict[str, socket.socket] = field(factory=dict)
    _directories: set[str] = field(factory=set)

    def __attrs_post_init__(self) -> None:
        """Name the ids."""
        self.names = {"R": self.given.id, "T1": self.given.tasks[0], "T2": self.given.tasks[1]}

    def send(self, row: Row) -> Reply:
        """Send a row as libsoup does: with credentials where it knows to need them, else once more after a 401."""
        path = row.path(self.names)
        directory = path[: path.rindex("/") + 1]
        fresh = row.method == "HEAD"
        known = not fresh and any(directory.startswith(place) for place in self._directories)
        reply = self._exchange(row, known)
        wanted = self.key and not known and (self.private or row.method in ("POST", "PUT"))
        assert (reply.status == 401) is wanted, (row, reply)
        if wanted:
            assert reply.headers["www-authenticate"] == BASIC
            if not fresh:
                self._directories.add(directory)
            reply = self._exchange(row, True)
        if fresh:
            self._sockets.pop("HEAD").close()
        return reply

    def close(self) -> None:
        """Hang up."""
        for connection in self._sockets.values():
            connection.close()

    def _exchange(self, row: Row, credentials: bool) -> Reply:
        lane = row.method if row.method in ("HEAD", "GET") else "queue"
        if lane not in self._sockets:
            self._sockets[lane] = socket.create_connection(("127.0.0.1", self.given.site.lab.port), timeout=60)
            self.opened.append(lane)
        connection = self._sockets[lane]
        pair = base64.b64encode(f"{self.given.id}:{self.given.key}".encode()).decode()
        connection.sendall(row.request(self.base, self.names, f"Basic {pair}" if credentials else ""))
        with HTTPResponse(connection, method=row.method) as response:
            response.begin()
            headers = {name.lower(): value for name, value in response.getheaders()}
            reply = Reply(response.status, headers, response.read())
        assert not re.search("close", headers.get("connection", ""), re.IGNORECASE), (row, reply)
        return reply


def replay(given: Given, base: str, *, key: bool, private: bool = False) -> Replay:
    """Send all rows, and require of each reply what restraint needs and what was seen."""
    sender = Replay(given, base, key, private)
    try:
        for row in ROWS:
            reply = sender.send(row)
            assert reply.status == row.status, (row.number, reply)
            _require(sender, row, reply)
    finally:
        sender.close()
    return sender


def _require(sender: Replay, row: Row, reply: Reply) -> None:
    if row.method in ("HEAD", "GET"):
        assert reply.headers["content-type"] == "application/xml"
        assert int(reply.headers["content-length"]) > 0
        assert "content-encoding" not in reply.headers
        assert (reply.body == b"") is (row.method == "HEAD")
    if row.status == 201 and row.method == "POST":
        # relative, so that restraintd makes of it a path of its own, whatever the prefix
        assert re.fullmatch("[1-9][0-9]*", reply.headers["location"])
        sender.names.setdefault("N", int(reply.headers["location"]))
    if row.target == WATCHDOG:
        seconds = int(row.body.removeprefix(b"seconds="))
        assert seconds - 30 <= sender.given.call("GET", "watchdog").json["seconds"] <= seconds

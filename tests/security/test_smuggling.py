"""Requests that two servers could read differently: nothing that hides in another request is ever run."""

from typing import Any

import pytest
from attrs import define
from cast import Cast, Running
from exchange import Said, exchange
from lab import Lab

FORM = "Content-Type: application/x-www-form-urlencoded\r\n"


@define
class Target:
    """A running recipe, and an upload for it that is hidden in other requests, and must not be run."""

    lab: Lab
    recipe: Running
    #: its log that httpd takes without the application
    log: str
    _count: int = 0

    @property
    def key(self) -> str:
        """Its harness's header line."""
        return f"Authorization: Bearer {self.recipe.key}\r\n"

    @property
    def hidden(self) -> str:
        """The request that must not be run; each that is sent is another."""
        path = f"{self.recipe.url}logs/hidden-{self._count}.log"
        return f"PUT {path} HTTP/1.1\r\nHost: lab\r\n{self.key}Content-Length: 6\r\n\r\nhidden"

    def send(self, text: str, **how: Any) -> Said:
        """Send this, see that the hidden request was not run, and return the answers."""
        said = exchange(self.lab.port, text.encode("latin-1"), **how)
        made = self.lab.data / "logs" / self.recipe.url[1:] / "logs" / f"hidden-{self._count}.log"
        self._count += 1
        assert not made.exists(), said
        return said

    def refused(self, text: str) -> None:
        """Send what must be answered once, with a refusal, and end the connection."""
        said = self.send(text)
        assert said.ended
        assert len(said.statuses) == 1, said
        assert 400 <= said.statuses[0] < 500 or said.statuses[0] == 501, said


@pytest.fixture(scope="module")
def target(lab: Lab, cast: Cast) -> Target:
    """Whom the attacks are for."""
    recipe = cast.running()
    log = f"{recipe.url}logs/target.log"
    assert lab.call("PUT", log, b"x", key=recipe.key).status == 201
    return Target(lab, recipe, log)


CODINGS = (
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding:  chunked",
    "Transfer-Encoding:\tchunked",
    "Transfer-Encoding: CHUNKED",
    "tRaNSFER-eNCODING: chunked",
    "Transfer-Encoding: chunked ",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked,",
    "Transfer-Encoding: ,chunked",
    "Transfer-Encoding: identity, chunked",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding: identity",
    "Transfer-Encoding: ",
    "Transfer-Encoding: chunked;q=1",
    'Transfer-Encoding: "chunked"',
    "Transfer-Encoding: chunked\0",
    "Transfer-Encoding: \x0bchunked",
    "Transfer-Encoding:\r\n chunked",
    "Transfer-Encoding : chunked",
    "X: y\nTransfer-Encoding: chunked",
    "X: y\rTransfer-Encoding: chunked",
    "X: y\r\r\nTransfer-Encoding: chunked",
    "X\r\nTransfer-Encoding: chunked",
    "Transfer\x00-Encoding: chunked",
    "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked",
    "Connection: Content-Length, Transfer-Encoding\r\nTransfer-Encoding: chunked",
)

#: what looks like a coding and is none: the length is all there is
NO_CODINGS = (
    " Transfer-Encoding: chunked",
    "X: y\r\n Transfer-Encoding: chunked",
    "Transfer_Encoding: chunked",
    "X-Transfer-Encoding: chunked",
    "TE: chunked",
    "Connection: Content-Length",
)


@pytest.mark.parametrize("coding", [*CODINGS, *NO_CODINGS])
@pytest.mark.parametrize("where", ["results", "log"])
def test_two_ways_to_see_where_a_body_ends(target: Target, coding: str, where: str) -> None:
    """A length and a coding, however it is spelled: what one of them puts behind the body is not run."""
    recipe = target.recipe
    line = {
        "results": f"POST {recipe.url}tasks/{recipe.task}/results/",
        "log": f"PUT {target.log}",
    }[where]
    head = f"{line} HTTP/1.1\r\nHost: lab\r\n{target.key}{FORM}{coding}\r\n"
    behind_chunks = f"0\r\n\r\n{target.hidden}"
    told = [target.send(f"{head}Content-Length: {len(behind_chunks)}\r\n\r\n{behind_chunks}")]
    if coding in CODINGS:
        in_a_chunk = f"{len(target.hidden):x}\r\n{target.hidden}\r\n0\r\n\r\n"
        told.append(target.send(f"{head}Content-Length: {in_a_chunk.index('PUT')}\r\n\r\n{in_a_chunk}"))
    assert [len(said.statuses) for said in told] == [1] * len(told), told


@pytest.mark.parametrize(
    "length",
    [
        "+5",
        "-5",
        "5,5",
        "5, 5",
        "5\r\nContent-Length: 5",
        "5\r\nContent-Length: 0",
        "0\r\nContent-Length: 5",
        "0x5",
        "5;",
        "5 5",
        "5_0",
        "5e0",
        '"5"',
        "5\x00",
        "\x0b5",
        "\xb2",
        "5.0",
        "9" * 19,
        "9" * 30,
        "9" * 5000,
        "",
        "5\r\n 0",
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_length_that_is_none(target: Target, length: str, method: str) -> None:
    """What is no plain number, or two of them, is no length: refused, and what follows is not looked at."""
    line = f"POST {target.recipe.url}tasks/{target.recipe.task}/results/" if method == "POST" else f"PUT {target.log}"
    head = f"{line} HTTP/1.1\r\nHost: lab\r\n{target.key}{FORM}"
    target.refused(f"{head}Content-Length: {length}\r\n\r\nhello{target.hidden}")


@pytest.mark.parametrize(
    "head",
    [
        "GET /livez HTTP/1.1\nHost: lab\n\n",
        "GET /livez HTTP/1.1\r\nHost: lab\nX: y\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: lab\rX: y\r\n\r\n",
        "GET /livez HTTP/1.1\r\rHost: lab\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: lab\r\nX : y\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: lab\r\n: y\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: lab\r\nX\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: lab\r\nX\0: y\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: lab\r\nX: y\0\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: lab\r\nX: y\x01\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: lab\r\nX: y\x7f\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: lab\r\nX\xe9: y\r\n\r\n",
        "GET /livez HTTP/1.1\r\n X: y\r\nHost: lab\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: lab\r\nHost: other\r\n\r\n",
        "GET /livez HTTP/1.1\r\n\tHost: lab\r\n\r\n",
        "GET\t/livez\tHTTP/1.1\r\nHost: lab\r\n\r\n",
        "GET  /livez HTTP/1.1\r\nHost: lab\r\n\r\n",
        "GET /livez  HTTP/1.1\r\nHost: lab\r\n\r\n",
        "GET /livez HTTP/1.1 \r\nHost: lab\r\n\r\n",
        " GET /livez HTTP/1.1\r\nHost: lab\r\n\r\n",
        "GET /live\0z HTTP/1.1\r\nHost: lab\r\n\r\n",
        "GET /livez\x01 HTTP/1.1\r\nHost: lab\r\n\r\n",
        "GET /livez HTTP/0.9\r\nHost: lab\r\n\r\n",
        "GET /livez HTTP/1.10\r\nHost: lab\r\n\r\n",
        "GET /livez http/1.1\r\nHost: lab\r\n\r\n",
        "GET /livez HTTP/1\r\nHost: lab\r\n\r\n",
        "GET /livez\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
)
def test_a_head_that_is_none(target: Target, head: str) -> None:
    """Line ends, control bytes and spaces where none may be, other versions: refused, and what follows is not run."""
    target.refused(head + target.hidden)


@pytest.mark.parametrize(
    "chunk",
    [
        "0x5\r\nhello",
        "+5\r\nhello",
        "-5\r\nhello",
        "5_0\r\nhello",
        "\r\nhello",
        "g\r\nhello",
        "5\rhello",
        "5\0\r\nhello",
        "fffffffffffffffff\r\nhello",
        "8000000000000000\r\nhello",
        "ffffffffffffffff\r\nhello",
        "5\r\nhelloworld",
        "5" * 9000 + "\r\nhello",
        "5;" + "a" * 100_000 + "\r\nhello",
        "5;a=\rb\r\nhello",
        "5;\0\r\nhello",
        "\xb2\r\nhello",
        "0;" + "a" * 100_000,
        "0\r\n" + "X: y\r\n" * 20_000,
    ],
    ids=lambda chunk: repr(chunk[:24]),
)
def test_a_chunk_that_is_none(target: Target, chunk: str) -> None:
    """A size that is none or does not fit, extensions and trailers without end: refused; what follows is not run."""
    line = f"POST {target.recipe.url}tasks/{target.recipe.task}/results/"
    head = f"{line} HTTP/1.1\r\nHost: lab\r\n{target.key}{FORM}Transfer-Encoding: chunked\r\n\r\n"
    said = target.send(f"{head}{chunk}\r\n0\r\n\r\n{target.hidden}")
    assert said.ended
    # none: of a chunk that is as large as that, the client has hung up before the end
    assert said.statuses in ([400], [413], [431], []), said


@pytest.mark.parametrize("extension", ["", ";a", ";a=b", ';a="b;c"', " ;a"])
def test_chunks_with_extensions_and_trailers(target: Target, extension: str) -> None:
    """What may stand in a chunked body is read over: the body is what it is, and the next request is the next."""
    recipe = target.recipe
    body = f"b{extension}\r\nresult=Pass\r\n0\r\nAuthorization: Bearer nonsense\r\nX: y\r\n\r\n"
    if target.lab.front == "none":
        # gunicorn takes no credentials behind a body
        body = body.replace("Authorization: Bearer nonsense\r\n", "")
    line = f"POST {recipe.url}tasks/{recipe.task}/results/"
    head = f"{line} HTTP/1.1\r\nHost: lab\r\n{target.key}{FORM}Transfer-Encoding: chunked\r\n\r\n"
    said = target.send(f"{head}{body}GET /livez HTTP/1.1\r\nHost: lab\r\n\r\n")
    assert said.statuses == [201, 200], said


@pytest.mark.parametrize(
    ("line", "headers", "status"),
    [
        ("PUT {log}", "Authorization: Bearer nonsense", 403),
        ("PUT {log}", "", 401),
        ("PUT {log}", "{key}Content-Range: bytes 9-5/*", 400),
        ("PUT {log}", "{key}Content-Range: lines 0-5/*", 400),
        ("PUT {log}", "{key}Content-Range: bytes 0-99999999999/*", 416),
        ("PUT {url}logs/.hidden", "{key}", 403),
        ("PUT {url}tasks/1999999/logs/a", "{key}", 404),
        ("DELETE {log}", "{key}", 405),
        ("MKCOL {log}", "{key}", 405),
        ("HEAD {log}", "", 200),
        ("GET {url}", "", 200),
        ("GET {url}logs/missing", "", 404),
        ("GET /no/such/thing", "", 404),
        ("POST {url}tasks/1999999/status", "{key}", 400),
        ("POST {url}", "", 405),
    ],
)
def test_a_refused_body_is_no_request(target: Target, line: str, headers: str, status: int) -> None:
    """The body of a request that is refused, or that has no use for one, is read over: what follows is answered."""
    names = {"log": target.log, "url": target.recipe.url, "key": target.key}
    lines = headers.format(**names).removesuffix("\r\n")
    head = (
        f"{line.format(**names)} HTTP/1.1\r\nHost: lab\r\n{lines}\r\n"
        if lines
        else f"{line.format(**names)} HTTP/1.1\r\nHost: lab\r\n"
    )
    request = f"{head}{FORM}Content-Length: {len(target.hidden)}\r\n\r\n{target.hidden}"
    said = target.send(request + "GET /livez HTTP/1.1\r\nHost: lab\r\n\r\n")
    # a server may also hang up on what it has refused
    assert said.statuses in ([status, 200], [status]), said
    assert said.ended


def test_answers_without_a_body(target: Target) -> None:
    """204 and 304 have none: the answer behind them is the next request's."""
    livez = "GET /livez HTTP/1.1\r\nHost: lab\r\n\r\n"
    put = f"PUT {target.log} HTTP/1.1\r\nHost: lab\r\n{target.key}Content-Length: 1\r\n\r\nx"
    unchanged = f"GET {target.log} HTTP/1.1\r\nHost: lab\r\nIf-None-Match: *\r\n\r\n"
    head = f"HEAD {target.log} HTTP/1.1\r\nHost: lab\r\n\r\n"
    said = target.send(put + livez + unchanged + livez + head + livez)
    assert said.statuses == [204, 200, 304, 200, 200, 200]


def test_many_requests_at_once(target: Target) -> None:
    """Each of two hundred requests that come in one go is answered once, in order."""
    both = f"GET /livez HTTP/1.1\r\nHost: lab\r\n\r\nGET {target.log}.none HTTP/1.1\r\nHost: lab\r\n\r\n"
    assert target.send(both * 100, seconds=30).statuses == [200, 404] * 100


def test_http_1_0(target: Target) -> None:
    """A client of old gets one answer, and more only when it asks for that."""
    for more, expected in (("", [200]), ("Connection: keep-alive\r\n", [200, 200])):
        request = f"GET /livez HTTP/1.0\r\nHost: lab\r\n{more}\r\n"
        assert target.send(request * 2).statuses == expected


@pytest.mark.parametrize(
    "upgrade",
    [
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAA\r\n",
        "Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n",
    ],
    ids=["h2c", "websocket", "tls"],
)
def test_no_other_protocol(target: Target, upgrade: str) -> None:
    """Nobody gets a tunnel past httpd's rules: a wish for another protocol is not heard."""
    said = target.send(f"GET /livez HTTP/1.1\r\nHost: lab\r\n{upgrade}\r\n")
    # refused or passed over
    assert said.statuses in ([200], [400]), said


@pytest.mark.parametrize("expect", ["100-continue", "100-Continue", "200-ok", "100-continue, 100-continue", ""])
def test_expectations(target: Target, expect: str) -> None:
    """Who waits for 100 gets it or a refusal; the body is a body either way."""
    body = target.hidden
    head = f"PUT {target.log} HTTP/1.1\r\nHost: lab\r\nExpect: {expect}\r\n"
    for key, final in ((target.key, 204), ("Authorization: Bearer nonsense\r\n", 403)):
        said = target.send(f"{head}{key}Content-Length: {len(body)}\r\n\r\n{body}")
        statuses = [status for status in said.statuses if status != 100]
        assert statuses in ([final], [417]), said


def test_a_whole_url_names_no_other_server(target: Target) -> None:
    """httpd is nobody's proxy, and whatever host is named, it is us."""
    said = target.send("GET http://127.0.0.1:1/livez HTTP/1.1\r\nHost: other.example\r\n\r\n")
    assert said.statuses == [200]
    assert b"alive" in said.text
    for other in (
        "https://127.0.0.1:1/no",
        "ftp://127.0.0.1:1/livez",
        "unix:/etc/passwd|http://x/",
        "//127.0.0.1:1/no",
    ):
        said = target.send(f"GET {other} HTTP/1.1\r\nHost: lab\r\n\r\n")
        assert said.statuses in ([400], [404]), (other, said)
    for line in ("CONNECT 127.0.0.1:22", "CONNECT /livez", "TRACE /livez"):
        said = target.send(f"{line} HTTP/1.1\r\nHost: lab\r\nX: secret\r\n\r\n")
        assert said.statuses and said.statuses[0] in (400, 403, 404, 405), (line, said)
        assert b"secret" not in said.text


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "a@evil.example", "evil.example/x", "[::1]"])
def test_the_host_header_goes_nowhere(target: Target, host: str) -> None:
    """No answer repeats it: no link and no redirect leads to where the caller says that we are."""
    for path in (
        "/",
        "/recipes",
        target.recipe.url,
        target.recipe.url + "logs",
        "/jobs",
        "/jobs/",
        "//evil.example/",
        "/no",
    ):
        said = target.send(
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\nX-Forwarded-Host: evil.example\r\n\r\n"
        )
        assert said.statuses and not 300 <= said.statuses[0] < 400, said
        assert b"evil" not in said.text


def test_no_header_out_of_a_value(target: Target) -> None:
    """Line ends in names, paths and values never become header lines of an answer."""
    recipe = target.recipe
    evil = "%0d%0aSet-Cookie:%20a=b"
    for path in (f"/{evil}", f"{recipe.url}logs/{evil}", f"{recipe.url}logs/?{evil}", f"/jobs/?owner={evil}&limit=1"):
        said = target.send(f"GET {path} HTTP/1.1\r\nHost: lab\r\nX-Request-Id: a%0d%0aSet-Cookie: a=b\r\n\r\n")
        assert said.statuses, said
        assert b"set-cookie" not in said.text.partition(b"\r\n\r\n")[0].lower(), said
    form = f"result=Pass&path=/{evil}&message={evil}"
    line = f"POST {recipe.url}tasks/{recipe.task}/results/ HTTP/1.1\r\nHost: lab\r\n{target.key}{FORM}"
    said = target.send(f"{line}Content-Length: {len(form)}\r\n\r\n{form}")
    assert said.statuses == [201]
    assert b"cookie" not in said.text.lower()

"""Documents from hosts: what is on the list is asked, whatever it does costs little time and room."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from wsgi_app.config import Config
from wsgi_app.core.download import Hosts
from wsgi_app.core.sources import MOST_BYTES, CannotRead, Sources

#: seconds that a download may take here
SECONDS = 0.6

Answer = Callable[[socket.socket, bytes], None]


@contextmanager
def serving(answer: Answer) -> Iterator[tuple[str, list[bytes]]]:
    """Run a server that reads one request of each connection and answers it; yield its host and port, and requests."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, suppress(OSError):
                    request = b""
                    while b"\r\n\r\n" not in request and (part := connection.recv(65536)):
                        request += part
                    asked.append(request)
                    answer(connection, request)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}", asked
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(30)
            assert not thread.is_alive()


def saying(*parts: bytes) -> Answer:
    """Return an answer of these bytes."""
    return lambda connection, request: connection.sendall(b"".join(parts))


def sources(*hosts: str) -> Sources:
    """Return what may ask these hosts."""
    return Sources(Config(descriptor_hosts=hosts))


def test_document() -> None:
    """A document is fetched with a plain request, without anything of ours in it."""
    body = b'{"steps": []}'
    with serving(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n", body)) as (host, asked):
        assert sources("other", host).fetch(f"http://{host}/a b/\u00e9?q=1%20#part") == body
    (request,) = asked
    line, *headers = request.decode("ascii").strip().split("\r\n")
    assert line == "GET /a%20b/%C3%A9?q=1%20 HTTP/1.1"
    assert sorted(header.split(":")[0] for header in headers) == ["Accept", "Accept-Encoding", "Connection", "Host"]
    assert f"Host: {host}" in headers


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.0 200 OK\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more than was said",
    ],
)
def test_bodies(answer: bytes) -> None:
    """A body ends where HTTP says that it does."""
    with serving(saying(answer)) as (host, _):
        assert sources(host).fetch(f"http://{host}/") == b"hello"


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", "cannot be fetched: Remote end closed connection without response"),
        (b"nonsense\r\n\r\n", "cannot be fetched"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "is answered with HTTP status 404"),
        (b"HTTP/1.1 206 Part\r\nContent-Length: 1\r\n\r\nx", "is answered with HTTP status 206"),
        (b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", "is answered with HTTP status 302"),
        (OK + b"Content-Length: 10\r\n\r\nhello", "ended 5 bytes before its end"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhe", "cannot be fetched: IncompleteRead"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nx\r\nhe", "cannot be fetched"),
        (OK + f"Content-Length: {MOST_BYTES + 1}\r\n\r\n".encode(), f"is larger than {MOST_BYTES} bytes"),
        (OK + b"\r\n" + b"x" * (MOST_BYTES + 1), f"is larger than {MOST_BYTES} bytes"),
        (OK + b"A: " + b"x" * 70000 + b"\r\n\r\n", "cannot be fetched: got more than 65536 bytes"),
        (OK + b"A: x\r\n" * 200 + b"\r\n", "cannot be fetched: got more than 100 headers"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.2:1/\r\n\r\n", "127.0.0.2:1 is not among the hosts"),
        (b"HTTP/1.1 302 Found\r\nLocation: //example.org/x\r\n\r\n", "example.org:80 is not among the hosts"),
        (b"HTTP/1.1 307 Again\r\nLocation: file:///etc/passwd\r\n\r\n", "unsupported scheme file"),
        (b"HTTP/1.1 301 Gone\r\nLocation: http://[/\r\n\r\n", "cannot be"),
        (b"HTTP/1.1 301 Gone\r\nLocation: /x\r\n\r\n", "is redirected more than 3 times"),
    ],
)
def test_bad_answers(answer: bytes, said: str) -> None:
    """An answer that is no document, or too large a one, is refused in a sentence."""
    with serving(saying(answer)) as (host, asked):
        with pytest.raises(CannotRead) as refused:
            sources(host).fetch(f"http://{host}/")
        assert len(asked) <= 4
    assert said in str(refused.value)
    assert len(str(refused.value)) < 500


def test_redirects() -> None:
    """Three redirects are followed, to wherever on the list they lead."""

    def answer(connection: socket.socket, request: bytes) -> None:
        step = int(request.split()[1].strip(b"/") or b"0")
        if step < 3:
            connection.sendall(b"HTTP/1.1 308 On\r\nLocation: %d\r\nContent-Length: 0\r\n\r\n" % (step + 1))
        else:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    with serving(answer) as (host, asked):
        assert sources(host).fetch(f"http://{host}/") == b"ok"
    assert len(asked) == 4


def drip(first: bytes, part: bytes) -> Answer:
    """Return an answer that never ends: some bytes, then again and again the same few."""

    def answer(connection: socket.socket, request: bytes) -> None:
        connection.sendall(first)
        # ends when the other side has gone
        while True:
            connection.sendall(part)
            if len(part) < 100:
                time.sleep(0.02)

    return answer


@pytest.mark.parametrize(
    "answer",
    [
        drip(b"HTTP/1.1 2", b"0"),
        drip(b"HTTP/1.1 200 OK\r\nA: ", b"x"),
        drip(b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x"),
        drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["status", "header", "body", "length", "chunks", "continue"],
)
def test_drips(answer: Answer) -> None:
    """A server that says a little for ever is left when the time is over, and its connection closed."""
    with serving(answer) as (host, _):
        begun = time.monotonic()
        with pytest.raises(CannotRead, match=rf"http://{host}/ was not there within 0\.6 s"):
            sources(host).fetch(f"http://{host}/", seconds=SECONDS)
        assert SECONDS <= time.monotonic() - begun < SECONDS + 2
    # the server has ended, so its client has
    for thread in threading.enumerate():
        if thread.name == "download":
            thread.join(10)
            assert not thread.is_alive()


def test_endless() -> None:
    """A body without an end is left at the size that a document may have."""
    with (
        serving(drip(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536)) as (host, _),
        pytest.raises(CannotRead, match=f"is larger than {MOST_BYTES} bytes"),
    ):
        sources(host).fetch(f"http://{host}/")


def test_silence() -> None:
    """A server that takes no connection, speaks no TLS, or says nothing, is left when the time is over."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        for scheme in ("http", "https"):
            begun = time.monotonic()
            with pytest.raises(CannotRead):
                sources(host).fetch(f"{scheme}://{host}/", seconds=SECONDS)
            assert time.monotonic() - begun < SECONDS + 2
    with pytest.raises(CannotRead, match="cannot be fetched: Connection refused"):
        sources(host).fetch(f"http://{host}/")


def test_untrusted_tls() -> None:
    """A server without a certificate that this machine trusts is not believed."""
    with (
        serving(saying(b"HTTP/1.1 200 OK\r\n\r\n")) as (host, _),
        pytest.raises(CannotRead, match=r"cannot be fetched|was not there"),
    ):
        sources(host).fetch(f"https://{host}/", seconds=SECONDS)


@pytest.mark.parametrize(
    ("uri", "listed", "port"),
    [
        ("http://Lab.example/x", "lab.example:80", 80),
        ("http://lab.example:80/x", "LAB.example", 80),
        ("https://lab.example/", "lab.example", 443),
        ("https://lab.example/", "lab.example:443", 443),
        ("http://lab.example:8080/", "lab.example:8080", 8080),
        ("http://[::1]/", "[::1]", 80),
        ("http://[::1]:8080/", "[::1]:8080", 8080),
    ],
)
def test_listed(uri: str, listed: str, port: int) -> None:
    """A host is on the list by its name at its scheme's port, or by name and port, in any case."""
    address = Hosts([listed]).address(uri)
    assert (address.host, address.port) == (("::1" if "[" in uri else "lab.example"), port)


@pytest.mark.parametrize(
    "uri",
    [
        "http://lab.example:8080/",
        "http://lab.example:443/",
        "https://lab.example:80/",
        "http://lab.example./",
        "http://lab.example.evil/",
        "http://evil.lab.example/",
        "http://lab.example:80@evil/",
        "http://user@lab.example/",
        "http://user:secret@lab.example/",
        "http://evil#@lab.example/",
        "http://evil\\@lab.example/",
        "http://evil\\.lab.example/",
        "http:///lab.example/",
        "http:lab.example",
        "http://",
        "http://lab.example:x/",
        "http://lab.example:99999/",
        "http://l\u0430b.example/",
    ],
)
def test_not_listed(uri: str) -> None:
    """What is not on the list, letter by letter, is not asked; nor is what has credentials in it."""
    with pytest.raises(CannotRead) as refused:
        sources("lab.example").fetch(uri)
    assert "secret" not in str(refused.value)


def test_nobody() -> None:
    """Without the setting no host is asked at all."""
    with pytest.raises(CannotRead, match=r"127\.0\.0\.1:80 is not among the hosts"):
        sources().fetch("http://127.0.0.1/")

"""TLS: what it takes and refuses, and what new certificates and reloads do to those who are connected."""

import hashlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
from http.client import HTTPConnection, HTTPResponse
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

import pytest
from certificates import Issued
from waiting import until

from wsgi_app.services import httpd

if TYPE_CHECKING:
    from tests.apache.conftest import Both, Plane

MIB = 1 << 20
#: what TLS 1.2 may use with a certificate like these
GOOD = ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305")
#: block chaining, SHA-1, short tags
BAD = ("ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA384", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES128-CCM8")
#: the handshake's limit in tls.conf is 10 s for one that does not go on
HANDSHAKE = (8.0, 25.0)
#: all addresses of the machine, as the role has it by default
ANY = str(IPv4Address(0))


def shake_hands(plane: "Plane", *flags: str) -> str:
    """Shake hands as `openssl s_client` does with these flags; return all that it says."""
    vector = ["openssl", "s_client", "-connect", f"{plane.host}:{plane.port}", *flags]
    done = subprocess.run(vector, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=30)
    return done.stdout + done.stderr


def call(plane: "Plane", method: str, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Make one call over a connection of its own."""
    connection = HTTPConnection(plane.host, plane.port)
    connection.sock = plane.connect()
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, dict(response.headers), response.read()
    finally:
        connection.close()


class Upload:
    """A harness's connection: ranges of one log, again over a new connection when httpd has closed an idle one."""

    def __init__(self, plane: "Plane", path: str) -> None:
        self._plane = plane
        self._path = plane.prefix + path
        self._socket = plane.connect()

    def head(self, begin: int, length: int) -> bytes:
        """The head of the PUT of a range."""
        return (
            f"PUT {self._path} HTTP/1.1\r\nHost: {self._plane.host}\r\nAuthorization: {self._plane.bearer('R')}\r\n"
            f"Content-Range: bytes {begin}-{begin + length - 1}/*\r\nContent-Length: {length}\r\n\r\n"
        ).encode()

    def put(self, begin: int, content: bytes) -> int:
        """Send a range; return the status."""
        for _ in range(2):
            try:
                self._socket.sendall(self.head(begin, len(content)) + content)
                return self.status()
            except (ConnectionError, ssl.SSLError):
                self.renew()
        raise AssertionError("a fresh connection was closed, too")

    def begin(self, begin: int, content: bytes) -> None:
        """Send half of a range."""
        self.renew()
        self._socket.sendall(self.head(begin, len(content)) + content[: len(content) // 2])

    def finish(self, content: bytes) -> int:
        """Send the other half; return the status."""
        self._socket.sendall(content[len(content) // 2 :])
        return self.status()

    def status(self) -> int:
        """Read an answer."""
        response = HTTPResponse(self._socket)
        response.begin()
        response.read()
        return response.status

    def renew(self) -> None:
        """Take a new connection."""
        self.close()
        self._socket = self._plane.connect()

    def close(self) -> None:
        """End it."""
        self._socket.close()


def reload(plane: "Plane") -> None:
    """Let httpd read its configuration and certificates anew, and wait until it has."""
    log = plane.config.run / "error.log"
    before = log.read_bytes().count(b"resuming normal operations")
    plane.processes["httpd"].send_signal(signal.SIGUSR1)
    until(lambda: log.read_bytes().count(b"resuming normal operations") > before, "the new generation")


def serial(plane: "Plane") -> str:
    """Return the serial number of the certificate that new connections get."""
    with plane.connect() as connection:
        assert isinstance(connection, ssl.SSLSocket)
        found = connection.getpeercert()
        assert found is not None
        return str(found["serialNumber"])


@pytest.mark.parametrize(("flag", "version"), [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")])
def test_versions_that_are_spoken(both: "Both", flag: str, version: str) -> None:
    """TLS 1.2 and 1.3, both with a fresh key each time; nothing is compressed, and 1.2 gives out no ticket."""
    said = shake_hands(both.secure, flag, "-CAfile", str(both.authority.certificate), "-verify_return_error")
    assert f"New, {version}, Cipher is " in said
    assert "Verify return code: 0 (ok)" in said
    assert "Server Temp Key: X25519" in said
    assert "Compression: NONE" in said
    # in 1.3 what is called so is the name of a session that httpd keeps
    assert version == "TLSv1.3" or "TLS session ticket:" not in said


@pytest.mark.parametrize("flag", ["-tls1", "-tls1_1"])
def test_versions_that_are_not(both: "Both", flag: str) -> None:
    """Whoever speaks nothing newer is told so."""
    said = shake_hands(both.secure, flag, "-cipher", "ALL:@SECLEVEL=0")
    assert "alert protocol version" in said
    assert "Cipher is (NONE)" in said


@pytest.mark.parametrize("suite", [*GOOD, *BAD])
def test_suites_of_tls_1_2(both: "Both", suite: str) -> None:
    """With authenticated encryption, yes; any other is refused."""
    said = shake_hands(both.secure, "-tls1_2", "-cipher", f"{suite}:@SECLEVEL=0")
    if suite in GOOD:
        assert f"Cipher is {suite}" in said
    else:
        assert "alert handshake failure" in said
        assert "Cipher is (NONE)" in said


@pytest.mark.parametrize("group", ["X25519", "P-256", "P-384"])
def test_curves_that_are_taken(both: "Both", group: str) -> None:
    """The usual strong curves."""
    assert "Cipher is TLS_" in shake_hands(both.secure, "-tls1_3", "-groups", group)


def test_curves_that_are_not(both: "Both") -> None:
    """No other."""
    assert "Cipher is (NONE)" in shake_hands(both.secure, "-tls1_3", "-groups", "P-521")


def test_a_handshake_that_does_not_go_on_holds_no_thread(both: "Both") -> None:
    """Whoever begins to shake hands and falls silent is cut off; others are served meanwhile."""
    started = time.monotonic()
    with socket.create_connection((both.secure.host, both.secure.port), 30) as connection:
        # a record of 512 bytes is announced
        connection.sendall(b"\x16\x03\x01\x02\x00\x01")
        assert call(both.secure, "GET", f"{both.secure.prefix}livez")[0] == 200
        try:
            while connection.recv(100):
                pass
        except ConnectionResetError:
            pass
    least, most = HANDSHAKE
    assert least < time.monotonic() - started < most


def test_plain_http_on_the_port_of_tls(both: "Both") -> None:
    """Whoever forgot the s gets an answer that can be read, and nothing else."""
    with socket.create_connection((both.secure.host, both.secure.port), 30) as connection:
        connection.sendall(f"GET {both.secure.prefix}jobs/ HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        response = HTTPResponse(connection)
        response.begin()
        assert response.status == 400


@pytest.mark.parametrize(
    ("origin", "status"),
    # 415: it came to the application, and is no job
    [("https://{host}", 415), ("http://{host}", 415), ("https://{host}.example", 403), ("https://other.example", 403)],
)
def test_pages_that_a_browser_speaks_for(both: "Both", origin: str, status: int) -> None:
    """A page of this host may ask, a page of another site may not."""
    plane = both.secure
    host = f"{plane.host}:{plane.port}"
    sent = origin.format(host=host)
    assert call(plane, "POST", f"{plane.prefix}jobs/", Host=host, Origin=sent, Content_Length="0")[0] == status


@pytest.mark.parametrize("listener", ["secure", "plain"])
def test_the_key_is_in_no_answer(both: "Both", listener: str) -> None:
    """Neither by its path, nor around the corner, nor by a link that was planted among the logs."""
    plane: Plane = getattr(both, listener)
    key = both.issued.key
    log = f"recipes/{plane.symbols['R']}/logs/key-{listener}.log"
    link = plane.data / "logs" / log
    plane.place(log, b"").unlink()
    link.symlink_to(key)
    up = "/".join([".."] * 6)
    paths = [
        str(key),
        f"{plane.prefix}{key}",
        f"{plane.prefix}recipes/{key}",
        f"{plane.prefix}recipes/{plane.symbols['R']}/logs/{up}{key}",
        f"{plane.prefix}recipes/{plane.symbols['R']}/logs/..%2f..%2f..%2f..%2f..%2f{str(key)[1:]}",
        plane.prefix + log,
    ]
    answers = [call(plane, "GET", path, Authorization=plane.bearer("R")) for path in paths]
    assert {status for status, _, _ in answers} <= {400, 403, 404}
    assert not any(b"PRIVATE KEY" in body for _, _, body in answers)
    if os.geteuid() == 0:
        # it could be read, as far as the system is concerned
        assert key.stat().st_uid == plane.config.gate.stat().st_uid


def test_an_upload_over_tls_outlives_reloads(both: "Both") -> None:
    """64 MiB in ranges, httpd reading its configuration anew in the middle of some: nothing fails, and all is there."""
    plane = both.secure
    path = f"recipes/{plane.symbols['R']}/logs/reloads.log"
    content = os.urandom(MIB)
    whole = hashlib.sha256()
    upload = Upload(plane, path)
    try:
        for number in range(64):
            piece = number.to_bytes(8) + content[8:]
            whole.update(piece)
            if number % 16 == 8:
                upload.begin(number * MIB, piece)
                reload(plane)
                assert upload.finish(piece) == 204
            else:
                assert upload.put(number * MIB, piece) == (201 if number == 0 else 204)
    finally:
        upload.close()
    place = plane.data / "logs" / path
    assert hashlib.sha256(place.read_bytes()).hexdigest() == whole.hexdigest()
    place.unlink()


def test_a_new_certificate_after_a_reload(both: "Both") -> None:
    """Connections from then on get it, and an upload that is under way goes on with the one that it had."""
    plane = both.secure
    path = f"recipes/{plane.symbols['R']}/logs/renewed.log"
    plane.place(path, b"0123456789")
    before = serial(plane)
    upload = Upload(plane, path)
    try:
        upload.begin(10, b"abcdefghij")
        fresh = both.authority.issue(f"renewed-{time.monotonic_ns()}")
        replace(both.issued, fresh)
        assert serial(plane) == before
        assert httpd.check_file(both.file) is None
        reload(plane)
        # the old generation takes connections until each of its children has heard
        until(lambda: serial(plane) != before, "the new certificate")
        assert upload.finish(b"abcdefghij") == 204
    finally:
        upload.close()
    assert (plane.data / "logs" / path).read_bytes() == b"0123456789abcdefghij"


def replace(there: Issued, fresh: Issued) -> None:
    """Put a certificate and its key where others are; readable for whom those were."""
    for old, new in ((there.certificate, fresh.certificate), (there.key, fresh.key)):
        shutil.copystat(old, new)
        if os.geteuid() == 0:
            os.chown(new, old.stat().st_uid, old.stat().st_gid)
        new.replace(old)


@pytest.mark.parametrize("alone", [(ANY, "127.0.0.1"), ("[::]", "[::]"), ("127.0.0.1", ANY)], indirect=True, ids=str)
def test_each_listener_is_what_it_is_on_any_address(alone: "Both") -> None:
    """Whatever the addresses: what comes in plain is served to harnesses only, what comes by TLS to all."""
    # nobody is behind it: what is passed on is a 503
    assert call(alone.plain, "GET", "/livez")[0] == 503
    assert call(alone.plain, "GET", "/jobs/")[0] == 403
    assert call(alone.secure, "GET", "/jobs/")[0] == 503

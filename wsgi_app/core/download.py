"""One document from a host on a list, within a time and a size, whatever its server does.

By http.client, not urllib3: only who holds the socket can cut it when the time is over, and each redirect is looked at.
"""

import queue
import socket
import ssl
import threading
from collections.abc import Iterable
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from urllib.parse import quote, urljoin, urlsplit

from attrs import frozen

from wsgi_app.core.excerpt import short

_PORTS = {"http": 80, "https": 443}
_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 3


class CannotRead(Exception):
    """A document or table cannot be read; the message is a sentence about it."""


@frozen
class Address:
    """Where a document is: scheme, host (IPv6 without brackets), port, and what is asked for there."""

    scheme: str
    host: str
    port: int
    target: str


class Hosts:
    """The hosts that may be asked: `name`, at the port that its scheme has by default, or `name:port`."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(name.lower() for name in names)

    def address(self, uri: str) -> Address:
        """Return where a URI leads. Raises `CannotRead` when that is not to be asked."""
        try:
            parts = urlsplit(uri)
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise CannotRead(f"the URI {short(uri)} cannot be read: {error}") from None
        if parts.scheme not in _PORTS:
            raise CannotRead(f"unsupported scheme {short(parts.scheme)}")
        if "@" in parts.netloc:
            raise CannotRead("a URI with a name or password in it is not fetched")
        named = f"[{host}]" if ":" in host else host
        default = _PORTS[parts.scheme]
        port = default if port is None else port
        if f"{named}:{port}" not in self._names and (port != default or named not in self._names):
            raise CannotRead(f"{short(f'{named}:{port}')} is not among the hosts that steps are fetched from")
        query = f"?{parts.query}" if parts.query else ""
        return Address(parts.scheme, host, port, quote((parts.path or "/") + query, safe="/?%:@!$&'()*+,;=-._~"))


def download(uri: str, hosts: Hosts, *, most: int, seconds: float) -> bytes:
    """Return the document at a URI, of at most so many bytes, within so many seconds. Raises `CannotRead`."""
    # looked at before anything is started for it
    hosts.address(uri)
    visit = _Visit(uri, hosts, most, seconds)
    # resolvers, handshakes and servers that drip all have their own idea of time: nobody waits for this thread
    threading.Thread(target=visit.run, name="download", daemon=True).start()
    try:
        found = visit.found.get(timeout=seconds)
    except queue.Empty:
        visit.cut()
        raise _late(uri, seconds) from None
    if isinstance(found, CannotRead):
        raise found
    return found


def _late(uri: str, seconds: float) -> CannotRead:
    return CannotRead(f"{short(uri)} was not there within {seconds:.1f} s")


class _Visit:
    """One download, with its redirects; it ends soon after it is cut."""

    def __init__(self, uri: str, hosts: Hosts, most: int, seconds: float) -> None:
        self.found: queue.SimpleQueue[bytes | CannotRead] = queue.SimpleQueue()
        self._uri = uri
        self._hosts = hosts
        self._most = most
        self._seconds = seconds
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._over = False

    def run(self) -> None:
        """Put the document into `found`, or why there is none."""
        try:
            self.found.put(self._follow())
        except CannotRead as error:
            self.found.put(error)
        except TimeoutError:
            # the socket has the same time, and on a busy machine its is sometimes over first
            self.found.put(_late(self._uri, self._seconds))
        except (OSError, HTTPException, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            self.found.put(CannotRead(f"{short(self._uri)} cannot be fetched: {short(why)}"))

    def cut(self) -> None:
        """End it: whatever reads or writes now finds the connection closed."""
        with self._lock:
            self._over = True
            if self._socket is not None:
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)

    def _follow(self) -> bytes:
        uri = self._uri
        for _ in range(_MOST_REDIRECTS + 1):
            address = self._hosts.address(uri)
            with self._connect(address) as held:
                found = self._ask(address, held)
            if isinstance(found, bytes):
                return found
            uri = urljoin(uri, found)
        raise CannotRead(f"{short(self._uri)} is redirected more than {_MOST_REDIRECTS} times")

    def _connect(self, address: Address) -> socket.socket:
        held = socket.create_connection((address.host, address.port), timeout=self._seconds)
        if address.scheme == "https":
            context = ssl.create_default_context()
            held = context.wrap_socket(held, server_hostname=address.host, do_handshake_on_connect=False)
        with self._lock:
            self._socket = held
            if self._over:
                held.close()
        return held

    def _ask(self, address: Address, held: socket.socket) -> bytes | str:
        """Return the document, or where it is instead."""
        if isinstance(held, ssl.SSLSocket):
            held.do_handshake()
        connection = HTTPConnection(address.host, address.port)
        connection.default_port = _PORTS[address.scheme]
        connection.sock = held
        headers = {"Accept": "application/json, */*", "Connection": "close"}
        connection.request("GET", address.target, headers=headers)
        # it holds the connection for itself
        with closing(connection.getresponse()) as response:
            location = response.headers.get("Location")
            return self._body(response) if response.status not in _REDIRECTS or location is None else location

    def _body(self, response: HTTPResponse) -> bytes:
        if response.status != 200:
            raise CannotRead(f"{short(self._uri)} is answered with HTTP status {response.status}")
        if response.length is not None and response.length > self._most:
            raise CannotRead(f"{short(self._uri)} is larger than {self._most} bytes")
        body = response.read(self._most + 1)
        if len(body) > self._most:
            raise CannotRead(f"{short(self._uri)} is larger than {self._most} bytes")
        if response.length:
            raise CannotRead(f"{short(self._uri)} ended {response.length} bytes before its end")
        return body

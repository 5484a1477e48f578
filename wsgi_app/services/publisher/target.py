"""Where messages may go: who wants to be told names the host, and must not make us call what only we can reach.

Names are looked up once, all addresses are looked at, and the connection goes to one of those: a name that leads
somewhere else by then leads nobody astray.
"""

import fnmatch
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from attrs import frozen

from wsgi_app.config import Config
from wsgi_app.services.publisher.sending import NotNow, Refused

Address = IPv4Address | IPv6Address

#: seconds until a connection stands
CONNECT_SECONDS = 5.0
#: what of IPv6 is given to anybody; and of that, what leads to an IPv4 address, or is nobody's
_GIVEN = ip_network("2000::/3")
_ODD = tuple(ip_network(words) for words in ("2001::/23", "2002::/16"))


@frozen
class Place:
    """A host and what of it is asked for."""

    secure: bool
    #: as it was written, in small letters, without a dot at its end
    host: str
    port: int
    #: the path and what follows, at least a slash
    path: str = "/"

    @property
    def authority(self) -> str:
        """The host as requests name it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


class Rules:
    """What the settings allow."""

    def __init__(self, config: Config) -> None:
        self._hosts = [pattern.lower().rstrip(".") for pattern in config.callback_hosts]
        self._networks = [ip_network(words) for words in config.callback_private]

    def place(self, url: str) -> Place:
        """Return where a callback goes. Raises `Refused`."""
        place = parse(url)
        if self._hosts and not any(fnmatch.fnmatchcase(place.host, pattern) for pattern in self._hosts):
            raise Refused(f"{place.host} is none of callback_hosts")
        return place

    def allows(self, address: Address) -> bool:
        """Return whether there may be a connection to an address: it is public, or the settings name its network."""
        plain = address.ipv4_mapped if isinstance(address, IPv6Address) and address.ipv4_mapped else address
        if any(plain.version == network.version and plain in network for network in self._networks):
            return True
        if isinstance(plain, IPv6Address) and (plain not in _GIVEN or any(plain in network for network in _ODD)):
            return False
        return plain.is_global and not plain.is_multicast and not plain.is_reserved

    def addresses(self, host: str, port: int) -> Sequence[tuple[socket.AddressFamily, tuple[object, ...]]]:
        """Return the addresses of a host, as sockets have them.

        Raises `Refused` when one of them may not be called, `NotNow` when there are none now.
        """
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            words = error.strerror if isinstance(error, OSError) else None
            raise NotNow(f"{host}: {words or 'this is no name of a host'}") from None
        for _, _, _, _, place in found:
            address = ip_address(str(place[0]).partition("%")[0])
            if not self.allows(address):
                words = "" if str(address) == host else f" (of {host})"
                raise Refused(f"the address {address}{words} is not public, nor in callback_private")
        return [(family, place) for family, _, _, _, place in found]

    def connect(self, host: str, port: int) -> socket.socket:
        """Return a connection to a host. Raises `Refused`, `NotNow`."""
        last: OSError | None = None
        found = self.addresses(host, port)
        # one that is silent is not to take all the time
        seconds = CONNECT_SECONDS / min(len(found), 2)
        for family, place in found[:2]:
            connection = socket.socket(family, socket.SOCK_STREAM)
            connection.settimeout(seconds)
            try:
                connection.connect(place)
            except OSError as error:
                connection.close()
                last = error
            else:
                return connection
        words = "nothing answers" if isinstance(last, TimeoutError) else (last and last.strerror) or "no address"
        raise NotNow(f"{host} port {port}: {words}")


def parse(url: str) -> Place:
    """Return where a URL leads. Raises `Refused`: it is none that can be called."""
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        raise Refused("this is no URL") from None
    if parts.scheme not in ("http", "https") or not host or port == 0 or not url.isascii() or not url.isprintable():
        raise Refused("only http://HOST[:PORT]/PATH and https can be called")
    if " " in url or "\\" in url or "@" in parts.netloc:
        raise Refused("a callback's URL has no user, password, blank or backslash")
    secure = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(secure, host.lower().rstrip("."), port or (443 if secure else 80), path)


def split_server(server: str, port: int) -> tuple[str, int]:
    """Return host and port of HOST or HOST:PORT. Raises `Refused`."""
    host, _, words = server.partition(":")
    if not host or not (words or "1").isdecimal() or not 0 < int(words or port) < 65536:
        raise Refused("a server is HOST or HOST:PORT")
    return host.lower().rstrip("."), int(words or port)

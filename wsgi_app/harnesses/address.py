"""Where a controller is: its base URL taken apart, and names in its URLs."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit


class Address(NamedTuple):
    """A base URL taken apart."""

    scheme: str
    host: str
    port: int
    prefix: str  #: "" or "/lab": without a trailing slash
    password: str  #: from the userinfo of the URL, or ""
    ca_file: str = ""  #: whose CAs are trusted over https beside those of this system

    @property
    def url(self) -> str:
        """The base URL in its one form: no userinfo, no trailing slash."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.prefix}"


def address(url: str) -> Address:
    """Take a base URL apart; raises ValueError when it is not an http or https URL."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"not an http or https URL: {url}")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return Address(parts.scheme, parts.hostname, port, parts.path.rstrip("/"), unquote(parts.password or ""))


def log_name(name: str) -> str:
    """Return a log's name as the server reads it, which passes over empty parts.

    Raises ValueError for a name by which another place than a log would be reached, such as `../../sync/ready`.
    """
    parts = [part for part in name.split("/") if part]
    if not parts or "." in parts or ".." in parts:
        raise ValueError("its name may not be a log's")
    return "/".join(parts)


def segment(name: str) -> str:
    """Quote a log's name for a URL; slashes in it stay."""
    return quote(name, safe="/")

"""Documents and tables that descriptors name: files below one folder, and what listed hosts serve. No database.

A submitter names them, so nothing else of this machine or its network is read for him: no link leads out of the
folder, no redirect to another host, and nobody keeps a reader waiting beyond its time.
"""

import os
import re
import stat
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from wsgi_app.config import Config
from wsgi_app.core.download import CannotRead, Hosts, download
from wsgi_app.core.excerpt import short

__all__ = ["MOST_BYTES", "CannotRead", "Sources", "check_uri"]

#: bytes of a document or table
MOST_BYTES = 1024 * 1024
#: seconds for one document, unless its reader has less
FETCH_SECONDS = 2.5
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Sources:
    """Reads what descriptors name, as the settings `descriptor_files` and `descriptor_hosts` allow."""

    def __init__(self, config: Config) -> None:
        self._folder = config.descriptors
        self._written = Path(os.path.normpath(config.descriptors.absolute()))
        self._hosts = Hosts(config.descriptor_hosts)

    def fetch(self, uri: str, *, seconds: float = FETCH_SECONDS) -> bytes:
        """Return the document at a URI: `file` (also without a scheme), `http` or `https`. Raises `CannotRead`."""
        parts = _parts(uri)
        if parts.scheme in ("http", "https"):
            return download(uri, self._hosts, most=MOST_BYTES, seconds=seconds)
        return self._file(unquote(parts.path))

    def table(self, path: str) -> bytes:
        """Return the file of a path, or of a `file:` URI. Raises `CannotRead`."""
        if path.startswith("file:"):
            parts = _parts(path)
            return self._file(unquote(parts.path))
        return self._file(path)

    def repository(self, uri: str) -> str:
        """Return what git may be told of a repository's URI: a URL of a listed host, or a directory below the folder.

        Raises `CannotRead`.
        """
        parts = _parts(uri)
        if parts.scheme in ("http", "https"):
            self._hosts.address(uri)
            return uri
        path = unquote(parts.path)
        try:
            return str(self._below(path, short(path)))
        except (OSError, UnicodeError):
            raise CannotRead(f"open {short(path)!r}: that is no file's name") from None

    def _below(self, path: str, name: str) -> Path:
        """Return where a path below the folder leads, links followed. Raises `CannotRead`."""
        if not path or _CONTROL.search(path):
            raise CannotRead(f"open {name!r}: that is no file's name")
        try:
            folder = self._folder.resolve()
            # ".." by the words alone: whether there are links outside is not for its writer to know
            plain = Path(os.path.normpath(folder / path))
            _require_below(plain, name, folder, self._written)
            # links in it are followed now; the last part cannot have become one since then
            found = plain.resolve()
        except RuntimeError:
            raise CannotRead(f"open {name}: too many levels of symbolic links") from None
        _require_below(found, name, folder)
        return found

    def _file(self, path: str) -> bytes:
        name = short(path)
        try:
            found = self._below(path, name)
            file = os.open(found, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        except (OSError, UnicodeError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise CannotRead(f"open {name}: {why[:1].lower()}{why[1:]}") from None
        if not stat.S_ISREG(os.fstat(file).st_mode):
            os.close(file)
            raise CannotRead(f"open {name}: that is no regular file")
        with os.fdopen(file, "rb") as opened:
            # nor has a folder on the way to it
            _require_below(Path(f"/proc/self/fd/{file}").readlink(), name, self._folder.resolve())
            body = opened.read(MOST_BYTES + 1)
        if len(body) > MOST_BYTES:
            raise CannotRead(f"{name} is larger than {MOST_BYTES} bytes")
        return body


def check_uri(uri: str) -> None:
    """Raise `CannotRead` when nothing at all is read by such a URI, with ConTest's words."""
    _parts(uri)


def _parts(uri: str) -> SplitResult:
    if _CONTROL.search(uri):
        raise CannotRead("a URI has no control characters")
    try:
        parts = urlsplit(uri)
    except ValueError as error:
        raise CannotRead(f"the URI {short(uri)} cannot be read: {error}") from None
    scheme = parts.scheme or "file"
    if scheme not in ("file", "http", "https"):
        raise CannotRead(f"unsupported scheme {short(scheme)}")
    if scheme == "file" and parts.netloc not in ("", "localhost"):
        raise CannotRead(
            f"invalid host in URI: '{short(parts.netloc)}'. "
            "Only 'localhost' or empty string are supported for scheme file"
        )
    return parts


def _require_below(found: Path, name: str, *folders: Path) -> None:
    if not any(map(found.is_relative_to, folders)):
        raise CannotRead(f"open {name}: that is not below the folder for such files")

"""Fetched tasks: an archive is downloaded, taken apart with care, and says what to run.

The archive comes from wherever a submitter pointed to, so nothing in it may reach outside its own directory. What it
may take of time and memory is for courier.py to bound, which calls this in a process of its own.
"""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
import time
import urllib.error
import urllib.request
import zlib
from http.client import HTTPException, HTTPMessage
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.parse import unquote, urldefrag, urlsplit

from wsgi_app.harnesses.mistrust import mistrust
from wsgi_app.harnesses.removal import remove

DOWNLOAD_LIMIT = 1024**3  #: bytes
UNPACKED_LIMIT = 4 * 1024**3  #: bytes
MEMBER_LIMIT = 200_000  #: files, links and directories
DEPTH_LIMIT = 100  #: directories in one another
TIME_LIMIT = 600.0  #: seconds for all attempts together: well below the watchdog of a task that just started
SOCKET_TIMEOUT = 60.0
ATTEMPTS = 5
BLOCK = 256 * 1024


class CannotFetch(Exception):
    """The task cannot be had, or is not one."""


def fetch(url: str, directory: Path, pause: float = 3.0) -> tuple[list[str], Path]:
    """Fetch and unpack the archive into `directory`; return what to run and where. Raises CannotFetch.

    A fragment in the URL names a directory inside the archive. `pause` is the first of the growing pauses, in seconds,
    between attempts.
    """
    try:
        address, fragment = urldefrag(url)
        scheme = urlsplit(address).scheme
    except ValueError as error:
        raise CannotFetch(f"{url}: {error}") from error
    if scheme not in ("http", "https", "file"):
        raise CannotFetch(f"{url}: only http, https and file URLs can be fetched")
    if scheme == "file" and not Path(urllib.request.url2pathname(urlsplit(address).path)).is_file():
        # a FIFO or a device would block, or never end
        raise CannotFetch(f"{url}: there is no such file")
    remove(directory)
    directory.mkdir(parents=True)
    archive = directory.with_name(directory.name + ".archive")
    try:
        _download_patiently(address, archive, pause)
        unpack(archive, directory)
    finally:
        archive.unlink(missing_ok=True)
    return entry_point(directory, unquote(fragment))


def _download_patiently(url: str, target: Path, pause: float) -> None:
    deadline = time.monotonic() + TIME_LIMIT
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _download(url, target, deadline)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code < 500 or attempt == ATTEMPTS:
                raise CannotFetch(f"{url}: {error.code} {error.reason}") from error
        except (OSError, ValueError, HTTPException) as error:
            if attempt == ATTEMPTS or url.startswith("file:"):
                raise CannotFetch(f"{url}: {mistrust(error) or error or type(error).__name__}") from error
        time.sleep(pause * 2 ** (attempt - 1))
    return None


def _download(url: str, target: Path, deadline: float) -> None:
    with _opener(url).open(url, timeout=SOCKET_TIMEOUT) as answer, target.open("wb") as file:
        expected = answer.headers.get("Content-Length")
        size = 0
        # read1: a server that drips is not waited for until a block is full
        while block := answer.read1(BLOCK):
            size += len(block)
            if size > DOWNLOAD_LIMIT:
                raise CannotFetch(f"{url}: larger than {DOWNLOAD_LIMIT} bytes")
            if time.monotonic() > deadline:
                raise CannotFetch(f"{url}: took longer than {TIME_LIMIT:.0f} s")
            file.write(block)
    if expected is not None and expected.isdigit() and int(expected) != size:
        raise OSError(f"cut off after {size} of {expected} bytes")


def _opener(url: str) -> urllib.request.OpenerDirector:
    """What may open the URL: a redirect never leads to a file, nor anywhere but to http and https."""
    opener = urllib.request.OpenerDirector()
    opener.addheaders = [("User-Agent", "tackroom-harness")]
    if url.startswith("file:"):
        opener.add_handler(urllib.request.FileHandler())
        return opener
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        _Redirects,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPErrorProcessor,
    ):
        opener.add_handler(handler())
    return opener


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Goes to http and https, on whatever host."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        """Return the next request."""
        if urlsplit(newurl).scheme not in ("http", "https"):
            raise urllib.error.HTTPError(newurl, code, "a redirect to what is neither http nor https", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Room:
    """What an archive may still take."""

    def __init__(self) -> None:
        self._bytes = UNPACKED_LIMIT
        self._names = MEMBER_LIMIT

    def take(self, size: int = 0) -> None:
        """Make room for one more file, link or directory. Raises CannotFetch."""
        if size < 0:
            raise CannotFetch("refused: a member has less than no content")
        self._bytes -= size
        self._names -= 1
        if self._bytes < 0 or self._names < 0:
            raise CannotFetch("the archive holds too much")


def unpack(archive: Path, directory: Path) -> None:
    """Unpack a tar archive (plain, gz, bz2 or xz) into an existing directory; raises CannotFetch.

    Refused as a whole: members and links that leave the directory, members below a link, devices, FIFOs.
    """
    room = _Room()
    try:
        with tarfile.open(archive, "r:*") as tar:
            for member in tar:
                room.take(member.size if member.isfile() else 0)
                _extract(tar, member, directory, room)
    except (tarfile.TarError, EOFError, LZMAError, zlib.error, ValueError, OSError) as error:
        raise CannotFetch(f"cannot unpack the archive: {error}") from error


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, directory: Path, room: _Room) -> None:
    target = _place(directory, member.name)
    if target == directory:
        return
    if member.isdir():
        _real_directory(directory, target, room)
        return
    _real_directory(directory, target.parent, room)
    if target.is_dir() and not target.is_symlink():
        raise CannotFetch(f"refused: {member.name!r} replaces a directory")
    target.unlink(missing_ok=True)
    if member.isfile():
        content = tar.extractfile(member)
        if content is None:
            raise CannotFetch(f"refused: {member.name!r} has no content")
        with content:
            _write(content, target, member.mode)
    elif member.issym():
        target.symlink_to(_safe_link(target.relative_to(directory), member))
    elif member.islnk():
        _hard_link(directory, target, member, room)
    else:
        raise CannotFetch(f"refused: {member.name!r} is a device or the like")


def _place(directory: Path, name: str) -> Path:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise CannotFetch(f"refused: {name!r} leaves the directory")
    if len(path.parts) > DEPTH_LIMIT:
        raise CannotFetch(f"refused: more than {DEPTH_LIMIT} directories in one another")
    return directory / path


def _real_directory(root: Path, target: Path, room: _Room) -> None:
    """Make `target` below `root`; no component of it may be a link."""
    path = root
    for part in target.relative_to(root).parts:
        path /= part
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            raise CannotFetch(f"refused: {str(path.relative_to(root))!r} is no directory")
        if not path.exists():
            room.take()
            path.mkdir()


def _write(content: IO[bytes], target: Path, mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(target, flags, (mode & 0o755) | 0o600), "wb") as file:
        shutil.copyfileobj(content, file, BLOCK)


def _safe_link(where: Path, member: tarfile.TarInfo) -> str:
    """Return a symbolic link's target if it stays inside.

    Going up is allowed only at its beginning: the link's own directory is known to be real, whereas `up/..` could pass
    through another link and mean something else than it says.
    """
    link = PurePosixPath(member.linkname)
    ups = 0
    while ups < len(link.parts) and link.parts[ups] == "..":
        ups += 1
    if link.is_absolute() or ".." in link.parts[ups:] or ups >= len(where.parts) or not member.linkname:
        raise CannotFetch(f"refused: the link {member.name!r} leaves the directory")
    return member.linkname


def _hard_link(directory: Path, target: Path, member: tarfile.TarInfo, room: _Room) -> None:
    source = _place(directory, member.linkname)
    _real_directory(directory, source.parent, room)
    if source == target or not _regular(source):
        raise CannotFetch(f"refused: {member.name!r} is a link to something that is no file of the archive")
    os.link(source, target, follow_symlinks=False)


def _regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def entry_point(directory: Path, fragment: str) -> tuple[list[str], Path]:
    """Find what to run: `runtest.sh`, else `make run`; an archive with one directory at its top is looked into."""
    tops = list(directory.iterdir())
    roots = [directory] + [top for top in tops if len(tops) == 1 and top.is_dir() and not top.is_symlink()]
    for root in roots:
        place = _place(root, fragment.strip("/"))
        script = place / "runtest.sh"
        if script.is_file():
            return script_argv(script), place
        if any((place / name).is_file() for name in ("Makefile", "makefile", "GNUmakefile")):
            return ["make", "run"], place
    raise CannotFetch(f"no runtest.sh and no Makefile in {fragment or 'the archive'}")


def script_argv(script: Path) -> list[str]:
    """How to run a script: by itself when it names its interpreter, else by /bin/sh."""
    with script.open("rb") as file:
        named = file.read(2) == b"#!"
    if not named:
        return ["/bin/sh", str(script)]
    script.chmod(script.stat().st_mode | 0o500)
    return [str(script)]

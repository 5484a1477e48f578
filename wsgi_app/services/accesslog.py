"""Follows the access log, httpd's or the web's own, through rotations and restarts, and counts what it tells.

A file is known by its first line, which has the id of a request in it: whatever it is called by now. A file that was
put aside is read on, since a request that was running then is written to it when it ends.
"""

import hashlib
import re
import time
from pathlib import Path
from typing import BinaryIO

from attrs import define

from wsgi_app.core.traffic import Call, Traffic
from wsgi_app.errors import Unavailable
from wsgi_app.services.routes import Routes, method

NAME = "access.log"
#: what a compressed file is called: its lines were read before
_COMPRESSED = {".gz", ".xz", ".zst", ".bz2", ".lz4"}
#: bytes that are read at a time, and in one round
_BLOCK = 1 << 20
_ROUND = 64 << 20
#: seconds for which a file that was put aside is kept open though it does not grow: longer than any call takes
_PATIENCE = 900.0

_TEXT = rb'"((?:[^"\\]|\\.)*)"'
_LINE = re.compile(
    rb"^\S+ id=\S+ client=\S+ (\S+) ([0-9]{3}) by=\S+ recipe=\S+ range="
    + _TEXT
    + rb" in=(\S+) out=\S+ us=([0-9]+) \S+ "
    rb"" + _TEXT + rb"$",
    re.MULTILINE,
)
_ESCAPED = re.compile(rb"\\(?:x([0-9a-f]{2})|(.))")


@define
class _Open:
    """A file that is being read."""

    file: BinaryIO
    first: str
    grown: float


class AccessLog:
    """The access log in the directory `run`; what it tells is counted into a file there."""

    def __init__(self, run: Path, store: Path, routes: Routes) -> None:
        self._run = run
        self._store = store
        self._routes = routes
        found = Traffic.load(store)
        #: at the first start ever, what was put aside before is not ours to count
        self._since = store.stat().st_mtime if found is not None else time.time()
        self._traffic = found or Traffic()
        self._open: dict[tuple[int, int], _Open] = {}

    def follow(self) -> None:
        """Count the lines that are new. Raises `Unavailable` when the files cannot be read or written now."""
        try:
            self._look()
            changed = sum([self._read(one) for one in self._open.values()])
            if changed:
                self._traffic.store(self._store)
            self._let_go()
        except OSError as error:
            raise Unavailable(f"the access log cannot be counted: {error.filename}: {error.strerror}") from error

    def close(self) -> None:
        """Close all files."""
        for one in self._open.values():
            one.file.close()
        self._open.clear()

    def _look(self) -> None:
        """Open the files that are new."""
        there = [path for path in self._run.glob(NAME + "*") if path.suffix not in _COMPRESSED]
        for path in there:
            try:
                status = path.stat()
                if status.st_size and (status.st_dev, status.st_ino) not in self._open:
                    self._begin(path, path.open("rb"))
            except FileNotFoundError:
                # put aside under another name meanwhile: found there in the next round
                continue

    def _begin(self, path: Path, file: BinaryIO) -> None:
        """Go on with a file where it was left, or begin with it."""
        line = file.readline(_BLOCK)
        if not line.endswith(b"\n"):
            file.close()
            return
        first = hashlib.sha256(line).hexdigest()[:32]
        status = path.stat()
        if first not in self._traffic.read:
            old = path.name != NAME and status.st_mtime < self._since
            self._traffic.read[first] = status.st_size if old else 0
        file.seek(self._traffic.read[first])
        self._open[status.st_dev, status.st_ino] = _Open(file, first, time.monotonic())

    def _read(self, one: _Open) -> bool:
        """Count what a file has more; return whether there was any."""
        begun = at = self._traffic.read[one.first]
        while at - begun < _ROUND:
            one.file.seek(at)
            block = one.file.read(_BLOCK)
            whole = block.rfind(b"\n") + 1
            if not whole:
                break
            self._count(block[:whole])
            at += whole
        if at == begun:
            return False
        self._traffic.read[one.first] = at
        one.grown = time.monotonic()
        return True

    def _count(self, lines: bytes) -> None:
        traffic = self._traffic
        for verb, status, _, length, microseconds, escaped in _LINE.findall(lines):
            route = self._routes.of(_ESCAPED.sub(_unescape, escaped).decode("utf-8", "replace"))
            traffic.add(Call(method(verb.decode()), route, f"{status[:1].decode()}xx"), int(microseconds) / 1e6)
            if verb == b"PUT" and status.startswith(b"2") and route.endswith("logs/{name}"):
                traffic.puts += 1
                traffic.bytes += int(length) if length.isdigit() else 0

    def _let_go(self) -> None:
        """Close what was put aside long ago, and forget what is gone."""
        try:
            status = (self._run / NAME).stat()
            present = (status.st_dev, status.st_ino)
        except FileNotFoundError:
            present = None
        for key, one in list(self._open.items()):
            if key != present and time.monotonic() - one.grown > _PATIENCE:
                one.file.close()
                del self._open[key]


def _unescape(found: "re.Match[bytes]") -> bytes:
    byte, sign = found.groups()
    return bytes([int(byte, 16)]) if byte else {b"n": b"\n", b"t": b"\t"}.get(sign, sign)

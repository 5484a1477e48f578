"""Logs on their way to the controller, in ranges.

A growing log is a local file that is only ever appended to; what the controller has of it is a prefix, so after a
restart its size there says where to go on (protocols/harness-beaker.md, item 19: bytes of a torn range may be there
already; they are the same bytes).
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple, TextIO

from wsgi_app.harnesses.address import segment
from wsgi_app.harnesses.local.controller import Controller, Refused
from wsgi_app.harnesses.local.progress import Progress
from wsgi_app.harnesses.plain import plain

RANGE = 1024 * 1024  #: bytes in one PUT; the protocol's limit is 10 MiB
SHOWN_FROM = 4 * 1024 * 1024  #: uploads larger than this get a progress line


class GrowingLog:
    """A log of a task that is uploaded while it grows; `path` is its URL path, `file` the local copy."""

    def __init__(self, controller: Controller, path: str, file: Path, show: TextIO | None = None) -> None:
        self.path = path
        self.refusal = ""  #: why the controller takes no more of it
        self._controller = controller
        self._file = file
        self._show = show
        self._sent = 0

    def open(self) -> None:
        """Ask the controller how much it has; raises Refused."""
        self._file.touch(mode=0o600)
        self._sent = self._controller.size(self.path)
        if self._file.stat().st_size < self._sent:
            # The local end was lost in a power cut: what is appended now belongs behind what the controller has.
            os.truncate(self._file, self._sent)

    def push(self, between: Callable[[], None] | None = None) -> None:
        """Upload what is there and was not sent yet, calling `between` after each range; raises Refused."""
        size = self._file.stat().st_size
        if self.refusal or size <= self._sent:
            return
        progress = None
        if self._show is not None and size - self._sent > SHOWN_FROM:
            progress = Progress(self._file.name, size, self._show)
            progress.update(self._sent)
        with self._file.open("rb") as file:
            file.seek(self._sent)
            while self._sent < size:
                part = file.read(min(RANGE, size - self._sent))
                self._put(part)
                if progress is not None:
                    progress.update(self._sent)
                if between is not None:
                    between()
        if progress is not None:
            progress.close()

    def _put(self, part: bytes) -> None:
        last = self._sent + len(part) - 1
        try:
            self._controller.put(self.path, part, f"bytes {self._sent}-{last}/*")
        except Refused as refusal:
            self.refusal = str(refusal)  # later ranges would only leave a hole
            raise
        self._sent = last + 1


class TaskLog:
    """The harness's own words about a task, kept in a file that is uploaded like any log."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def write(self, words: str) -> None:
        """Append one line with the time (UTC) in front."""
        with self._file.open("a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {plain(words)}\n")


class TaskLogs:
    """What a task always has: its output and our words about it; `home` is where they are, `url` the task's path."""

    def __init__(self, controller: Controller, url: str, home: Path, show: TextIO | None = None) -> None:
        self.output = home / "taskout.log"
        self.words = TaskLog(home / "harness.log")
        self._logs = [
            GrowingLog(controller, log_path(url, name), home / name, show) for name in ("taskout.log", "harness.log")
        ]
        self._opened = False

    def open(self, refused: Callable[[str, Refused], None]) -> None:
        """Ask the controller how much it has, unless that is known; `refused` hears what will be missing."""
        if self._opened:
            return
        self._opened = True
        for log in self._logs:
            try:
                log.open()
            except Refused as refusal:
                log.refusal = str(refusal)
                refused(log.path, refusal)

    def push(self, refused: Callable[[str, Refused], None], between: Callable[[], None] | None = None) -> None:
        """Upload what is there and was not sent yet; see `GrowingLog.push`."""
        for log in self._logs:
            try:
                log.push(between)
            except Refused as refusal:
                refused(log.path, refusal)


class NotALog(Exception):
    """The file cannot be uploaded."""


class Uploaded(NamedTuple):
    """A log that went up whole."""

    size: int
    sha256: str


def upload_file(
    controller: Controller, path: str, file: Path, show: TextIO | None, between: Callable[[], None]
) -> Uploaded:
    """Upload a whole file as the log at `path`; raises Refused, NotALog.

    One that the controller has already, and takes no more of since it is what we declared, counts as uploaded.
    """
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        raise NotALog(f"{file}: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as stream:
        about = os.fstat(descriptor)
        total = about.st_size
        if not stat.S_ISREG(about.st_mode):
            raise NotALog(f"{file}: not a regular file")
        progress = Progress(file.name, total, show) if show is not None and total > SHOWN_FROM else None
        try:
            return _send(controller, path, stream, total, progress, between)
        except Refused as refusal:
            if refusal.status == 409:
                there = Uploaded(total, _digest(stream, total, between))
                if _has(controller, path, there):
                    return there
            raise


def _send(
    controller: Controller,
    path: str,
    stream: BinaryIO,
    total: int,
    progress: Progress | None,
    between: Callable[[], None],
) -> Uploaded:
    # A PUT without a range replaces the log; with ranges, the end of a longer one of that name would stay.
    whole = total == 0 or controller.size(path) > total
    digest = hashlib.sha256()
    sent = 0
    while sent < total or whole:
        part = stream.read(min(RANGE, total - sent))
        if not part and total:
            raise NotALog("the file became shorter while it was uploaded")
        controller.put(path, part, "" if whole else f"bytes {sent}-{sent + len(part) - 1}/{total}")
        whole = False
        digest.update(part)
        sent += len(part)
        if progress is not None:
            progress.update(sent)
        between()
    if progress is not None:
        progress.close()
    return Uploaded(total, digest.hexdigest())


def _digest(stream: BinaryIO, size: int, between: Callable[[], None]) -> str:
    """The SHA-256 of the first `size` bytes."""
    digest = hashlib.sha256()
    stream.seek(0)
    while size > 0 and (part := stream.read(min(RANGE, size))):
        digest.update(part)
        size -= len(part)
        between()
    return digest.hexdigest()


def _has(controller: Controller, path: str, there: Uploaded) -> bool:
    """True when the controller has found the log to be just that: a harness before us had declared it."""
    try:
        known = controller.declare(path, *there)
    except Refused:
        return False
    return known.get("state") != "damaged" and (known.get("size"), known.get("sha256")) == there


def log_path(owner: str, name: str) -> str:
    """The URL path of log `name` of the task or result at `owner`."""
    return f"{owner}/logs/{segment(name)}"

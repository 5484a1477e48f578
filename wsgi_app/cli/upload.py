"""An upload that gets there: in ranges, each tried again until it is taken, resumed where the last one was cut off, and
not done before the server has read the log from its disk and found the digest that was declared.
"""

import hashlib
import select
import time
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Any

import click
from attrs import frozen

from wsgi_app.cli.bar import Bar, human
from wsgi_app.cli.client import Refused, Unreachable
from wsgi_app.cli.patience import Patience
from wsgi_app.cli.remotelog import RemoteLog

#: bytes of one PUT
RANGE = 1024 * 1024
#: how long input that comes slowly is gathered before it is sent
GATHER_SECONDS = 1.0
#: pauses between two questions whether the log is verified
FIRST_LOOK = 0.1
LONGEST_LOOK = 1.0
#: how long a digest that was found before our upload may still be shown
STALE_SECONDS = 10.0


class _Closed(Exception):
    """The log takes no more: it is sealed, or what it belongs to has finished."""


@frozen
class Content:
    """What a log is to be."""

    size: int
    sha256: str

    def declaration(self) -> dict[str, Any]:
        """The JSON value that declares it."""
        return {"size": self.size, "sha256": self.sha256}

    def verified(self, log: dict[str, Any] | None) -> bool:
        """Whether that is what the server has found, for good."""
        return log is not None and log["state"] == "finished" and log["sha256"] == self.sha256


class Upload:
    """Brings one log to the server; `key` is a key of its recipe, `give_up_after` in seconds."""

    def __init__(self, log: RemoteLog, give_up_after: float, bar: Bar) -> None:
        self._log = log
        self._bar = bar
        self._give_up_after = give_up_after
        self._patience = Patience(give_up_after, bar.say)

    def file(self, path: Path, content: Content) -> dict[str, Any]:
        """Bring a file and return the log as the server knows it, verified.

        Goes on behind what is there; when that turns out to be something else, starts again, once. Raises `Refused`,
        `Unreachable`, `ClickException`.
        """
        found = self._attempt(path, content, resume=True)
        if found is None:
            # it may be the file that has changed
            found = self._attempt(path, content_of(path, self._bar), resume=False)
        if found is None:
            raise click.ClickException(
                f"{self._log.name} differs from {path} after two uploads: either changes while it is uploaded; "
                "upload it again when nothing writes it any more"
            )
        return found

    def stream(self, source: FileIO) -> dict[str, Any]:
        """Bring what comes, as it comes; declare it at its end, and return the log as the server knows it, verified.

        Raises as `file` does.
        """
        digest, place = hashlib.sha256(), 0
        try:
            for block in _gathered(source):
                digest.update(block)
                self._put(block, f"bytes {place}-{place + len(block) - 1}/*" if place else None)
                place += len(block)
                self._bar.update(place)
            if place == 0:
                self._put(b"", None)
        except _Closed as closed:
            raise self._finished(closed) from None
        content = Content(place, digest.hexdigest())
        before = self._declare(content)
        found = before if content.verified(before) else self._wait(content, before["sha256"])
        if found is None:
            raise click.ClickException(
                f"{self._log.name} is not what was read from standard input: something else writes it"
            )
        return found

    def _attempt(self, path: Path, content: Content, *, resume: bool) -> dict[str, Any] | None:
        """Declare, send what is missing, and return the verified log, or None when it is something else."""
        before = self._declare(content)
        if content.verified(before):
            return before
        there = self._size() if resume else 0
        if there > content.size:
            there = 0
        try:
            self._send(path, there, content.size)
        except _Closed as closed:
            known = self._known()
            if known is None or known["sha256"] != content.sha256:
                raise self._finished(closed) from None
            # an answer was lost: it had all bytes, and was sealed
        return self._wait(content, before["sha256"])

    def _send(self, path: Path, place: int, size: int) -> None:
        self._bar.update(place)
        if size == 0:
            self._put(b"", None)
        with path.open("rb") as source:
            source.seek(place)
            while place < size:
                block = source.read(min(RANGE, size - place))
                if not block:
                    # it has become shorter: what is there will not match
                    return
                # the first range goes as a whole log: whatever was there before is gone
                self._put(block, f"bytes {place}-{place + len(block) - 1}/{size}" if place else None)
                place += len(block)
                self._bar.update(place)

    def _put(self, block: bytes, span: str | None) -> None:
        """PUT one range, or without one a whole log, until it is taken. Raises `_Closed`, `Refused`, `Unreachable`."""
        headers = {"Content-Type": "application/octet-stream", **({} if span is None else {"Content-Range": span})}
        while True:
            try:
                self._log.client.call("PUT", self._log.url, body=block, headers=headers, key=self._log.key)
            except (Unreachable, Refused) as trouble:
                if isinstance(trouble, Refused) and trouble.status == 409:
                    raise _Closed(str(trouble)) from None
                self._patience.bear(trouble)
            else:
                self._patience.rest()
                return

    def _declare(self, content: Content) -> dict[str, Any]:
        """Say what the log is to be, and return what is known of it."""
        while True:
            try:
                found: dict[str, Any] = self._log.client.ask(
                    "POST", self._log.url, value=content.declaration(), key=self._log.key
                )
            except (Unreachable, Refused) as trouble:
                if isinstance(trouble, Refused) and trouble.status == 409:
                    raise self._finished(trouble) from None
                self._patience.bear(trouble)
            else:
                self._patience.rest()
                return found

    def _size(self) -> int:
        while True:
            try:
                return self._log.size_or_none() or 0
            except (Unreachable, Refused) as trouble:
                self._patience.bear(trouble)

    def _known(self) -> dict[str, Any] | None:
        while True:
            try:
                found = self._log.known()
            except (Unreachable, Refused) as trouble:
                self._patience.bear(trouble)
            else:
                self._patience.rest()
                return found

    def _wait(self, content: Content, before: str | None) -> dict[str, Any] | None:
        """Return the log once the server has verified it, None when it has found something else.

        `before` is a digest that was found before this upload: it may be shown until the log has been read again.
        """
        began, pause = time.monotonic(), FIRST_LOOK
        while True:
            log = self._known()
            if content.verified(log):
                return log
            waited = time.monotonic() - began
            if log is not None and log["state"] == "damaged":
                raise click.ClickException(
                    f"{self._log.name} is damaged: what it belongs to finished before all of it was there"
                )
            found = None if log is None else log["sha256"]
            # ours, and not finished yet: it is being sealed
            if found not in (None, content.sha256) and (found != before or waited > STALE_SECONDS):
                return None
            if waited > self._give_up_after:
                raise click.ClickException(
                    f"{self._log.name} is there, but was not verified within {self._give_up_after:.0f} s: "
                    "run 'tackroom doctor' on the server, and the same command again"
                )
            self._bar.say(f"{human(content.size)} sent, the server verifies")
            time.sleep(pause)
            pause = min(LONGEST_LOOK, 1.5 * pause)

    def _finished(self, closed: Exception) -> click.ClickException:
        return click.ClickException(
            f"{self._log.name} takes no more: it is complete already, or what it belongs to has finished ({closed})"
        )


def content_of(path: Path, bar: Bar) -> Content:
    """Read a file once for its size and SHA-256."""
    digest, size = hashlib.sha256(), 0
    bar.say("reading")
    with path.open("rb") as source:
        while block := source.read(RANGE):
            digest.update(block)
            size += len(block)
    return Content(size, digest.hexdigest())


def _gathered(source: FileIO) -> Iterator[bytes]:
    """Yield what comes, in ranges; what comes slowly at least every second, so that a log can be followed.

    Unbuffered: nothing waits in a buffer while select says that nothing is there.
    """
    parts: list[bytes] = []
    length, until = 0, 0.0
    while True:
        left = until - time.monotonic() if parts else None
        ready = select.select([source], [], [], None if left is None else max(0.0, left))[0]
        part = source.read(RANGE - length) if ready else None
        if part:
            if not parts:
                until = time.monotonic() + GATHER_SECONDS
            parts.append(part)
            length += len(part)
        if parts and (not part or length == RANGE):
            yield b"".join(parts)
            parts, length = [], 0
        if part == b"":
            return

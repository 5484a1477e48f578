"""Files to and from a worker, block by block: it calls, and waits for each answer. It is not trusted to keep to limits.

No call is ever answered by an error: a stock worker hands that on as the command's end, cannot (its own error about the
error), and so never ends the command. What goes wrong here is kept, and the command killed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from twisted.spread import pb

from wsgi_app.harnesses.buildbot.transport import TooLarge

BLOCK = 65536  #: bytes: what a message may hold is ten times that


class End(pb.Referenceable):  # type: ignore[misc]
    """Our end of a file's way."""

    def __init__(self) -> None:
        self.closed = False  #: the worker is done with it
        self.trouble: Exception | None = None  #: why it went wrong here
        self._stop: Callable[[], object] | None = None

    def stop_by(self, stop: Callable[[], object]) -> None:
        """How to end it when something goes wrong; called at once when it has already."""
        self._stop = stop
        if self.trouble is not None:
            stop()

    def fail(self, error: Exception) -> None:
        """Something went wrong: the first counts."""
        if self.trouble is None:
            self.trouble = error
            if self._stop is not None:
                self._stop()

    def remote_close(self, *_: object) -> None:
        """The worker is done with it."""
        self.closed = True


class Writer(End):
    """Takes what a worker reads out of a file."""

    def __init__(self, target: BinaryIO, limit: int) -> None:
        super().__init__()
        self._target = target
        self._limit = limit
        self.size = 0

    def remote_write(self, data: object = None, *_: object) -> None:
        """Take a block, unless it is none, too much, or cannot be kept."""
        if self.trouble is None and not self.closed:
            try:
                self._keep(data)
            except Exception as error:  # noqa: BLE001 (told to who asked for the file)
                self.fail(error)

    def _keep(self, data: object) -> None:
        if not isinstance(data, bytes):
            raise TypeError("a block of a file that is not bytes")
        if self.size + len(data) > self._limit:
            raise TooLarge(f"larger than {self._limit} bytes")
        self._target.write(data)
        self.size += len(data)

    def remote_utime(self, *_: object) -> None:
        """When it was changed is of no interest."""

    def remote_unpack(self, *_: object) -> None:
        """Archives made by a worker are not unpacked here."""
        self.fail(TypeError("an archive where a file was asked for"))


class Reader(End):
    """Gives what a worker writes into a file."""

    def __init__(self, source: BinaryIO) -> None:
        super().__init__()
        self._source = source
        self.whole = False  #: its end has been read

    def remote_read(self, length: object = None, *_: object) -> bytes:
        """Give a block; b"" is the end."""
        if self.closed or self.trouble is not None:
            return b""
        try:
            if not isinstance(length, int) or length < 1:
                raise TypeError("a block of a file without a length")
            data = self._source.read(min(length, BLOCK))
        except Exception as error:  # noqa: BLE001 (told to who sends the file)
            self.fail(error)
            return b""
        self.whole = not data
        return data

"""Files of a worker that become logs of its task: laid ready there, checked, and copied here byte by byte."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from wsgi_app.harnesses.buildbot.errands import Errands
from wsgi_app.harnesses.buildbot.reports import Brought
from wsgi_app.harnesses.buildbot.transport import SIDE, TooLarge, WorkerError
from wsgi_app.harnesses.plain import plain

LAID = 50  #: files that are laid ready by one command


class Copies:
    """Makes copies in `home`; `limit`: bytes of all that are there at a time."""

    def __init__(self, errands: Errands, home: Path, limit: int) -> None:
        self._errands = errands
        self._home = home
        self._limit = limit
        self._made = 0

    async def bring(self, name: str, files: Sequence[tuple[str, str]]) -> AsyncIterator[Brought]:
        """Copy files, given as (name of the log, file), one by one; what is removed meanwhile makes room.

        `name` is part of those that are laid ready. Raises WorkerError, Lost.
        """
        room = self._limit
        for first in range(0, len(files), LAID):
            part = files[first : first + LAID]
            said = await self._errands.run("side/lay.sh", name, *[_octal(file) for _, file in part])
            lines = (said or "").splitlines()
            for number, (log, file) in enumerate(part):
                line = plain(lines[number]) if number < len(lines) else "it cannot be read"
                brought = await self._copy(log, file, f"side/{name}.{number}", line, room)
                size = brought.file.stat().st_size if brought.file else 0
                yield brought
                if brought.file is not None and brought.file.exists():
                    room -= size
            await self._errands.run("-c", f"rm -f side/{name}.*")

    async def _copy(self, log: str, file: str, source: str, line: str, room: int) -> Brought:
        if line != "ok":
            return Brought(log, None, plain(f"{file}: {line}"))
        self._made += 1
        target = self._home / str(self._made)
        try:
            self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
            with target.open("wb") as stream:
                await self._errands.worker.upload(SIDE, source, self._errands.directory, stream, room)
        except TooLarge:
            target.unlink(missing_ok=True)
            return Brought(log, None, plain(f"{file}: over {room} bytes"))
        except (WorkerError, OSError) as error:
            target.unlink(missing_ok=True)
            return Brought(log, None, plain(f"{file}: {error}"))
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        return Brought(log, target)


def _octal(file: str) -> str:
    """A file name as ASCII, for `printf %b`: names need not be text, but arguments on the wire are."""
    raw = os.fsencode(file)
    return "".join(
        chr(byte) if (chr(byte).isalnum() and byte < 128) or byte in b"/._-" else f"\\0{byte:03o}" for byte in raw
    )

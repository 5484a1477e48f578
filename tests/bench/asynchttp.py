"""A kept HTTP connection for asyncio that costs the machine little: a thousand of them are to be in one process."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping

from attrs import define, field


class Refused(Exception):
    """A call was answered with no success, or not at all; it is in the tally."""


@define
class Tally:
    """How long calls took, by kind, in milliseconds, and what went wrong."""

    took: dict[str, list[float]] = field(factory=lambda: defaultdict(list))
    errors: list[str] = field(factory=list)
    #: bytes of logs that were taken, and events that streams have brought
    written: int = 0
    events: int = 0


@define
class Wire:
    """One caller; its connection is opened when it is needed, also when the server has closed it meanwhile."""

    port: int
    tally: Tally
    authorization: str
    _reader: asyncio.StreamReader | None = None
    _writer: asyncio.StreamWriter | None = None

    async def call(
        self, kind: str, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> bytes:
        """Make a call; note what it took, and an answer that is no success. Raises `Refused`."""
        began = time.perf_counter()
        request = self._request(method, path, body, headers or {})
        kept = self._writer is not None and self._reader is not None and not self._reader.at_eof()
        try:
            status, answer = await self._exchange(request)
        except (ConnectionError, asyncio.IncompleteReadError):
            await self.close()
            if not kept:
                self.tally.errors.append(f"{kind}: no answer")
                raise Refused from None
            # closed while it was idle, as any kept connection may be
            status, answer = await self._exchange(request)
        self.tally.took[kind].append((time.perf_counter() - began) * 1000)
        if not 200 <= status < 300:
            self.tally.errors.append(f"{kind}: {status} {answer[:200]!r}")
            raise Refused
        return answer

    async def stream(self, path: str) -> AsyncIterator[bytes]:
        """Yield the lines of an event stream as they come."""
        reader, writer = await self._open()
        writer.write(self._request("GET", path, b"", {"Accept": "text/event-stream"}))
        while line := await reader.readline():
            yield line
        self.tally.errors.append("stream: ended")
        await self.close()

    async def close(self) -> None:
        """Hang up."""
        if self._writer is not None:
            self._writer.close()
            self._reader = self._writer = None

    def _request(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", "Host: bench", f"Authorization: {self.authorization}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if method != "GET":
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode() + body

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is None or self._writer is None or self._reader.at_eof():
            await self.close()
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self._reader, self._writer

    async def _exchange(self, request: bytes) -> tuple[int, bytes]:
        reader, writer = await self._open()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        fields = dict(line.split(b": ", 1) for line in lines[1:] if line)
        if fields.get(b"transfer-encoding") == b"chunked":
            body = await _chunked(reader)
        else:
            body = await reader.readexactly(int(fields.get(b"content-length", b"0")))
        if fields.get(b"connection") == b"close":
            await self.close()
        return int(lines[0].split()[1]), body


async def _chunked(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return body

"""TLS before a server that speaks plain HTTP: a relay with a certificate, which may be changed meanwhile."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from certificates import Issued


class TlsFront:
    """Listens on a free port of 127.0.0.1 and hands what comes by TLS on to another port."""

    def __init__(self, behind: int, shown: Issued) -> None:
        self._behind = behind
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.show(shown)
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,))
        self._thread.start()
        started.wait(10)

    @property
    def url(self) -> str:
        """Where it is, by the name that certificates of tests have."""
        return f"https://localhost:{self.port}/"

    def show(self, issued: Issued) -> None:
        """Show this certificate from the next connection on."""
        self._context.load_cert_chain(issued.certificate, issued.key)

    def close(self) -> None:
        """End it, with all its connections."""
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(10)
        assert not self._thread.is_alive()

    def _run(self, started: threading.Event) -> None:
        self._loop.run_until_complete(self._serve(started))
        self._loop.close()

    async def _serve(self, started: threading.Event) -> None:
        self._ended = asyncio.Event()
        server = await asyncio.start_server(self._relay, "127.0.0.1", 0, ssl=self._context)
        self.port: int = server.sockets[0].getsockname()[1]
        started.set()
        await self._ended.wait()
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._behind)
        try:
            await asyncio.gather(_pump(reader, inner_writer), _pump(inner_reader, writer))
        finally:
            for one in (inner_writer, writer):
                one.close()


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    target.close()


@contextmanager
def tls_front(behind: int, shown: Issued) -> Iterator[TlsFront]:
    """TLS before a port."""
    front = TlsFront(behind, shown)
    try:
        yield front
    finally:
        front.close()

"""Where readers come in: how connections are taken, who they are from, what they are told first, and for how long."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
from wsgi_app.errors import TackroomError
from wsgi_app.protocols.lava.events import KINDS, Messages
from wsgi_app.services import handover, httpd
from wsgi_app.services.publisher.feed import Pump
from wsgi_app.services.publisher.identity import Credentials, Identities, Refused
from wsgi_app.services.publisher.readers import Audience, Reader, Readers
from wsgi_app.services.publisher.replay import Gone, Replay
from wsgi_app.services.publisher.websocket import GOING_AWAY, TRY_LATER, Asked, Hooks, Socket

#: connections that wait to be taken
_BACKLOG = 4096
#: seconds until connections are accepted again, after one could not be
PAUSE_SECONDS = 0.5

_log = logging.getLogger(__name__)


class House:
    """All connections; made in the loop."""

    def __init__(self, gateway: Gateway, config: Config) -> None:
        messages = Messages(gateway, config)
        self._config = config
        self._identities = Identities(gateway)
        self.readers = Readers()
        self.pump = Pump(gateway, messages, self.readers)
        self._replay = Replay(gateway, messages, self.readers)
        self._hooks = Hooks(self._full, self._welcome, self._opened, self.readers.remove)
        self._loop = asyncio.get_running_loop()
        self._ways: list[socket.socket] = []
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[object]] = set()

    async def open(self) -> None:
        """Take connections: httpd's, or those that gunicorn hands over. Raises OSError."""
        if self._config.front == "apache":
            path = httpd.publisher_socket(self._config)
            self._server = await self._loop.create_unix_server(
                lambda: Socket(self._hooks, trusted=True), path, backlog=_BACKLOG
            )
            return
        way = handover.listening(self._config.run)
        self._ways.append(way)
        self._loop.add_reader(way, self._accept, way)

    async def close(self, seconds: float) -> None:
        """Take no more, and let all go; who has not hung up after so many seconds is cut off."""
        if self._server is not None:
            self._server.close()
        for way in self._ways:
            self._loop.remove_reader(way)
            way.close()
        for reader in self.readers:
            reader.socket.end(GOING_AWAY, "it ends, or starts anew: come again")
        end = self._loop.time() + seconds
        while len(self.readers) and self._loop.time() < end:
            await asyncio.sleep(0.02)
        for reader in self.readers:
            reader.socket.abort()

    async def look_at_rights(self) -> None:
        """Let go who may not read any more, and let the others see what they may see now."""
        found = await asyncio.to_thread(self._identities.views, self.readers.credentials())
        for reader in self.readers:
            now = found.get(reader.credentials)
            if isinstance(now, Refused):
                self.readers.leave(reader)
                reader.socket.refuse(str(now))
            elif now is not None:
                self.readers.see(reader, now)

    def _full(self) -> str | None:
        most = self._config.max_readers
        return f"there are {most} readers already: try again" if len(self.readers) >= most else None

    def _welcome(self, origin: str) -> bool:
        return origin.rstrip("/").lower() in {known.rstrip("/").lower() for known in self._config.websocket_origins}

    def _opened(self, connection: Socket, asked: Asked) -> None:
        reader = Reader(connection, _credentials(asked.headers))
        self.readers.add(reader)
        reader.task = asyncio.create_task(self._begin(reader, urlsplit(asked.target).query))

    async def _begin(self, reader: Reader, query: str) -> None:
        """Find out who it is, tell it what there is, and let it hear what follows."""
        try:
            wanted = parse_qs(query, keep_blank_values=True, max_num_fields=20)
            topics = frozenset(word for value in wanted.get("topics", ()) for word in value.split(",") if word)
            view = await asyncio.to_thread(self._identities.view, reader.credentials)
            if not topics <= set(KINDS):
                raise Refused(f"topics are {', '.join(KINDS)}")
            reader.audience = Audience(view, topics)
            await self.pump.start()
            await self._replay.begin(reader, wanted.get("since", [None])[-1])
        except (Refused, ValueError) as refused:
            reader.socket.refuse(str(refused))
        except Gone:
            pass
        except TackroomError as error:
            _log.warning("a reader was sent away: %s", error.message)
            reader.socket.end(TRY_LATER, "the database cannot be read now")
        except Exception:  # noqa: BLE001 - a mistake of ours ends one reader, and is told
            _log.exception("a reader was sent away")
            reader.socket.end(TRY_LATER, "something went wrong here")
        finally:
            reader.task = None

    def _accept(self, listening: socket.socket) -> None:
        try:
            way, _address = listening.accept()
        except OSError as error:
            if not isinstance(error, BlockingIOError | InterruptedError):
                _log.warning("no connection can be accepted: %s", error.strerror)
                # there is no descriptor left, say: it would be asked for again and again, and nothing else be done
                self._loop.remove_reader(listening)
                self._loop.call_later(PAUSE_SECONDS, self._resume, listening)
            return
        self._loop.add_reader(way, self._take, way)

    def _resume(self, listening: socket.socket) -> None:
        if listening.fileno() >= 0:
            self._loop.add_reader(listening, self._accept, listening)

    def _take(self, way: socket.socket) -> None:
        self._loop.remove_reader(way)
        handed = None
        with way, contextlib.suppress(OSError):
            handed = handover.take(way)
        if handed is not None:
            task: asyncio.Task[object] = self._loop.create_task(self._connect(handed))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _connect(self, handed: handover.Handed) -> None:
        connection = Socket(self._hooks, trusted=False)
        with contextlib.suppress(OSError):
            await self._loop.connect_accepted_socket(lambda: connection, handed.connection)
            connection.data_received(handed.data)


def _credentials(headers: Mapping[str, str]) -> Credentials:
    return Credentials(headers.get("authorization", ""), headers.get("lava-host", ""), headers.get("lava-token", ""))

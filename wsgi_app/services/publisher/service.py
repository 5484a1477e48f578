"""The publisher's process: readers' connections in one loop, and beside it what else is sent to whoever wants to know.

One process at a time does this for a data directory: a second one waits until the first has ended.
"""

import asyncio
import fcntl
import logging
import signal
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Protocol

from attrs import define

from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
from wsgi_app.core.heartbeat import PUBLISHER, Heartbeat
from wsgi_app.errors import TackroomError, Unavailable
from wsgi_app.services.publisher.courier import Courier
from wsgi_app.services.publisher.decisions import Decisions
from wsgi_app.services.publisher.house import House
from wsgi_app.services.sdnotify import Notices

#: seconds between two signs of life, and two looks whether readers are still there
BEAT_SECONDS = 1.0
#: rounds between two looks whether readers may still see what they see
RIGHTS_ROUNDS = 5
#: seconds that readers get to take our last words, and then the duties to end
LAST_SECONDS = 1.5
DUTY_SECONDS = 1.0
#: seconds until a duty that failed is begun anew
AGAIN_SECONDS = 2.0
_LOCK_SECONDS = 0.2
_THREADS = 4

_log = logging.getLogger(__name__)


class Duty(Protocol):
    """Something that is done all the time, in a thread of its own."""

    name: str

    def run(self, stop: threading.Event) -> None:
        """Do it until `stop` is set."""

    def said(self) -> dict[str, object]:
        """Return how it is, for the sign of life."""


def duties(gateway: Gateway, config: Config) -> list[Duty]:
    """Return what is done beside the WebSocket."""
    found: list[Duty] = [Decisions(gateway, config), Courier(gateway, config)]
    if config.zmq_listen:
        found.append(_zmq(gateway, config))
    return found


def _zmq(gateway: Gateway, config: Config) -> Duty:
    # an extra: nobody else needs it
    try:
        from wsgi_app.services.publisher.zmqout import ZmqOut
    except ModuleNotFoundError as error:
        if error.name != "zmq":
            raise
        return _Lacking("zmq", "zmq_listen: pyzmq is not installed: pip install 'tackroom[zmq]'")
    return ZmqOut(gateway, config)


@define
class _Lacking:
    """A duty that nobody can do here."""

    name: str
    why: str

    def run(self, stop: threading.Event) -> None:
        """Say why it is not done. Raises `Unavailable`."""
        raise Unavailable(self.why)

    def said(self) -> dict[str, object]:
        """Return nothing."""
        return {}


def run(gateway: Gateway, config: Config, notices: Notices) -> None:
    """Publish until SIGTERM or SIGINT. Raises OSError when its socket cannot be made."""
    # it tells of each connection
    logging.getLogger("websockets").setLevel(logging.ERROR)
    asyncio.run(Publisher(gateway, config, notices).run())


class Publisher:
    """The process."""

    def __init__(self, gateway: Gateway, config: Config, notices: Notices) -> None:
        self._gateway = gateway
        self._config = config
        self._notices = notices
        self._heartbeat = Heartbeat(config.run / PUBLISHER)
        self._duties: Sequence[Duty] = ()
        self._stop = threading.Event()
        self._problems: dict[str, str] = {}

    async def run(self) -> None:
        """Publish until a signal ends it."""
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(_THREADS, "publisher"))
        stopped = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        with (self._config.run / "publisher.lock").open("w") as lock:
            while not _locked(lock.fileno()):
                if await _is_set(stopped, _LOCK_SECONDS):
                    return
            house = House(self._gateway, self._config)
            threads = self._begin(house)
            try:
                await house.open()
                await self._go_round(house, stopped)
                self._notices.stopping()
            finally:
                self._stop.set()
                await house.close(LAST_SECONDS)
                house.pump.close()
                end = time.monotonic() + DUTY_SECONDS
                for thread in threads:
                    # what hangs in there must not keep the process: they are daemons
                    thread.join(max(0.0, end - time.monotonic()))

    async def _go_round(self, house: House, stopped: asyncio.Event) -> None:
        rounds = 0
        while True:
            house.readers.look()
            if rounds % RIGHTS_ROUNDS == 0:
                try:
                    await house.look_at_rights()
                    self._problems.pop("rights", None)
                except TackroomError as error:
                    self._problems["rights"] = error.message
                except Exception as error:  # noqa: BLE001 - one reader whom nobody can look up must not end them all
                    if "rights" not in self._problems:
                        _log.exception("who may read cannot be looked up")
                    self._problems["rights"] = f"{type(error).__name__}: {error}"
            self._beat(house)
            self._notices.at_work()
            rounds += 1
            if await _is_set(stopped, BEAT_SECONDS):
                return

    def _beat(self, house: House) -> None:
        said: dict[str, object] = {}
        for duty in self._duties:
            said.update(duty.said())
        problems = dict(self._problems)
        if house.pump.problem is not None:
            problems["feed"] = house.pump.problem
        readers = house.readers
        self._heartbeat.beat(
            readers=len(readers), dropped=readers.dropped, position=readers.position, problems=problems, **said
        )

    def _begin(self, house: House) -> list[threading.Thread]:
        self._duties = duties(self._gateway, self._config)
        threads = [
            threading.Thread(target=house.pump.listen, name="bell", daemon=True),
            *(threading.Thread(target=self._do, args=(duty,), name=duty.name, daemon=True) for duty in self._duties),
        ]
        for thread in threads:
            thread.start()
        return threads[1:]

    def _do(self, duty: Duty) -> None:
        """Do a duty; what it fails for now is said, and tried again."""
        while not self._stop.is_set():
            try:
                duty.run(self._stop)
                self._problems.pop(duty.name, None)
            except Exception as error:  # noqa: BLE001 - one duty that cannot be done must not end the others
                words = error.message if isinstance(error, TackroomError) else f"{type(error).__name__}: {error}"
                if duty.name not in self._problems:
                    _log.warning("%s: %s", duty.name, words, exc_info=not isinstance(error, TackroomError))
                self._problems[duty.name] = words
            self._stop.wait(AGAIN_SECONDS)


async def _is_set(event: asyncio.Event, seconds: float) -> bool:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

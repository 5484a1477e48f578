"""Where workers come in: listens, lets in who knows the password, one connection for each name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import maybeDeferred
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.spread import pb

from wsgi_app.harnesses.buildbot.pb.broker import GuardedBroker
from wsgi_app.harnesses.buildbot.pb.login import Entrance
from wsgi_app.harnesses.buildbot.pb.overloop import prepare
from wsgi_app.harnesses.buildbot.pb.worker import Avatar, Connected
from wsgi_app.harnesses.buildbot.transport import Lost, Worker, WorkerError
from wsgi_app.harnesses.plain import plain

#: whether (name, challenge, response) is right; what it raises is trouble of ours: the worker comes back later
Admit = Callable[[str, bytes, bytes], Awaitable[bool]]


@dataclass(frozen=True)
class Limits:
    """How patient a door is: seconds, but for `login_bytes` and `strangers`."""

    login_seconds: float = 30.0  #: from connecting to being let in
    login_bytes: int = 65536  #: a client may send before that
    strangers: int = 1000  #: connections before their login; one more ends the oldest
    attach: float = 60.0  #: to say what it is and make its slots
    duplicate: float = 3.0  #: for a worker to show that it is there, when another comes by its name
    silent: float = 20.0  #: without a word until a worker is pinged
    patience: float = 20.0  #: until a worker that was pinged is given up


class Door:
    """The workers' door: `attached` is called with each worker that can be given work, `say` with lines for the log."""

    def __init__(
        self,
        admit: Admit,
        attached: Callable[[Worker], None],
        say: Callable[[str], None],
        limits: Limits = Limits(),
    ) -> None:
        self._admit = admit
        self._attached = attached
        self._limits = limits
        self.say = say
        self.login_seconds = limits.login_seconds
        self.login_bytes = limits.login_bytes
        self._brokers: dict[GuardedBroker, None] = {}  # in the order they came
        self._workers: dict[str, Connected] = {}  # by name: who is in
        self._turns: dict[str, asyncio.Lock] = {}  # by name: one login at a time
        self._ports: list[Any] = []
        self._empty = asyncio.Event()
        self._empty.set()

    async def listen(self, host: str, port: int, tls: tuple[str, str] | None = None) -> int:
        """Listen there too, over TLS with (certificate, key) files; return the port (of 0: which).

        Raises OSError when the address cannot be had or a file not be read, ValueError when a file is no PEM.
        """
        reactor = prepare(asyncio.get_running_loop())
        factory: Any = pb.PBServerFactory(Entrance(self._enter))
        factory.protocol = self._broker
        factory.noisy = False
        if tls is not None:
            from wsgi_app.harnesses.buildbot.pb.tls import Settings  # pyOpenSSL only who uses it needs

            factory = TLSMemoryBIOFactory(Settings(*tls), False, factory, clock=reactor)
            factory.noisy = False
        try:
            listening: Any = reactor.listenTCP(port, factory, backlog=1024, interface=host)
        except Exception as error:  # CannotListenError is no OSError
            raise OSError(plain(str(error))) from error
        self._ports.append(listening)
        return int(listening.getHost().port)

    def _broker(self, **keywords: Any) -> GuardedBroker:
        broker = GuardedBroker(**keywords)
        broker.watcher = self
        return broker

    async def close(self) -> None:
        """Stop listening and end all connections: what runs on a worker then is killed there."""
        for port in self._ports:
            await maybeDeferred(port.stopListening).asFuture(asyncio.get_running_loop())
        self._ports.clear()
        for broker in list(self._brokers):
            broker.drop()
        await self._empty.wait()

    def opened(self, broker: GuardedBroker) -> None:
        """A connection has been made. Silent ones must not keep workers out: the oldest stranger goes first."""
        # of many that come at once one is dropped for each, not the same again and again until it has closed
        strangers = [other for other in self._brokers if not other.admitted and not other.dropped]
        self._brokers[broker] = None
        self._empty.clear()
        if len(strangers) >= self._limits.strangers:
            strangers[0].drop("too many connections wait for their login")

    def closed(self, broker: GuardedBroker) -> None:
        """A connection has ended."""
        self._brokers.pop(broker, None)
        if not self._brokers:
            self._empty.set()

    async def _enter(
        self, broker: GuardedBroker, name: str, challenge: bytes, response: bytes, bot: pb.RemoteReference
    ) -> pb.Referenceable:
        if not await self._admit(name, challenge, response):
            self.say(f"worker {plain(name)} of {broker.peer()}: refused")
            raise UnauthorizedLogin("refused")
        async with self._turns.setdefault(name, asyncio.Lock()):
            await self._make_way(name)
            if broker.ended or broker.dropped or broker.admitted:
                raise UnauthorizedLogin("refused")
            worker = Connected(name, bot, broker)
            self._workers[name] = worker
            broker.admit()
            broker.on_lost = lambda: self._lost(worker)
        worker.spawn(self._attach(worker))
        return Avatar(worker)

    async def _make_way(self, name: str) -> None:
        """See to it that nobody is in by this name: who answers stays and the new one is refused."""
        there = self._workers.get(name)
        if there is None:
            return
        if await there.ping(self._limits.duplicate):
            self.say(f"worker {name}: another one by its name is refused")
            raise UnauthorizedLogin("a worker of this name is connected")
        if not there.gone.is_set():
            self.say(f"worker {name}: does not answer, another one by its name takes its place")
        there.drop()
        await there.gone.wait()

    async def _attach(self, worker: Connected) -> None:
        try:
            async with asyncio.timeout(self._limits.attach):
                await worker.attach()
        except (WorkerError, TimeoutError) as error:
            self.say(f"worker {worker.name}: cannot be used: {error or 'it does not answer'}")
            worker.drop()
            return
        except Lost:
            return
        self._attached(worker)
        await worker.watch(self._limits.silent, self._limits.patience)

    def _lost(self, worker: Connected) -> None:
        if self._workers.get(worker.name) is worker:
            del self._workers[worker.name]
            if not self._turns[worker.name].locked():
                del self._turns[worker.name]
        worker.lost()


__all__ = ["Admit", "Door", "Limits"]

"""A worker made of Twisted's own client, in the loop of the test: it says whatever a test wants it to say."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from twisted.cred.credentials import UsernamePassword
from twisted.internet.defer import Deferred
from twisted.spread import pb

from wsgi_app.harnesses.buildbot.pb import Door, Limits, prepare
from wsgi_app.harnesses.buildbot.pb.calls import text_of
from wsgi_app.harnesses.buildbot.transport import Worker

PASSWORD = b"open sesame"
SECONDS = 15.0
#: of a command that does nothing
ARGS = {"command": ["true"], "workdir": "build", "logfiles": {"dmesg": "dmesg.txt"}}
PATIENT = Limits()

#: called for each command: (reference of the command, its name, its arguments)
Script = Callable[[Any, Any, dict[Any, Any]], object]


class OldFailure(pb.Jellyable):  # type: ignore[misc]
    """A failure as a slave on Python 2 sends it: its keys are bytes."""

    def jellyFor(self, jellier: object) -> list[object]:  # noqa: N802
        return [
            b"twisted.spread.pb.CopyableFailure",
            [
                b"dictionary",
                [b"type", b"exceptions.OSError"],
                [b"value", b"no such d\xefr"],
                [b"parents", [b"list"]],
            ],
        ]


class OldError(pb.Error, OldFailure):  # type: ignore[misc]
    """The same as the answer to a call."""


class Builder(pb.Referenceable):  # type: ignore[misc]
    """A builder: runs the script, notes the interrupts."""

    def __init__(self, bot: "Bot", name: object) -> None:
        self.bot, self.name = bot, name

    def remote_startCommand(self, command: Any, identity: object, name: object, args: dict[Any, Any]) -> object:  # noqa: N802
        self.bot.commands.append((self.name, identity, name, args))
        return self.bot.script(command, name, args)

    def remote_interruptCommand(self, identity: object, why: object) -> None:  # noqa: N802
        self.bot.interrupts.append(identity)
        self.bot.interrupted.set()


class Bot(pb.Referenceable):  # type: ignore[misc]
    """A worker's Bot; `old` is one of 0.8.4."""

    def __init__(self, script: Script = lambda *_: None, *, old: bool = False) -> None:
        self.script, self.old = script, old
        self.commands: list[tuple[object, object, object, dict[Any, Any]]] = []
        self.interrupts: list[object] = []
        self.interrupted = asyncio.Event()
        self.printed: list[str] = []
        self.perspective: Any = None
        self.broker: Any = None

    def remote_getVersion(self) -> object:  # noqa: N802
        return b"0.8.4" if self.old else "4.3.0"

    def remote_getCommands(self) -> object:  # noqa: N802
        return {b"shell": b"2.13", b"uploadFile": b"2.13"} if self.old else {"shell": "3.3", "uploadFile": "3.3"}

    def remote_getSlaveInfo(self) -> object:  # noqa: N802
        return {b"environ": {b"SECRET": b"hush"}, b"system": b"posix", b"basedir": b"/home/slave"}

    def remote_getWorkerInfo(self) -> object:  # noqa: N802
        if self.old:
            raise OldError
        return {"environ": {"SECRET": "hush"}, "system": "posix", "basedir": "/home/worker", "numcpus": 4}

    def remote_setBuilderList(self, wanted: list[Any]) -> object:  # noqa: N802
        return {(name.encode() if self.old else name): Builder(self, name) for name, _ in wanted}

    def remote_print(self, words: object) -> None:
        self.printed.append(text_of(words))

    def remote_shutdown(self) -> None:
        self.broker.transport.loseConnection()

    def freeze(self) -> None:
        """Read nothing more, as a stopped process does."""
        self.broker.transport.pauseProducing()


class Answered(Exception):
    """An error answered: its class's name there, and its text."""


def _raise(failure: Any) -> object:
    """Copied failures hold no exception that could be raised."""
    if isinstance(failure, pb.CopiedFailure):
        raise Answered(text_of(failure.type), text_of(failure.value))
    return failure


def answered(deferred: "Deferred[Any]") -> "asyncio.Future[Any]":
    """What the door answers, to be awaited."""
    deferred.addErrback(_raise)
    return deferred.asFuture(asyncio.get_running_loop())  # type: ignore[no-any-return, unused-ignore]


class Lodge:
    """A door with what it told."""

    def __init__(self, limits: Limits) -> None:
        self.attached: asyncio.Queue[Worker] = asyncio.Queue()
        self.said: list[str] = []
        self.trouble: Exception | None = None
        self.door = Door(self._admit, self.attached.put_nowait, self.said.append, limits)
        self.port = 0
        self._clients: list[Any] = []

    async def _admit(self, name: str, challenge: bytes, response: bytes) -> bool:
        if self.trouble:
            raise self.trouble
        known = hashlib.md5(hashlib.md5(PASSWORD).digest() + challenge).digest()
        return name.startswith("w") and response == known

    async def login(self, bot: Bot, name: bytes = b"w1", password: bytes = PASSWORD) -> None:
        """Log in; raises what the door answers."""
        factory = pb.PBClientFactory()
        factory.noisy = False
        self._clients.append(prepare(asyncio.get_running_loop()).connectTCP("127.0.0.1", self.port, factory))
        bot.perspective = await answered(factory.login(UsernamePassword(name, password), bot))
        bot.broker = bot.perspective.broker

    async def worker(self, bot: Bot, name: bytes = b"w1") -> Worker:
        """Log in and wait until it can be given work."""
        await self.login(bot, name)
        async with asyncio.timeout(SECONDS):
            return await self.attached.get()

    async def close(self) -> None:
        for client in self._clients:
            client.disconnect()
        await self.door.close()


@asynccontextmanager
async def lodge(limits: Limits = PATIENT) -> AsyncIterator[Lodge]:
    """A door that listens, for as long as it is wanted."""
    made = Lodge(limits)
    made.port = await made.door.listen("127.0.0.1", 0)
    try:
        yield made
    finally:
        await made.close()


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a test in an event loop of its own, for so long at most."""

    async def bounded() -> None:
        async with asyncio.timeout(SECONDS):
            await test()

    asyncio.run(bounded())


def saying(*updates: object, failure: object = None) -> Callable[..., None]:
    """A command that sends these arguments of `update` and is complete."""

    def script(command: Any, name: object, args: object) -> None:
        for update in updates:
            command.callRemote("update", update).addErrback(lambda _: None)
        command.callRemote("complete", failure).addErrback(lambda _: None)

    return script


def update(**parts: object) -> list[object]:
    """The argument of one `update`, with these parts."""
    return [[parts, 0]]

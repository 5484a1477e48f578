"""A slave of Buildbot 0.8.4 as a master meets it, as a process: `oldslave.py DIRECTORY HOST:PORT NAME PASSWORD`.

The release itself needs Python 2. This one has its names and its types on the wire (texts and their keys are bytes, an
error's too), its ways (a refused login ends the process, a lost connection the command, a second command the first),
and it does run what it is told to. Source: the reference of Buildbot's worker protocol, 1, 2.2, 2.3 and 2.8.
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path
from typing import Any

from oldcommands import OldFailure, Shell, Told, Transfer, clock
from twisted.cred.credentials import UsernamePassword
from twisted.python import log
from twisted.python.failure import Failure
from twisted.spread import pb

COMMANDS = (b"shell", b"uploadFile", b"uploadDirectory", b"downloadFile", b"mkdir", b"rmdir", b"cpdir")
LONGEST_PAUSE = 300.0  #: seconds between two attempts to connect
GROWS = 2.718281828  #: how much longer each pause is than the one before


class OldBroker(pb.Broker):  # type: ignore[misc]
    """A connection whose errors are those of Python 2."""

    def _sendError(self, fail: Failure, requestID: object) -> None:  # noqa: N802, N803
        self.sendCall(b"error", requestID, self.serialize(OldFailure(fail)))


class SlaveBuilder(pb.Referenceable):  # type: ignore[misc]
    """A builder: one command at a time, a second one kills the first, which then never completes."""

    KINDS: dict[str, type[Shell | Transfer]] = {"shell": Shell, "uploadFile": Transfer, "downloadFile": Transfer}

    def __init__(self, place: Path) -> None:
        self._place = place
        place.mkdir(exist_ok=True)
        self._running: Shell | Transfer | None = None

    def remote_startBuild(self) -> None:  # noqa: N802
        """Nothing to do."""

    def remote_startCommand(self, command: Any, identity: object, name: str, args: dict[str, Any]) -> None:  # noqa: N802
        """Start it; what is wrong with its arguments is told as its end."""
        if name not in self.KINDS:
            raise ValueError(f"unrecognized SlaveCommand '{name}'")
        self.stop()
        log.msg(f"startCommand:{name} [id {identity}]")
        told = Told(command)
        made: list[Shell | Transfer] = []

        def over() -> None:
            if made and self._running is made[0]:
                self._running = None

        try:
            made.append(self.KINDS[name](self._place, args, told, over))
        except Exception:  # noqa: BLE001 - all of them end the command
            told.complete(Failure())
        else:
            self._running = made[0]

    def remote_interruptCommand(self, identity: object, why: object) -> None:  # noqa: N802
        """Kill whatever runs."""
        log.msg(f"asked to interrupt: {why}")
        if self._running is not None:
            self._running.interrupt()

    def stop(self) -> None:
        """Kill what runs, and say nothing more of it."""
        running, self._running = self._running, None
        if running is not None:
            running.told.mute = True
            running.interrupt()


class Bot(pb.Referenceable):  # type: ignore[misc]
    """The slave; it has no getWorkerInfo."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._builders: dict[str, SlaveBuilder] = {}

    def remote_getVersion(self) -> bytes:  # noqa: N802
        """Say which release it is."""
        return b"0.8.4"

    def remote_getCommands(self) -> dict[bytes, bytes]:  # noqa: N802
        """Say what it can do."""
        return dict.fromkeys(COMMANDS, b"2.13")

    def remote_getSlaveInfo(self) -> dict[bytes, object]:  # noqa: N802
        """Say what it is."""
        environ = {os.fsencode(key): os.fsencode(value) for key, value in os.environ.items()}
        return {b"environ": environ, b"system": b"posix", b"basedir": os.fsencode(self._directory)}

    def remote_setBuilderList(self, wanted: list[tuple[str, str]]) -> dict[str, SlaveBuilder]:  # noqa: N802
        """Make the builders, drop the others."""
        for name in self._builders.keys() - dict(wanted).keys():
            self._builders.pop(name).stop()
        for name, directory in wanted:
            self._builders.setdefault(name, SlaveBuilder(self._directory / directory))
        return dict(self._builders)

    def remote_print(self, message: object) -> None:
        """Log it."""
        log.msg(f"message from master: {message}")

    def remote_shutdown(self) -> None:
        """Exit, whatever runs."""
        clock.callLater(0.2, clock.stop)

    def stop(self) -> None:
        """Kill all that runs."""
        for builder in self._builders.values():
            builder.stop()


class Caller(pb.PBClientFactory):  # type: ignore[misc]
    """Connects and logs in, again and again."""

    protocol = OldBroker

    def __init__(self, bot: Bot, name: bytes, password: bytes) -> None:
        super().__init__()
        self._bot, self._who = bot, UsernamePassword(name, password)
        self._pause = 1.0

    def clientConnectionMade(self, broker: Any) -> None:  # noqa: N802
        """Log in."""
        super().clientConnectionMade(broker)
        self.login(self._who, self._bot).addCallbacks(self._entered, self._refused)

    def _entered(self, perspective: object) -> None:
        log.msg("connected; slave is ready")
        self._perspective = perspective  # who lets go of it tells the master so
        self._pause = 1.0

    def _refused(self, failure: Failure) -> None:
        if not failure.check(pb.PBConnectionLost, pb.DeadReferenceError):
            log.msg(f"unauthorized login; check slave name and password ({failure.getErrorMessage()})")
            clock.stop()

    def clientConnectionLost(self, connector: Any, reason: Failure) -> None:  # noqa: N802
        """Kill all that runs, and come back later."""
        self._bot.stop()
        super().clientConnectionLost(connector, reason, reconnecting=1)
        self._again(connector)

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:  # noqa: N802
        """Try again later."""
        super().clientConnectionFailed(connector, reason)
        self._again(connector)

    def _again(self, connector: Any) -> None:
        self._pause = min(random.normalvariate(self._pause * GROWS, self._pause * GROWS * 0.119), LONGEST_PAUSE)
        clock.callLater(self._pause, connector.connect)


def main(directory: str, address: str, name: str, password: str) -> None:
    """Be the slave until it is told to exit, or refused."""
    log.startLogging(sys.stdout, setStdout=False)
    bot = Bot(Path(directory))
    host, _, port = address.rpartition(":")
    clock.addSystemEventTrigger("before", "shutdown", bot.stop)
    clock.connectTCP(host, int(port), Caller(bot, name.encode(), password.encode()))
    clock.run()


if __name__ == "__main__":
    main(*sys.argv[1:])

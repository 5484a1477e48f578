"""What a slave of Buildbot 0.8.4 does for its master, as it shows on the wire: commands, files, failures.

Source: the reference of Buildbot's worker protocol, 2.4, 2.5, 2.7 and 3.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.internet import defer, protocol, reactor
from twisted.internet.process import Process
from twisted.python.failure import Failure
from twisted.spread import pb

HELD_BACK = 64 * 1024  #: bytes of output that are not sent at once
HELD_FOR = 5.0  #: seconds
LONGEST_UPDATE = 128 * 1024  #: bytes

clock: Any = reactor


class OldFailure(pb.Jellyable):  # type: ignore[misc]
    """A failure as Python 2 sends it: its keys are bytes."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure

    def jellyFor(self, jellier: object) -> list[object]:  # noqa: N802
        """Say what it was."""
        kind = f"{self.failure.type.__module__}.{self.failure.type.__name__}"
        facts = {b"type": kind, b"value": self.failure.getErrorMessage(), b"traceback": "Traceback unavailable\n"}
        pairs = [[key, value.encode()] for key, value in facts.items()]
        return [b"twisted.spread.pb.CopyableFailure", [b"dictionary", *pairs, [b"parents", [b"list"]]]]


class Told:
    """The master's end of a command: it gets updates, and one word at the end."""

    def __init__(self, reference: Any) -> None:
        self._reference = reference
        self.mute = False  #: nothing more is said

    def update(self, key: str, value: object) -> None:
        """Send one fact; what is text is bytes."""
        sent = value.encode() if isinstance(value, str) else value
        self._call("update", [[{key.encode(): sent}, 0]])

    def complete(self, failure: Failure | None = None) -> None:
        """Send the end."""
        self._call("complete", None if failure is None else OldFailure(failure))

    def _call(self, name: str, *words: object) -> None:
        if self.mute:
            return
        with suppress(pb.DeadReferenceError):
            self._reference.callRemote(name, *words).addErrback(lambda _: None)


class Grouped(Process):  # type: ignore[misc]
    """A process that leads a group of its own."""

    def _trySpawnInsteadOfFork(self, *_: object, **__: object) -> bool:  # noqa: N802
        return False

    def _setupChild(self, *args: object, **more: object) -> None:  # noqa: N802
        super()._setupChild(*args, **more)
        os.setpgid(0, 0)


class Shell(protocol.ProcessProtocol):  # type: ignore[misc]
    """The command `shell`."""

    transport: Any

    def __init__(self, place: Path, args: dict[str, Any], told: Told, over: Callable[[], None]) -> None:
        self._args, self.told, self._over = args, told, over
        self._held: list[tuple[str, bytes]] = []
        self._timers: dict[str, Any] = {}
        self._begun = time.time()
        self._killed = False
        directory = place / args["workdir"]
        directory.mkdir(parents=True, exist_ok=True)
        command = args["command"]
        words = ["/bin/sh", "-c", command] if isinstance(command, str) else list(command)
        told.update("header", f"{' '.join(words)}\n in dir {directory} (timeout {args.get('timeout')} secs)\n")
        told.update("header", f" argv: {words}\n using PTY: False\n")
        Grouped(clock, words[0], words, _environment(args.get("env") or {}, directory), str(directory), self)

    def connectionMade(self) -> None:  # noqa: N802
        """It runs, in a process group of its own."""
        stdin = self._args.get("initial_stdin")
        if isinstance(stdin, bytes):
            self.transport.write(stdin)
        if not isinstance(stdin, str):  # text makes it hang: its input stays open
            self.transport.closeStdin()
        self._arm("timeout", "without output")
        self._arm("maxTime", "elapsed")

    def childDataReceived(self, descriptor: int, data: bytes) -> None:  # noqa: N802
        """It says something."""
        name = "stdout" if descriptor == 1 else "stderr"
        self._arm("timeout", "without output")
        if self._args.get(f"want_{name}", True) and not self._killed:
            self._held.append((name, data))
            if sum(len(piece) for _, piece in self._held) > HELD_BACK:
                self._send()
            elif "held" not in self._timers:
                self._timers["held"] = clock.callLater(HELD_FOR, self._send)

    def interrupt(self, words: str = "\ncommand interrupted, attempting to kill\n") -> None:
        """Kill it; what it says from now on is lost."""
        if self._killed:
            return
        self._send()
        self._killed = True
        self.told.update("header", words)
        with suppress(ProcessLookupError):
            os.killpg(self.transport.pid, signal.SIGKILL)
        self.transport.loseConnection()

    def processEnded(self, reason: Failure) -> None:  # noqa: N802
        """It is over, and has closed what it wrote to."""
        self._send()
        for name in list(self._timers):
            self._timers.pop(name).cancel()
        number, status = reason.value.signal, reason.value.exitCode
        if number is not None:
            self.told.update("header", f"process killed by signal {number}\n")
        self.told.update("rc", -1 if status is None else status)
        elapsed = time.time() - self._begun
        self.told.update("header", f"elapsedTime={elapsed:.6f}\n")
        if not self._killed:
            self.told.update("elapsed", elapsed)
        self.told.complete()
        self._over()

    def _arm(self, limit: str, how: str) -> None:
        seconds = self._args.get(limit)
        if limit in self._timers:
            self._timers.pop(limit).cancel()
        if seconds is not None and not self._killed:
            words = f"\ncommand timed out: {seconds} seconds {how}, killing pid {self.transport.pid}\n"
            self._timers[limit] = clock.callLater(seconds, self._late, limit, words)

    def _late(self, limit: str, words: str) -> None:
        del self._timers[limit]
        self.interrupt(words)

    def _send(self) -> None:
        timer = self._timers.pop("held", None)
        if timer is not None and timer.active():
            timer.cancel()
        held, self._held = self._held, []
        while held:
            name, data = held.pop(0)
            while held and held[0][0] == name:
                data += held.pop(0)[1]
            for begin in range(0, len(data), LONGEST_UPDATE):
                self.told.update(name, data[begin : begin + LONGEST_UPDATE])


def _environment(wanted: dict[str, Any], directory: Path) -> dict[str, str]:
    made = {**os.environ, "PWD": str(directory)}
    for name, value in wanted.items():
        if value is None:
            made.pop(name, None)
        elif isinstance(value, str):
            for known, text in os.environ.items():
                value = value.replace(f"${{{known}}}", text)
            made[name] = value
        else:
            raise RuntimeError(f"'env' values must be strings or lists; key '{name}' is incorrect")
    return made


class Transfer:
    """The commands `uploadFile` and `downloadFile`."""

    def __init__(self, place: Path, args: dict[str, Any], told: Told, over: Callable[[], None]) -> None:
        self._place, self._args, self.told = place / args["workdir"], args, told
        self._stopped = False
        work = self._upload(args["slavesrc"]) if "writer" in args else self._download(args["slavedest"])
        defer.ensureDeferred(self._run(work)).addBoth(lambda _: over())

    def interrupt(self) -> None:
        """Stop before the next block."""
        self._stopped = True

    async def _run(self, work: Coroutine[Any, Any, str]) -> None:
        try:
            problem = await work
        except Exception:  # noqa: BLE001 - all of them end the command
            self.told.complete(Failure())
            return
        if problem:
            self.told.update("stderr", problem)
        self.told.update("rc", 1 if problem else 0)
        self.told.complete()

    async def _upload(self, source: str) -> str:
        path, writer, left = self._place / source, self._args["writer"], self._args["maxsize"]
        self.told.update("header", f"sending {path}")
        try:
            file = path.open("rb")
        except OSError:
            await writer.callRemote("close")
            return f"Cannot open file '{path}' for upload"
        with file:
            while data := file.read(self._args["blocksize"] if left is None else min(left, self._args["blocksize"])):
                if self._stopped:
                    break
                left = None if left is None else left - len(data)
                await writer.callRemote("write", data)
        await writer.callRemote("close")
        if left is not None and left <= 0:
            return f"Maximum filesize reached, truncating file '{path}'"
        return f"Upload of '{path}' interrupted" if self._stopped else ""

    async def _download(self, dest: str) -> str:
        path, reader = self._place / dest, self._args["reader"]
        self.told.update("header", f"downloading to {path}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("wb")
        except OSError:
            await reader.callRemote("close")
            return f"Cannot open file '{path}' for download"
        with file:
            if self._args["mode"] is not None:
                path.chmod(self._args["mode"])
            while not self._stopped and (data := await reader.callRemote("read", self._args["blocksize"])):
                file.write(data)
        await reader.callRemote("close")
        return f"Download of '{path}' interrupted" if self._stopped else ""

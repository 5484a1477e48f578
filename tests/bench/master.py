"""A bare master of Buildbot's worker protocol: what the worker and Twisted cost, with nothing behind them.

`master.py PORT-FILE COMMAND...` lets in any worker whose password is "password", and when as many have come as asked
for runs each command on every worker, one command after another, all workers at a time. Their output is appended to
files; seconds a command, and the bytes of output, are printed as JSON lines.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any, cast

from twisted.cred import checkers, portal
from twisted.internet import defer, protocol, reactor
from twisted.spread import pb
from zope.interface import implementer

PASSWORD = b"password"


class Command(pb.Referenceable):  # type: ignore[misc]
    """Appends what a command says to a file; `done` fires at its end."""

    def __init__(self, descriptor: int) -> None:
        self.done: defer.Deferred[None] = defer.Deferred()
        self.size = 0
        self._descriptor = descriptor

    def remote_update(self, updates: list[Any]) -> None:
        """Output."""
        for part, _ in updates:
            for kind in ("stdout", "stderr"):
                if kind in part:
                    data = part[kind].encode()
                    self.size += len(data)
                    os.write(self._descriptor, data)

    def remote_complete(self, failure: object = None) -> None:
        """The end."""
        self.done.callback(None)


class Avatar(pb.Avatar):  # type: ignore[misc]
    """A worker as its master sees it."""

    def perspective_keepalive(self) -> None:
        """It lives."""


class Quick(pb.Broker):  # type: ignore[misc]
    """Acknowledges at once, as ours does: else Nagle's algorithm costs 40 ms a command."""

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Bytes of a worker."""
        sock = self.transport.getHandle()
        sock.setsockopt(6, 12, 1)
        super().dataReceived(data)


@implementer(portal.IRealm)
class Realm:
    """Collects workers, and begins with the last."""

    def __init__(self, wanted: int, commands: list[str], repeat: int) -> None:
        self._wanted = wanted
        self._commands = commands
        self._repeat = repeat
        self._minds: list[Any] = []

    def requestAvatar(self, name: bytes, mind: Any, *faces: object) -> tuple[object, Avatar, Any]:  # noqa: N802
        """A worker has come."""
        self._minds.append(mind)
        if len(self._minds) == self._wanted:
            defer.inlineCallbacks(self._all)().addErrback(_give_up)
        return pb.IPerspective, Avatar(), lambda: None

    def _all(self) -> Generator[Any, Any, None]:
        builders = []
        for mind in self._minds:
            made = yield mind.callRemote("setBuilderList", [("slot0", "slot0")])
            builders.append(made["slot0"])
        print(json.dumps({"ready": len(builders)}), flush=True)
        for text in self._commands:
            began, before = time.monotonic(), _resident()
            sizes = yield defer.gatherResults([defer.inlineCallbacks(self._one)(one, text) for one in builders])
            seconds = time.monotonic() - began
            told = {"command": text, "seconds": seconds / self._repeat, "bytes": sum(sizes) // self._repeat}
            print(json.dumps({**told, "grown": _resident() - before}), flush=True)
        for mind in self._minds:
            yield mind.callRemote("shutdown")
        _stop()

    def _one(self, builder: Any, text: str) -> Generator[Any, Any, int]:
        size = 0
        with tempfile.TemporaryFile() as sink:
            for number in range(self._repeat):
                command = Command(sink.fileno())
                words = {"command": text, "workdir": "work", "logEnviron": False, "usePTY": False}
                yield builder.callRemote("startCommand", command, f"c{number}", "shell", words)
                yield command.done
                size += command.size
        return size


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def _give_up(failure: Any) -> None:
    failure.printTraceback()
    _stop()


def _stop() -> None:
    cast(Any, reactor).stop()


def main() -> None:
    """Run the commands of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=Path, help="the file that the port is written to")
    parser.add_argument("commands", nargs="+")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=1, help="how often each command is run")
    given = parser.parse_args()
    realm = Realm(given.workers, given.commands, given.repeat)
    users = {f"w{number}".encode(): PASSWORD for number in range(given.workers)}
    factory = pb.PBServerFactory(
        portal.Portal(
            realm,
            [
                checkers.InMemoryUsernamePasswordDatabaseDontUse(
                    **{name.decode(): secret for name, secret in users.items()}
                )
            ],
        )
    )
    factory.protocol = Quick
    port = cast(Any, reactor).listenTCP(0, cast(protocol.ServerFactory, factory), interface="127.0.0.1")
    fresh = given.port.with_name(given.port.name + ".new")
    fresh.write_text(str(port.getHost().port))
    fresh.replace(given.port)
    cast(Any, reactor).run()


if __name__ == "__main__":
    main()

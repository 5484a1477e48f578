"""Workers that are only there: `idlers.py PORT NAMES-FILE` connects one for each line "NAME PASSWORD" of the file.

Each answers what a master asks of a stock worker that it greets, and keepalive calls would be answered, too. Says on
standard output how many are let in, a line each time.
"""

import sys
from pathlib import Path
from typing import Any, cast

from twisted.cred import credentials
from twisted.internet import reactor
from twisted.spread import pb


class Builder(pb.Referenceable):  # type: ignore[misc]
    """A builder that is never given anything."""

    def remote_print(self, words: str) -> None:
        """Nothing to do."""


class Bot(pb.Referenceable):  # type: ignore[misc]
    """A worker."""

    def remote_getWorkerInfo(self) -> dict[str, object]:  # noqa: N802
        """What a worker says of itself."""
        return {"version": "4.3.0", "system": "posix", "basedir": "/nowhere", "numcpus": 1, "environ": {}}

    def remote_getCommands(self) -> dict[str, str]:  # noqa: N802
        """What it can do."""
        return {"shell": "3.3", "uploadFile": "3.3", "downloadFile": "3.3"}

    def remote_getVersion(self) -> str:  # noqa: N802
        """Its version."""
        return "4.3.0"

    def remote_setBuilderList(self, builders: list[tuple[str, str]]) -> dict[str, Builder]:  # noqa: N802
        """Its builders."""
        return {name: Builder() for name, _ in builders}

    def remote_print(self, words: str) -> None:
        """Nothing to do."""

    def remote_keepalive(self) -> None:
        """It lives."""


def main() -> None:
    """Connect them all, and stay until killed."""
    port, names = int(sys.argv[1]), Path(sys.argv[2])
    inside: list[Any] = []

    def let_in(avatar: Any) -> None:
        inside.append(avatar)
        print(len(inside), flush=True)

    for line in names.read_text().splitlines():
        name, password = line.split()
        factory = pb.PBClientFactory()
        asked = factory.login(credentials.UsernamePassword(name.encode(), password.encode()), client=Bot())
        asked.addCallbacks(let_in, lambda failure: print(f"refused: {failure.value}", file=sys.stderr, flush=True))
        cast(Any, reactor).connectTCP("127.0.0.1", port, factory)
    cast(Any, reactor).run()


if __name__ == "__main__":
    main()

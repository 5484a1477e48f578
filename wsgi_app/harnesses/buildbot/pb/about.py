"""What a worker says of itself, asked once per connection and checked."""

from __future__ import annotations

from twisted.spread import pb

from wsgi_app.harnesses.buildbot.pb.calls import call, text_of
from wsgi_app.harnesses.buildbot.transport import SLOTS, About, WorkerError
from wsgi_app.harnesses.plain import plain

MOST_COMMANDS = 200
LONGEST = 4096  #: characters of any of its words


def _word(value: object) -> str:
    return plain(text_of(value)[:LONGEST])


def _commands(answer: object) -> dict[str, str]:
    if not isinstance(answer, dict) or len(answer) > MOST_COMMANDS:
        raise WorkerError("it does not say which commands it knows")
    return {_word(name): _word(version) for name, version in answer.items()}


async def ask(bot: pb.RemoteReference, name: str, address: str) -> About:
    """Ask a worker what it is; raises WorkerError when it makes no sense, or Lost."""
    version = _word(await call(bot, "getVersion"))[:255]
    about = About(name, version, _commands(await call(bot, "getCommands")), "", "", address)
    # slaves of 0.8 answer an unknown method with an error, so it is asked by the right name at once
    info = await call(bot, "getSlaveInfo" if about.old else "getWorkerInfo")
    if not isinstance(info, dict):
        raise WorkerError("it does not say what it is")
    # `environ` is in there too: it may hold secrets, and goes no further
    held = {key: info.get(key, info.get(key.encode())) for key in ("system", "basedir", "numcpus")}
    cpus = held["numcpus"]
    known = isinstance(cpus, int) and not isinstance(cpus, bool) and 0 < cpus < 1_000_000
    return About(
        name,
        version,
        about.commands,
        _word(held["system"]),
        _word(held["basedir"]),
        address,
        cpus if known else None,
    )


async def builders(bot: pb.RemoteReference) -> dict[str, pb.RemoteReference]:
    """Set the slots as the worker's only builders; raises WorkerError or Lost."""
    answer = await call(bot, "setBuilderList", [(name, name) for name in SLOTS])
    made = {text_of(key): value for key, value in answer.items()} if isinstance(answer, dict) else {}
    found = {name: made.get(name) for name in SLOTS}
    references = {name: value for name, value in found.items() if isinstance(value, pb.RemoteReference)}
    if len(references) != len(SLOTS):
        raise WorkerError("it does not make the builders it was asked for")
    return references

"""Twisted's reactor over an asyncio loop that runs: one for each loop, made when first asked for."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from twisted.internet import main
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.error import ConnectionDone, ReactorAlreadyInstalledError
from twisted.python.failure import Failure

from wsgi_app.harnesses.buildbot.pb import quiet

_reactors: dict[asyncio.AbstractEventLoop, AsyncioSelectorReactor] = {}


def prepare(loop: asyncio.AbstractEventLoop) -> AsyncioSelectorReactor:
    """Return the reactor over this loop. It is never run: the loop's events are all it needs.

    The first of a process is installed as Twisted's default too, in case some part of Twisted asks for that.
    """
    _forget_closed()
    reactor = _reactors.get(loop)
    if reactor is None:
        quiet.begin()
        reactor = _reactors[loop] = AsyncioSelectorReactor(loop)
        with suppress(ReactorAlreadyInstalledError):
            main.installReactor(reactor)
    return reactor


def _forget_closed() -> None:
    """Let go of the reactors, and their pipes, of loops that are no more (a test has one loop after another)."""
    for loop in [loop for loop in _reactors if loop.is_closed()]:
        for reader in _reactors.pop(loop).removeAll():
            reader.connectionLost(Failure(ConnectionDone()))

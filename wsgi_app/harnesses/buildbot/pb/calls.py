"""Calls of a worker's objects, awaited; and what comes back when they fail, whatever the worker's age."""

from __future__ import annotations

import asyncio
from typing import Any

from twisted.internet import defer
from twisted.python.failure import Failure
from twisted.spread import pb

from wsgi_app.harnesses.buildbot.transport import Lost, WorkerError
from wsgi_app.harnesses.plain import plain


def text_of(value: object) -> str:
    """A text of a worker of any age; "" for what is none."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return value if isinstance(value, str) else ""


class AnyAgeFailure(pb.CopiedFailure):  # type: ignore[misc]
    """A failure of a worker that may speak Python 2: with its bytes as keys Twisted's own breaks."""

    def setCopyableState(self, state: object) -> None:  # noqa: N802 (Twisted's name)
        """Take the state over, as text, with all that is read of it later."""
        given = state if isinstance(state, dict) else {}
        held = {text_of(key): value for key, value in given.items()}
        self.__dict__.update(
            type=text_of(held.get("type")) or "an error",
            value=text_of(held.get("value")),
            traceback=text_of(held.get("traceback")),
            _parents=[],
            tb=None,
            frames=[],
            stack=[],
            count=0,
            captureVars=False,
        )


pb.setUnjellyableForClass(pb.CopyableFailure, AnyAgeFailure)


def told(failure: object) -> str:
    """What a failure that a worker sent says, in one line."""
    if isinstance(failure, AnyAgeFailure):
        # of old ones the type may be a whole repr; the last part is what a reader knows it by
        kind = str(failure.type).rpartition(".")[2]
        return plain(f"{kind}: {failure.value}" if failure.value else kind)
    if isinstance(failure, Failure):
        return plain(failure.getErrorMessage())
    return "it failed and did not say at what"


def _trouble(failure: Failure) -> Exception:
    """The exception of ours for a failure."""
    if isinstance(failure, pb.CopiedFailure):  # first: `check` goes by names, which a worker chooses
        return WorkerError(told(failure))
    if failure.check(pb.PBConnectionLost, pb.DeadReferenceError):
        return Lost("the connection to the worker has ended")
    return WorkerError(told(failure))


async def call(reference: pb.RemoteReference, method: str, *args: Any) -> Any:
    """Call a method of a worker's object and return its answer, unchecked; raises WorkerError or Lost."""
    answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def good(value: object) -> None:
        if not answer.done():
            answer.set_result(value)

    def bad(failure: Failure) -> None:
        if not answer.done():
            answer.set_exception(_trouble(failure))

    try:
        deferred: defer.Deferred[Any] = reference.callRemote(method, *args)
    except pb.DeadReferenceError:
        raise Lost("the connection to the worker has ended") from None
    except Exception as error:  # noqa: BLE001 (Banana cannot send it: too long, mostly)
        raise WorkerError(plain(f"it cannot be sent: {error}")) from None
    deferred.addCallbacks(good, bad)
    return await answer

"""How a call is handed over and answered, within the event timeout each, while the work goes on.

Source: jobs-contest.md sections 1.5 and 2.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextvars import copy_context
from typing import TypeVar

from wsgi_app.core.campaign.duration import spelled
from wsgi_app.errors import TackroomError

#: calls that one process works on at a time; what more come must be handed over within the event timeout
MOST_AT_WORK = 32

Answer = TypeVar("Answer")


class TransportError(Exception):
    """A call was not taken, or not answered: the client is told so, and not by a response."""

    def __init__(self, message: str) -> None:
        self.message = message
        super().__init__(message)


class SendTimeout(TransportError):
    """Too many other calls were at work for all of the event timeout: nothing was begun."""


class ReceiveTimeout(TransportError):
    """The work was begun, and took longer than the event timeout: it goes on."""


class Channel:
    """Hands calls over to threads of their own."""

    def __init__(self, event_timeout: float) -> None:
        """`event_timeout` is in seconds."""
        self.event_timeout = event_timeout
        self._free = threading.BoundedSemaphore(MOST_AT_WORK)

    def send_receive(self, name: str, work: Callable[[], Answer]) -> Answer:
        """Return what the work returns, or raise what it raises; `name` is its thread's.

        Raises `SendTimeout`, `ReceiveTimeout`.
        """
        if not self._free.acquire(timeout=self.event_timeout):
            raise SendTimeout(f"sending event timed out after {spelled(self.event_timeout)}")
        answer: Future[Answer] = Future()
        # a server that ends does not wait for it: what is not committed then was not acknowledged either
        thread = threading.Thread(
            target=copy_context().run, args=(self._serve, work, answer), name=f"contest {name}", daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:
            self._free.release()
            raise SendTimeout(f"sending event failed: {error}") from error
        wait([answer], self.event_timeout)
        if not answer.done():
            raise ReceiveTimeout(f"time out waiting for response after {spelled(self.event_timeout)}")
        return answer.result()

    def _serve(self, work: Callable[[], Answer], answer: "Future[Answer]") -> None:
        try:
            answer.set_result(work())
        except (TackroomError, TransportError, OSError) as error:
            answer.set_exception(error)
        finally:
            self._free.release()
            if not answer.done():
                answer.set_exception(RuntimeError("a call ended without an answer: what it raised is in the log"))

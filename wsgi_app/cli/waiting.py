"""Waiting for jobs to be settled, in a call that the server answers when they are."""

import time
from typing import Any

from wsgi_app.cli.client import Client, Refused, Unreachable
from wsgi_app.cli.eventstream import AWAY_SECONDS, TimeOver
from wsgi_app.cli.patience import Patience, passes

#: seconds of one waiting call
CALL_SECONDS = 50
#: seconds that its answer may take longer
SLACK_SECONDS = 30


def wait_for(client: Client, job: int, end: float | None = None) -> dict[str, Any]:
    """Return a job when it is settled; a server that restarts meanwhile is waited for.

    `end` is when to stop (`time.monotonic`). Raises `TimeOver`, `Refused`; `Unreachable` when the server stays away.
    """
    patience = Patience(AWAY_SECONDS)
    while True:
        left = CALL_SECONDS if end is None else max(0, min(CALL_SECONDS, end - time.monotonic()))
        try:
            # the call takes whole seconds: what is less than one is waited for here
            path = f"jobs/{job}/wait?timeout={int(left)}"
            found: dict[str, Any] = client.get(path, seconds=left + SLACK_SECONDS)
        except (Unreachable, Refused) as error:
            if passes(error) and end is not None and time.monotonic() >= end:
                raise TimeOver from None
            patience.bear(error)
            continue
        patience.rest()
        if found["settled"]:
            return found
        if end is not None:
            if time.monotonic() >= end:
                raise TimeOver
            if left < 1:
                time.sleep(min(0.1, left))


def get_patiently(client: Client, path: str) -> Any:
    """Return the JSON value at a path; a server that restarts meanwhile is waited for."""
    patience = Patience(AWAY_SECONDS)
    while True:
        try:
            return client.get(path)
        except (Unreachable, Refused) as error:
            patience.bear(error)


def end_of(seconds: float | None) -> float | None:
    """Return when a time that begins now is over (`time.monotonic`), None for one without end."""
    return None if seconds is None else time.monotonic() + seconds

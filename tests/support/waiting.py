"""Waiting for what is going to happen, with a deadline instead of a sleep."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


#: seconds between two questions: short at first, longer when there is no hurry; each may cost the server some work
PAUSE = 0.02
LONGEST_PAUSE = 0.1


def until(ask: Callable[[], T], what: str, seconds: float = 20.0, *, at_once: bool = False) -> T:
    """Return the first true answer; fail when there is none in time. `at_once`: it is over in a moment."""
    end, pause = time.monotonic() + seconds, 0.0 if at_once else PAUSE
    while not (answer := ask()):
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s in vain for {what}")
        time.sleep(pause)
        pause = min(LONGEST_PAUSE, pause * 1.5)
    return answer

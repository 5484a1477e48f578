"""What a process loads when it starts lasts until it ends: the garbage collector has nothing to find there."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def lasting() -> Iterator[None]:
    """Load modules in this block: they are collected neither meanwhile, nor later, nor piece by piece at the exit.

    A third of a second of each process that loads the application, and pages that forked processes go on sharing.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()

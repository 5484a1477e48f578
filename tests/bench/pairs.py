"""Things measured in turns, so that what disturbs the machine disturbs all of them."""

import statistics
from collections.abc import Callable

TIMES = 5


def interleaved(ours: Callable[[], float], other: Callable[[], float], times: int = TIMES) -> tuple[float, float]:
    """Measure both so many times, the order swapped each time; return the median of ours and of the other."""
    mine, theirs = turns([ours, other], times)
    return mine, theirs


def turns(measures: list[Callable[[], float]], times: int = TIMES) -> list[float]:
    """Measure each so many times, each time beginning with another; return the medians in the order given."""
    found: list[list[float]] = [[] for _ in measures]
    for turn in range(times):
        for step in range(len(measures)):
            place = (turn + step) % len(measures)
            found[place].append(measures[place]())
    return [statistics.median(values) for values in found]

"""Memory of any process while 10 GiB pass through, in two logs: the second is to need no more than the first.

Each log is sent in the largest ranges there may be, and read by the indexer.
"""

from collections.abc import Iterator

from figure import Figure
from fleet import giant
from lab import running_lab
from sampling import Sampler, Used, of_lab
from scale import Scale

#: bytes of each log
SIZE = 5 << 30
#: MiB of the largest process
BAR, GOAL = 150, 100
#: by which part it may be larger in the second half
FLAT = 1.1


def measure(scale: Scale) -> Iterator[Figure]:
    """Send both, the memory of all looked at meanwhile."""
    size = scale.of(SIZE, 16 << 20)
    with running_lab("apache", TACKROOM_MAX_LOG=str(SIZE), TACKROOM_SETTLE_SECONDS="900") as lab:
        halves = []
        for _ in range(2):
            with Sampler(of_lab(lab)) as sampler:
                sent = giant.upload(lab, size)
            assert sent.right
            halves.append(sampler)
            for name, used in sampler.used.items():
                yield Figure(f"a log of {size >> 20:,} MiB: CPU, {name}", used.cpu, more=False, unit="s")
    first, second = (sampler.used for sampler in halves)
    both = [(name, first[name].most, second[name].most) for name in first]
    for name, before, after in both:
        yield Figure(f"10 GiB: the largest {name}, MiB, second half / first", after, before, more=False, unit="MiB")
    yield Figure("10 GiB: the largest process", _most(second), bar=BAR, goal=GOAL, more=False, unit="MiB")
    _, before, after = max(both, key=lambda one: one[2] / one[1])
    yield Figure("10 GiB: flat, second half / first", after, before, bar=FLAT, more=False, unit="MiB")


def _most(used: dict[str, Used]) -> float:
    return max(one.most for one in used.values())

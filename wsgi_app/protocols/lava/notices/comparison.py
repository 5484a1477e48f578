"""What differs between the results of two jobs: suites and cases, their counts, and what became of them."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator

from attrs import define, field

from wsgi_app.protocols.lava.suites import Case

#: lines of each sort
MOST = 200
#: cases that are compared, of each side
MOST_CASES = 200_000
_COUNTED = ("pass", "fail", "skip")


@define
class Side:
    """The results of one job, without those that a comparison leaves out."""

    suites: set[str] = field(factory=set)
    #: by suite and name; of several of one name, the last
    cases: dict[tuple[str, str], str] = field(factory=dict)
    counts: Counter[str] = field(factory=Counter)


def side(cases: Iterable[Case], without: Collection[str]) -> Side:
    """Return the results of a job, but those of suites and cases of these names."""
    found = Side()
    for case in cases:
        if case.suite.name in without or case.name in without or len(found.cases) >= MOST_CASES:
            continue
        found.suites.add(case.suite.name)
        found.cases[case.suite.name, case.name] = case.result
        found.counts[case.result] += 1
    return found


def differences(before: Side, now: Side) -> Iterator[str]:
    """Yield what differs, line by line."""
    yield from _listed("Suites added", sorted(now.suites - before.suites))
    yield from _listed("Suites removed", sorted(before.suites - now.suites))
    yield from _listed("Cases added", _names(now.cases.keys() - before.cases.keys()))
    yield from _listed("Cases removed", _names(before.cases.keys() - now.cases.keys()))
    for word in _COUNTED:
        if before.counts[word] != now.counts[word]:
            yield f"Number of {word}: {before.counts[word]} before, {now.counts[word]} now"
    both = sorted(before.cases.keys() & now.cases.keys())
    changed = [
        f"{'/'.join(key)}: {before.cases[key]} -> {now.cases[key]}"
        for key in both
        if before.cases[key] != now.cases[key]
    ]
    yield from _listed("Results changed", changed)


def _names(keys: Iterable[tuple[str, str]]) -> list[str]:
    return ["/".join(key) for key in sorted(keys)]


def _listed(head: str, found: list[str]) -> Iterator[str]:
    if found:
        yield f"{head}: {len(found)}"
        yield from (f"  {one}" for one in found[:MOST])
        if len(found) > MOST:
            yield f"  and {len(found) - MOST} more"

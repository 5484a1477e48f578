"""Cases as TAP 13: a comment before each suite, the plan at the end, when it is known.

`unknown` is not ok and to do: it neither passes nor fails.
Sources: readers-lava.md 8.3, https://testanything.org/tap-version-13-specification.html
"""

from collections.abc import Iterable, Iterator, Sequence

from wsgi_app.documents.reports.tap import block, described
from wsgi_app.protocols.lava.blocks import blocks
from wsgi_app.protocols.lava.reports.excerpts import Excerpts
from wsgi_app.protocols.lava.suites import FAIL, PASS, SKIP, Case, Suite


def write(cases: Iterable[Case], excerpts: Excerpts) -> Iterator[str]:
    """Yield the document."""
    return blocks(_lines(cases, excerpts))


def _lines(cases: Iterable[Case], excerpts: Excerpts) -> Iterator[str]:
    yield "TAP version 13\n"
    number = 0
    before: Suite | None = None
    for number, case in enumerate(cases, 1):
        if case.suite is not before:
            before = case.suite
            yield f"# TAP results for {before.name}\n"
        yield from _test(number, case, excerpts)
    yield f"1..{number}\n" if number else "1..0 # SKIP no results\n"


def _test(number: int, case: Case, excerpts: Excerpts) -> Iterator[str]:
    line = f"ok {number} {described(case.name)}"
    if case.result == PASS:
        yield f"{line}\n"
    elif case.result == SKIP:
        yield f"{line} # SKIP test skipped\n"
    elif case.result == FAIL:
        yield f"not {line}\n"
        values: dict[str, str | Sequence[str]] = {}
        for name in ("message", "error_type", "error_msg"):
            if name in case.metadata:
                values[name] = case.metadata[name]
        log = excerpts.of(case)
        if log:
            values["log"] = log
        if values:
            yield from block(values)
    else:
        yield f"not {line} # TODO unknown result\n"

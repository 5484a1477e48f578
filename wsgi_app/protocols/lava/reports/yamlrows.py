"""Cases as YAML, as LAVA has it: a list of items, one a line; every value a text, but for the metadata."""

from collections.abc import Iterable, Iterator, Mapping

from wsgi_app.protocols.lava.blocks import blocks
from wsgi_app.protocols.lava.records import quoted
from wsgi_app.protocols.lava.reports.items import item, suite_item
from wsgi_app.protocols.lava.suites import Case, Suite


def write(cases: Iterable[Case]) -> Iterator[str]:
    """Yield the document."""
    return blocks(_lines(map(item, cases)))


def write_suites(suites: Iterable[Suite]) -> Iterator[str]:
    """Yield a list of suites."""
    return blocks(_lines(map(suite_item, suites)))


def metadata(case: Case) -> str:
    """Return a case's metadata as a YAML text of its own."""
    return _mapping(case.metadata)


def _lines(items: Iterable[Mapping[str, str | Mapping[str, str]]]) -> Iterator[str]:
    empty = True
    for one in items:
        empty = False
        yield f"- {_mapping(one)}\n"
    if empty:
        yield "[]\n"


def _mapping(values: Mapping[str, str | Mapping[str, str]]) -> str:
    pairs = (
        f"{name}: {quoted(value) if isinstance(value, str) else _mapping(value)}" for name, value in values.items()
    )
    return f"{{{', '.join(pairs)}}}"

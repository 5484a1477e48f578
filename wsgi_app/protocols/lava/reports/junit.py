"""Cases as JUnit XML: a testsuite for each suite, as many cases as there are.

`fail` is a failure with what the log had around it. What is `unknown` never passes: a result that says neither (Warn,
None) is skipped. That a job or a task of it did not come to its end, or has not yet, is no test's failure: an error.
Source of the dialect: readers-lava.md 8.3, https://github.com/testmoapp/junitxml
"""

import itertools
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from lxml import etree

from wsgi_app.documents.reports.shown import printable
from wsgi_app.protocols.lava.blocks import blocks
from wsgi_app.protocols.lava.reports.excerpts import Excerpts
from wsgi_app.protocols.lava.suites import FAIL, PASS, SKIP, Case, Suite

#: bytes of a suite that are kept in memory; a suite's numbers stand before its cases
_IN_MEMORY = 1 << 20
_PIECE = 65536


def write(cases: Iterable[Case], excerpts: Excerpts, *, name: str, prefix: str = "") -> Iterator[str]:
    """Yield the document, called `name`; `prefix` goes before the names of classes."""
    return blocks(_document(cases, excerpts, name, f"{printable(prefix)}_" if prefix else ""))


def _document(cases: Iterable[Case], excerpts: Excerpts, name: str, prefix: str) -> Iterator[str]:
    # the root's end comes last: what is in between is written as it comes
    yield f'<?xml version="1.0" encoding="UTF-8"?>\n{_opening(etree.Element("testsuites", name=printable(name)))}\n'
    for suite, members in itertools.groupby(cases, lambda case: case.suite):
        yield from _suite(suite, members, excerpts, prefix)
    yield "</testsuites>\n"


def _suite(suite: Suite, cases: Iterable[Case], excerpts: Excerpts, prefix: str) -> Iterator[str]:
    counted: Counter[str] = Counter()
    with tempfile.SpooledTemporaryFile(_IN_MEMORY, "w+", encoding="utf-8", newline="") as written:
        for case in cases:
            element = etree.Element("testcase", name=case.name, classname=prefix + suite.name)
            element.set("timestamp", _time(case.logged))
            counted[_judge(element, case, excerpts)] += 1
            written.write(etree.tostring(element, encoding="unicode") + "\n")
        written.seek(0)
        yield _head(suite, counted)
        while piece := written.read(_PIECE):
            yield piece
    yield "</testsuite>\n"


def _head(suite: Suite, counted: Counter[str]) -> str:
    element = etree.Element("testsuite", name=suite.name, tests=str(counted.total()))
    for name in ("failures", "errors", "skipped", "disabled"):
        element.set(name, str(counted[name]))
    owner = suite.task or suite.part.recipe
    if owner.started is not None and owner.finished is not None:
        element.set("time", f"{owner.finished - owner.started:.3f}")
    if owner.finished is not None:
        element.set("timestamp", _time(owner.finished))
    if suite.part.recipe.system:
        element.set("hostname", printable(suite.part.recipe.system))
    properties = etree.Element("properties")
    etree.SubElement(properties, "property", name="job", value=str(suite.job))
    return f"{_opening(element)}\n{etree.tostring(properties, encoding='unicode')}\n"


def _judge(element: etree._Element, case: Case, excerpts: Excerpts) -> str:
    """Say in a case what it came to, and return which of the suite's counts it belongs to."""
    if case.result == PASS:
        return "passed"
    message = printable(case.metadata.get("message"))
    if case.result == SKIP:
        etree.SubElement(element, "skipped", type="skipped", message=message or "skipped")
        return "skipped"
    if case.said is None:
        kind = case.metadata.get("error_type", case.result)
        why = printable(case.metadata.get("error_msg")) or _unfinished(case)
        etree.SubElement(element, "error", type=kind, message=why)
        return "errors"
    if case.result == FAIL:
        failure = etree.SubElement(element, "failure", type="failure", message=message or "failed")
        failure.text = "\n".join(map(printable, excerpts.of(case))) or _place(case)
        return "failures"
    native = case.metadata["native_result"]
    etree.SubElement(element, "skipped", type="unknown", message=f"unknown: {native} {message}".rstrip())
    return "skipped"


def _unfinished(case: Case) -> str:
    return "it did not come to its end" if case.result == FAIL else "it has not come to its end"


def _place(case: Case) -> str | None:
    """Return log and line of a case, as `tackroom log show` takes them."""
    result = case.said and case.said.result
    return printable(f"recipes/{result.recipe}/{result.log}:{result.line}") if result and result.log else None


def _opening(element: etree._Element) -> str:
    return etree.tostring(element, encoding="unicode").removesuffix("/>") + ">"


def _time(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%S")

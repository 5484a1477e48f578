"""What reports show of the console log around a failure."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from corelab import CoreLab, core_lab
from lavacases import spoken
from lxml import etree
from recorded import Recorded, recorded
from tap.parser import Parser

from wsgi_app.core.cases import Sheet
from wsgi_app.model import LogIndex, ParsedResult
from wsgi_app.protocols.lava.reports import csvrows, jsonlines, junit, tap, yamlrows
from wsgi_app.protocols.lava.reports.excerpts import Excerpts
from wsgi_app.protocols.lava.suites import cases
from wsgi_app.states import ResultValue


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[CoreLab]:
    """A lab."""
    with core_lab(tmp_path) as made:
        yield made


def read(lab: CoreLab, found: Recorded) -> Sheet:
    """Read a recipe."""
    return lab.gateway.cases.read(lab.admin, [found.recipe])


def test_around(lab: CoreLab) -> None:
    """A failure comes with what the console had around it, without secrets and escapes."""
    expected = [
        "reading the disk",
        "sector 17 is the [MASKED] one",
        "it cannot be read",
        "disk fail",
        "[31mgoing on",
        "<LAVA_SIGNAL_TESTSET START net>",
    ]
    found = read(lab, spoken(lab.gateway, lab.admin))
    in_tap = "".join(tap.write(cases(found), Excerpts(found)))
    (block,) = (line.yaml_block for line in Parser().parse_text(in_tap) if getattr(line, "description", "") == "disk")
    assert [line.strip() for line in block["log"]] == expected
    in_junit = "".join(junit.write(cases(found), Excerpts(found), name="job"))
    failures = [one for one in etree.fromstring(in_junit.encode()).iter("testcase") if one.get("name") == "disk"]
    assert [line.strip() for line in (failures[0][0].text or "").splitlines()] == expected
    others = (write(cases(found)) for write in (csvrows.write, yamlrows.write, jsonlines.write))
    assert "hunter2" not in "".join((in_tap, in_junit, *chain.from_iterable(others)))


def test_within_the_task(lab: CoreLab) -> None:
    """At the first and last line of a task, nothing is shown of its neighbours; backwards is as good as forwards."""
    (found,) = recorded(lab.gateway, lab.admin, "one", "two", "three")
    for place in range(3):
        found.begin(place)
        found.write(place, b"".join(b"%d.%d\n" % (place, line) for line in range(1, 4001)))
        found.end(place)
        found.indexed(place)
    results = tuple(ParsedResult(f"/{line}", ResultValue.FAIL, line) for line in (1, 2, 4000, 3000, 3001, 2))
    found.gateway.logs.indexed(
        found.recipe, found.path(1), LogIndex(1, "0" * 64, 4000, b"", None, results, ()), anew=True
    )
    sheet = read(lab, found)
    excerpts = Excerpts(sheet)
    shown = [list(excerpts.of(case)) for case in cases(sheet, "1_two")]
    expected = [range(1, 4), range(1, 5), range(3997, 4001), range(2997, 3003), range(2998, 3004), range(1, 5)]
    assert shown == [[f"1.{line}" for line in lines] for lines in expected]


def test_long_and_gone(lab: CoreLab) -> None:
    """Of a line that has no end, its beginning is shown; of a log that is gone, that it is."""
    (found,) = recorded(lab.gateway, lab.admin, "t")
    found.begin(0)
    found.write(0, b"x" * 300_000 + b"\n")
    found.end(0)
    found.indexed(0)
    results = (ParsedResult("/a", ResultValue.FAIL, 1),)
    found.gateway.logs.indexed(found.recipe, found.path(0), LogIndex(1, "0" * 64, 1, b"", None, results, ()), anew=True)
    sheet = read(lab, found)
    (case,) = cases(sheet, "0_t")
    (line,) = Excerpts(sheet).of(case)
    assert line.startswith("x" * 200) and len(line) < 300
    (lab.config.logs / str(found.recipe) / found.path(0)).unlink()
    assert list(Excerpts(sheet).of(case)) == ["this line is no longer on the disk"]

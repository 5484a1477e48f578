"""Cases as documents: each read by somebody else's parser, all of the same cases."""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from attrs import frozen
from corelab import CoreLab, core_lab
from junitparser import Error, Failure, JUnitXml, Skipped
from lavacases import NASTY, aborted, report, spoken
from lxml import etree
from recorded import Recorded, recorded
from tap.line import Plan, Result
from tap.parser import Parser
from taptext import Told, of_tap

from wsgi_app.core.cases import Sheet
from wsgi_app.indexer.formats.tap import FORMAT as TAP
from wsgi_app.model import ParsedResult
from wsgi_app.protocols.lava.reports import csvrows, jsonlines, junit, tap, yamlrows
from wsgi_app.protocols.lava.reports.excerpts import Excerpts
from wsgi_app.protocols.lava.reports.items import item
from wsgi_app.protocols.lava.suites import Case, cases, suites
from wsgi_app.states import ResultValue

SECOND = "1_distribution.net io"


@frozen
class Written:
    """A recipe as documents."""

    sheet: Sheet

    def cases(self) -> Iterator[Case]:
        """All its cases."""
        return cases(self.sheet)

    def junit(self, **how: str) -> str:
        """JUnit."""
        return "".join(junit.write(self.cases(), Excerpts(self.sheet), **{"name": "job", **how}))

    def tap(self) -> str:
        """TAP."""
        return "".join(tap.write(self.cases(), Excerpts(self.sheet)))

    def csv(self) -> list[dict[str, str]]:
        """CSV, read."""
        return list(csv.DictReader(io.StringIO("".join(csvrows.write(self.cases())), newline="")))

    def yaml(self) -> list[dict[str, Any]]:
        """YAML, read."""
        found: list[dict[str, Any]] = yaml.safe_load("".join(yamlrows.write(self.cases())))
        return found

    def lines(self) -> list[dict[str, Any]]:
        """JSON lines, read."""
        return [json.loads(line) for line in "".join(jsonlines.write(self.cases())).splitlines()]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CoreLab]:
    """A lab."""
    with core_lab(tmp_path_factory.mktemp("lab")) as made:
        yield made


def written(lab: CoreLab, *found: Recorded) -> Written:
    """Read recipes."""
    return Written(lab.gateway.cases.read(lab.admin, [one.recipe for one in found]))


@pytest.fixture(scope="module")
def ran(lab: CoreLab) -> Written:
    """A recipe of which everything was said."""
    return written(lab, spoken(lab.gateway, lab.admin))


@pytest.fixture(scope="module")
def hung(lab: CoreLab, ran: Written) -> Written:
    """A recipe that was aborted."""
    return written(lab, aborted(lab.gateway, lab.admin))


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    """What JUnit XML is."""
    return etree.XMLSchema(etree.parse(Path(__file__).with_name("junit.xsd")))


def test_same_everywhere(ran: Written, hung: Written) -> None:
    """Item 43: all documents have the same suites, cases and results, as often as they are there."""
    for one in (ran, hung):
        expected = Counter((case.suite.name, case.name, case.result) for case in one.cases())
        assert sum(expected.values()) == len(list(one.cases())) > 2
        said = [Counter((row["suite"], row["name"], row["result"]) for row in rows) for rows in (one.csv(), one.yaml())]
        said.append(Counter((row["suite"], row["name"], row["result"]) for row in one.lines()))
        said.append(_told_by_junit(one.junit()))
        said.append(of_tap(one.tap()))
        assert said == [expected] * 5


def _told_by_junit(text: str) -> Told:
    told: Told = Counter()
    for suite in etree.fromstring(text.encode()).iter("testsuite"):
        for case in suite.iter("testcase"):
            (kind, why) = next(((str(part.tag), part.get("type", "")) for part in case), ("", "pass"))
            word = "fail" if kind in ("failure", "error") and why != "unknown" else {"skipped": "skip"}.get(why, why)
            told[suite.get("name", ""), case.get("name", ""), word] += 1
    return told


def test_csv(ran: Written) -> None:
    """Item 40: CSV has LAVA's 15 columns, all quoted, with what the items of the cases have; metadata as JSON."""
    text = "".join(csvrows.write(ran.cases()))
    assert text.partition("\r\n")[0] == (
        '"job","suite","result","measurement","unit","duration","timeout","logged","level","metadata","url","name",'
        '"id","log_start_line","log_end_line"'
    )
    rows, items = ran.csv(), [item(case) for case in ran.cases()]
    assert len(rows) == len(items)
    for row, expected in zip(rows, items, strict=True):
        assert (row.pop("duration"), row.pop("timeout")) == ("", "")
        assert {**row, "metadata": json.loads(row["metadata"])} == expected
    assert "None" in {row["measurement"] for row in rows}


def test_yaml(ran: Written) -> None:
    """Item 40: YAML has the items as they are: texts, whatever they look like; and is ASCII, in whatever version."""
    text = "".join(yamlrows.write(ran.cases()))
    assert text.isascii()
    found = ran.yaml()
    assert found == [item(case) for case in ran.cases()]
    for row in found:
        assert all(isinstance(value, str) for name, value in row.items() if name != "metadata")
        assert all(isinstance(value, str) for value in row["metadata"].values())
    assert yaml.safe_load("".join(yamlrows.write(()))) == []
    case = next(ran.cases())
    assert yaml.safe_load(yamlrows.metadata(case)) == case.metadata


def test_lists_of_suites(ran: Written) -> None:
    """Suites are listed as YAML and as CSV."""
    expected = [{"name": one.name, "job": str(one.job), "id": str(one.id)} for one in suites(ran.sheet)]
    assert yaml.safe_load("".join(yamlrows.write_suites(suites(ran.sheet)))) == expected
    text = "".join(csvrows.write_suites(suites(ran.sheet)))
    assert list(csv.DictReader(io.StringIO(text))) == expected


def test_json_lines(ran: Written) -> None:
    """A line has numbers as numbers, what there is not as null, and what LAVA has no word for."""
    (up,) = (row for row in ran.lines() if row["name"] == "up")
    assert (up["result"], up["native_result"], up["source"]) == ("pass", "Pass", "log")
    assert (up["measurement"], up["units"], up["set"], up["message"]) == (12, "s", None, None)
    assert (up["log"], up["line"]) == (f"tasks/{up['task']}/logs/taskout.log", 3)
    assert up["record"] == 3
    assert datetime.fromisoformat(up["logged"]).tzinfo is not None
    job, first = ran.lines()[:2]
    assert (job["task"], first["task"], job["record"]) == (None, first["id"], None)


def test_junit(ran: Written, schema: etree.XMLSchema, tmp_path: Path) -> None:
    """Item 41: JUnit is valid, its numbers are right, and what is unknown is no pass."""
    text = ran.junit(prefix="board")
    schema.assertValid(etree.fromstring(text.encode()))
    file = tmp_path / "junit.xml"
    file.write_text(text)
    found = list(JUnitXml.fromfile(str(file)))
    assert [suite.name for suite in found] == ["lava", "0_smoke", SECOND]
    for suite in found:
        own = [case for case in ran.cases() if case.suite.name == suite.name]
        words = Counter(case.result for case in own)
        kinds = Counter(type(part) for case in suite for part in case.result)
        assert suite.tests == len(list(suite)) == len(own)
        assert suite.failures == kinds[Failure] == words["fail"]
        assert suite.skipped == kinds[Skipped] == words["skip"] + words["unknown"]
        assert suite.errors == kinds[Error] == 0
        assert {case.classname for case in suite} == {f"board_{suite.name}"}
    (trace,) = (case for case in found[1] if case.name == "trace")
    assert (trace.result[0].type, trace.result[0].message) == ("unknown", "unknown: Warn unknown")


def test_junit_of_what_did_not_end(hung: Written, schema: etree.XMLSchema, tmp_path: Path) -> None:
    """Item 41: that a job did not come to its end is an error, and no failure of a test."""
    file = tmp_path / "junit.xml"
    file.write_text(hung.junit())
    schema.assertValid(etree.parse(file))
    own, *tasks = JUnitXml.fromfile(str(file))
    assert (own.tests, own.failures, own.errors, own.skipped) == (3, 0, 2, 1)
    (error,) = next(iter(own)).result
    assert (error.type, error.message) == ("Infrastructure", "out of <paper>")
    # that it was aborted is said of its tasks, too
    assert [(suite.name, suite.errors) for suite in tasks] == [("0_hangs", 0), ("1_never begun", 0)]


def test_tap(ran: Written, hung: Written) -> None:
    """Item 42: TAP's plan is the number of its points, which are numbered; skip and to do are directives."""
    for one in (ran, hung):
        lines = list(Parser().parse_text(one.tap()))
        points = [line for line in lines if isinstance(line, Result)]
        (plan,) = (line for line in lines if isinstance(line, Plan))
        assert [point.number for point in points] == [*range(1, plan.expected_tests + 1)]
        assert len(points) == len(list(one.cases()))
        assert not [line for line in lines if line.category == "unknown"]
    assert {point.directive.text for point in points if point.skip} == {"SKIP test skipped"}
    to_do = [line.directive.text for line in Parser().parse_text(ran.tap()) if isinstance(line, Result) and line.todo]
    assert to_do == ["TODO unknown result"] * 3


def test_text_of_strangers(ran: Written, schema: etree.XMLSchema) -> None:
    """No document has a control character in it; nothing in a name is a directive or markup."""
    for text in (ran.junit(name=NASTY, prefix=NASTY), ran.tap()):
        assert all(char.isprintable() or char == "\n" for char in text)
    root = etree.fromstring(ran.junit(name=NASTY, prefix=NASTY).encode())
    schema.assertValid(root)
    assert root.get("name") == '=a "b" <c>&amp; \U0001f600 \\x1b[31m\\x7f\\u2028 \\ é'


def test_directives_in_names(lab: CoreLab, ran: Written) -> None:
    """A number sign in a name begins no directive."""
    (found,) = recorded(lab.gateway, lab.admin, "t")
    found.begin(0)
    report(found, 0, ResultValue.FAIL, "a # TODO b")
    text = written(lab, found).tap()
    assert "\nnot ok 3 a \\# TODO b\n" in text
    said = [one for one in TAP.parse(enumerate(text.encode().splitlines(), 1)) if isinstance(one, ParsedResult)]
    assert [one.result for one in said if one.path.endswith("b") and "job" not in one.path] == [ResultValue.FAIL]
    found.end(0)
    found.settle()


def test_several_recipes(ran: Written, hung: Written, lab: CoreLab, schema: etree.XMLSchema) -> None:
    """Of several recipes, one document has the cases of all."""
    both = Written(lab.gateway.cases.read(lab.admin, [one.sheet.parts[0].recipe.id for one in (ran, hung)]))
    assert both.lines() == ran.lines() + hung.lines()
    schema.assertValid(etree.fromstring(both.junit().encode()))
    assert of_tap(both.tap()) == of_tap(ran.tap()) + of_tap(hung.tap())


@pytest.mark.parametrize(
    "write",
    [
        lambda found, sheet: csvrows.write(found),
        lambda found, sheet: yamlrows.write(found),
        lambda found, sheet: jsonlines.write(found),
        lambda found, sheet: tap.write(found, Excerpts(sheet)),
    ],
    ids=["csv", "yaml", "json", "tap"],
)
def test_as_they_come(ran: Written, write: Callable[[Iterable[Case], Sheet], Iterator[str]]) -> None:
    """A document is written while its cases come: of those without end, a few make the first block."""
    taken = 0

    def endless() -> Iterator[Case]:
        nonlocal taken
        case = next(ran.cases())
        while True:
            taken += 1
            yield case

    assert next(write(endless(), ran.sheet))
    assert taken < 10_000

"""Suites and cases, as LAVA's readers know them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from corelab import CoreLab, core_lab
from lavacases import NASTY, aborted, report, spoken
from recorded import Recorded, recorded

from wsgi_app.core.cases import Sheet
from wsgi_app.core.selection import Reference
from wsgi_app.errors import NotFound
from wsgi_app.protocols.lava.measures import measured, moment
from wsgi_app.protocols.lava.reports.items import item, suite_item
from wsgi_app.protocols.lava.suites import Case, cases, cases_of, count, count_of, one, suites
from wsgi_app.states import ResultValue

SECOND = "1_distribution.net io"


@frozen
class Ran:
    """A lab, and a recipe that was run in it."""

    lab: CoreLab
    recipe: Recorded
    sheet: Sheet

    def cases(self, *names: str) -> dict[str, Case]:
        """Return the cases by name."""
        return {case.name: case for case in cases(self.sheet, *names)}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    """A recipe of which everything was said."""
    with core_lab(tmp_path_factory.mktemp("lab")) as lab:
        found = spoken(lab.gateway, lab.admin)
        yield Ran(lab, found, lab.gateway.cases.read(lab.admin, [found.recipe]))


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[CoreLab]:
    """A lab of the test's own."""
    with core_lab(tmp_path) as made:
        yield made


def read(lab: CoreLab, *recipes: int) -> Sheet:
    """Read recipes."""
    return lab.gateway.cases.read(lab.admin, recipes)


def test_suites(ran: Ran) -> None:
    """The recipe's own, and one for each task: with its number, and points for slashes."""
    found = suites(ran.sheet)
    assert [(suite.name, suite.id) for suite in found] == [
        ("lava", ran.recipe.recipe),
        ("0_smoke", ran.recipe.tasks[0]),
        (SECOND, ran.recipe.tasks[1]),
    ]
    assert suite_item(found[1]) == {
        "name": "0_smoke",
        "job": str(ran.recipe.recipe),
        "id": str(ran.recipe.tasks[0]),
    }


def test_names(ran: Ran) -> None:
    """Item 37: all, a suite's, a case's; a suite that is not there is told, a case that is not is nothing."""
    assert [case.name for case in cases(ran.sheet, "0_smoke")] == ["up", "disk", "ping", "trace"]
    assert [case.name for case in cases(ran.sheet, "0_smoke", "disk")] == ["disk"]
    assert not list(cases(ran.sheet, "0_smoke", "DISK"))
    assert not list(cases(ran.sheet, "0_smoke", "is"))
    assert [case.name for case in cases(ran.sheet, None, "job")] == ["job"]
    for call in (suites, cases, count):
        with pytest.raises(NotFound, match="there is no suite '0_other'"):
            call(ran.sheet, "0_other")
    # a name that had to be made printable, and that of a result without one
    (nasty,) = (case.name for case in cases(ran.sheet, SECOND) if "\U0001f600" in case.name)
    assert nasty.isprintable() and nasty.startswith('=a "b" <c>&amp; \U0001f600 \\x1b[31m\\x7f\\u2028')
    assert [case.name for case in cases(ran.sheet, SECOND, nasty)] == [nasty]
    assert [case.result for case in cases(ran.sheet, SECOND, "distribution.net io")] == ["pass"]


def test_windows(ran: Ran) -> None:
    """Item 38: windows of any size cover all cases without overlap, of all suites, of one, and of a name."""
    for names in ((), ("lava",), ("0_smoke",), (SECOND,)):
        everything = [case.id for case in cases(ran.sheet, *names)]
        assert count(ran.sheet, *names) == len(everything) == len(set(everything))
        for size in (1, 2, 3, 7, len(everything), len(everything) + 1):
            windows = [
                [case.id for case in cases(ran.sheet, *names, offset=offset, limit=size)]
                for offset in range(0, len(everything) + size, size)
            ]
            assert [number for window in windows for number in window] == everything, (names, size)
            assert all(len(window) == size for window in windows[:-2]), (names, size)
    assert [case.name for case in cases(ran.sheet, None, "up", offset=1)] == []
    by_suite = [case.id for suite in suites(ran.sheet) for case in cases_of(ran.sheet, suite)]
    assert by_suite == [case.id for case in cases(ran.sheet)]
    assert sum(count_of(ran.sheet, suite) for suite in suites(ran.sheet)) == len(by_suite)


def test_words(ran: Ran) -> None:
    """Each value has one of LAVA's four words, and none but Pass is `pass`; what it was stands in the metadata."""
    found = ran.cases(SECOND)
    assert {name: found[name].result for name in ("None", "Skip", "Pass", "Warn", "Fail")} == {
        "None": "unknown",
        "Skip": "skip",
        "Pass": "pass",
        "Warn": "unknown",
        "Fail": "fail",
    }
    assert all(found[name].metadata["native_result"] == name for name in ("None", "Skip", "Pass", "Warn", "Fail"))
    smoke = ran.cases("0_smoke")
    assert [smoke[name].result for name in ("up", "disk", "ping", "trace")] == ["pass", "fail", "skip", "unknown"]


def test_sets_and_measurements(ran: Ran) -> None:
    """What is between suite and name is the set; a score is a measurement where there is no other."""
    smoke, second = ran.cases("0_smoke"), ran.cases(SECOND)
    assert [smoke[name].set for name in ("up", "ping", "trace")] == ["", "net", "net"]
    assert (smoke["up"].measurement, smoke["up"].units) == ("12.0000000000", "s")
    assert (second["Pass"].set, second["Pass"].measurement, second["Pass"].units) == ("said", "7.0000000000", "")
    assert (second["Fail"].measurement, "measurement" in second["Fail"].metadata) == ("None", False)


def test_item(ran: Ran) -> None:
    """Item 40: an item has LAVA's keys; all values are texts but the metadata; no measurement is `None`."""
    disk = ran.cases("0_smoke")["disk"]
    found = item(disk)
    (line,) = (str(record.number) for record in ran.recipe.records() if record.words == "disk fail  ")
    assert found == {
        "name": "disk",
        "job": str(ran.recipe.recipe),
        "suite": "0_smoke",
        "result": "fail",
        "measurement": "None",
        "unit": "",
        "level": "",
        "url": f"/results/testcase/{disk.id}",
        "id": str(disk.id),
        "logged": moment(disk.logged),
        "log_start_line": line,
        "log_end_line": line,
        "metadata": {
            "definition": "0_smoke",
            "case": "disk",
            "result": "fail",
            "native_result": "Fail",
            "source": "log",
        },
    }
    second = item(ran.cases(SECOND)["Fail"])
    assert (second["log_start_line"], second["log_end_line"]) == ("", "")


def test_own_suite(ran: Ran) -> None:
    """Item 39: `lava` has `job`, and a case for each task; what passed has no error."""
    found = ran.cases("lava")
    assert [(case.name, case.id, case.result) for case in found.values()] == [
        ("job", ran.recipe.recipe, "pass"),
        ("0_smoke", ran.recipe.tasks[0], "pass"),
        (SECOND, ran.recipe.tasks[1], "pass"),
    ]
    assert found["job"].metadata == {
        "definition": "lava",
        "case": "job",
        "result": "pass",
        # as LAVA has it: that it came to its end, whatever its tests say
        "native_result": "Completed",
        "source": "controller",
    }


def test_own_suite_of_what_did_not_end(lab: CoreLab) -> None:
    """Item 39: an Incomplete `job` fails, with error_type and error_msg; a task that was never begun is skipped."""
    found = aborted(lab.gateway, lab.admin)
    own = {case.name: case for case in cases(read(lab, found.recipe), "lava")}
    assert {name: case.result for name, case in own.items()} == {
        "job": "fail",
        "0_hangs": "fail",
        "1_never begun": "skip",
    }
    assert own["job"].metadata["error_type"] == "Infrastructure"
    assert own["job"].metadata["error_msg"] == "out of <paper>"


def test_script_that_failed(lab: CoreLab) -> None:
    """How the script of a test ended is no case of the test: it is that of its task; of a plain command it is one."""
    for live in (True, False):
        (found,) = recorded(lab.gateway, lab.admin, "good", "bad", live=live)
        for place, value in enumerate((ResultValue.PASS, ResultValue.FAIL)):
            found.begin(place)
            report(found, place, value, "exit_code", score=place)
            report(found, place, ResultValue.PASS, None)
            found.end(place)
        found.settle()
        sheet = read(lab, found.recipe)
        told = {(case.suite.name, case.name): case.result for case in cases(sheet)}
        assert count(sheet) == len(told)
        own = {("lava", "job"): "pass", ("lava", "0_good"): "pass", ("lava", "1_bad"): "fail" if live else "pass"}
        bare = {("0_good", "good"): "pass", ("1_bad", "bad"): "pass"}
        codes = {} if live else {("0_good", "exit_code"): "pass", ("1_bad", "exit_code"): "fail"}
        assert told == own | bare | codes
        for place, suite in enumerate(("0_good", "1_bad")):
            assert [case.id for case in cases(sheet, suite, offset=1)] == [case.id for case in cases(sheet, suite)][
                1:
            ], place


def test_unsettled_and_cancelled(lab: CoreLab) -> None:
    """Before a recipe is settled, and when it was cancelled, its job is `unknown`."""
    (found,) = recorded(lab.gateway, lab.admin, "one", "two")

    def words() -> list[str]:
        return [case.result for case in cases(read(lab, found.recipe), "lava")]

    assert words() == ["unknown"] * 3
    found.begin(0)
    found.end(0)
    assert words() == ["unknown", "pass", "unknown"]
    found.begin(1)
    lab.gateway.jobs.cancel(lab.admin, lab.recipe(found.recipe).job)
    lab.gateway.watchdogs.expire()
    found.settle()
    assert words() == ["unknown", "pass", "unknown"]


def test_live(lab: CoreLab) -> None:
    """While a recipe runs, what was said by then is there."""
    (found,) = recorded(lab.gateway, lab.admin, "t")
    found.begin(0)
    number = report(found, 0, ResultValue.PASS, "first")
    assert [(case.name, case.id) for case in cases(read(lab, found.recipe), "0_t")] == [("first", number)]
    report(found, 0, ResultValue.FAIL, "second")
    assert [case.result for case in cases(read(lab, found.recipe), "0_t")] == ["pass", "fail"]


def test_several_recipes(lab: CoreLab) -> None:
    """Of several recipes, the suites of all are there, each with the name of its own job."""
    first, second = recorded(lab.gateway, lab.admin, "t", recipes=2)
    for found in (first, second):
        found.begin(0)
        report(found, 0, ResultValue.PASS, "same")
    sheet = lab.gateway.cases.read(lab.admin, Reference("any", lab.recipe(first.recipe).recipe_set))
    names = f"{first.recipe}.0", f"{first.recipe}.1"
    assert [(suite.name, suite.job) for suite in suites(sheet)] == [
        (name, job) for job in names for name in ("lava", "0_t")
    ]
    assert [case.suite.job for case in cases(sheet, "0_t", "same")] == [*names]


def test_one(ran: Ran) -> None:
    """A case is found by its id, whatever it stands for."""
    for case in cases(ran.sheet):
        assert one(ran.sheet, case.id) == case
    assert one(ran.sheet, 999_999) is None
    assert one(ran.sheet, read(ran.lab, ran.recipe.recipe).parts[0].job.id) is None


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (None, "None"),
        (0, "0.0000000000"),
        (-7, "-7.0000000000"),
        (0.1, "0.1000000000"),
        (1e300, "1" + "0" * 300 + ".0000000000"),
        (1e-300, "0.0000000000"),
        (float("nan"), "None"),
        (float("inf"), "None"),
    ],
)
def test_measured(number: Any, text: str) -> None:
    """A measurement has ten places, whatever it is."""
    assert measured(number) == text


def test_nasty(ran: Ran) -> None:
    """A message is kept as it was said, but for secrets."""
    (nasty,) = (case for case in cases(ran.sheet, SECOND) if "\U0001f600" in case.name)
    assert nasty.metadata["message"] == f"[MASKED] {NASTY}"

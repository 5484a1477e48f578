"""The record stream of recipes: its numbers, its ranges, its end."""

from pathlib import Path
from typing import Any

import pytest
from campaigning import Campaigner, a_test, plan
from recorded import Recorded, recorded

from wsgi_app.config import Config
from wsgi_app.core import console, records
from wsgi_app.core.linefile import LONGEST_LINE
from wsgi_app.core.record import Level
from wsgi_app.core.selection import Place, Reference
from wsgi_app.errors import Denied, NoSuchRecipe, Unauthenticated
from wsgi_app.model import Caller
from wsgi_app.states import Visibility

ANYONE = Caller(None, "127.0.0.1")


@pytest.fixture
def two(bench: Any) -> Recorded:
    """A recipe of two tasks, on its system."""
    return recorded(bench.gateway, bench.admin, "first", "second")[0]


def test_the_stream(bench: Any, two: Recorded) -> None:
    """A task's begin, its lines, its end, and only then the next task's; numbers from 0, times that never go back."""
    assert two.records() == []
    bench.clock.now += 5
    two.begin(0)
    two.write(0, b"one\ntwo\n")
    assert two.words() == ["first", "one", "two"]
    bench.clock.now += 5
    two.end(0)
    two.begin(1)
    two.write(1, b"three\nfour")
    # the log of the first is not read to its end yet
    assert two.words() == ["first", "one", "two"]
    two.indexed(0)
    assert two.words() == ["first", "one", "two", "first", "second", "three"]
    bench.clock.now += 70
    two.end(1)
    two.indexed(1)
    assert not two.finished()
    two.settle()
    assert two.finished()
    found = two.records()
    assert [record.words for record in found] == ["first", "one", "two", "first", "second", "three", "four", "second"]
    assert [record.number for record in found] == list(range(8))
    begun = 1_000_005.0
    assert [record.time - begun for record in found] == [0, 0, 0, 5, 5, 5, 5, 75]
    phases = [(one.phase.place, one.phase.seconds, one.phase.ended) for one in found if one.phase is not None]
    assert phases == [(0, 1800, False), (0, 5, True), (1, 1800, False), (1, 70, True)]
    assert {record.level for record in found} == {Level.INFO, Level.OUTPUT}


def test_ranges(two: Recorded) -> None:
    """Any range is that part of the whole; what lies beyond is nothing; the count is that of all."""
    two.begin(0)
    two.write(0, b"".join(b"line %d\n" % number for number in range(20_000)))
    two.end(0)
    two.indexed(0)
    two.begin(1)
    two.write(1, b"".join(b"more %d\n" % number for number in range(20_000)))
    whole = two.records()
    assert len(whole) == 40_003
    for start in (0, 1, 2, 777, 19_999, 20_000, 20_001, 20_002, 20_003, 33_333, 40_002, 40_003, 50_000):
        for length in (0, 1, 2, 5000):
            assert two.records(start, start + length) == whole[start : start + length], (start, length)
    assert two.records(-5, 3) == whole[:3]
    assert two.records(5, 3) == []
    assert two.gateway.records.count(two.admin, [two.recipe]) == 40_003


def test_finished(two: Recorded) -> None:
    """A stream is over for who has read to its end, once its recipe is settled; not before."""
    for place in (0, 1):
        two.begin(place)
        two.write(place, b"a\n")
        two.end(place)
        two.indexed(place)
    read = two.gateway.records.read
    assert (two.gateway.records.count(two.admin, [two.recipe]), read(two.admin, [two.recipe]).finished) == (6, False)
    two.settle()
    assert [read(two.admin, [two.recipe], 0, end).finished for end in (None, 0, 5, 6, 99)] == [
        True,
        False,
        False,
        True,
        True,
    ]
    assert read(two.admin, [two.recipe], 99).finished


def test_a_silent_task(bench: Any, two: Recorded) -> None:
    """A task that wrote nothing ends in the stream, too, when nothing can come to its log any more."""
    two.begin(0)
    two.end(0)
    assert two.words() == ["first"]
    bench.clock.now += 1
    assert two.words() == ["first", "first"]


def test_what_was_never_begun(bench: Any, two: Recorded) -> None:
    """A task that was never begun has no records; why its recipe was aborted is the last, behind its other logs."""
    two.begin(0)
    two.write(0, b"a\n")
    two.append("logs/console.log", b"x")
    bench.gateway.recipes.abort(bench.admin, two.recipe, "the board is on fire")
    two.indexed(0)
    two.index("logs/console.log")
    two.settle()
    found = two.records()
    assert [record.words for record in found] == [
        "first",
        "a",
        "first",
        "log logs/console.log (1 bytes)",
        "the board is on fire",
    ]
    assert found[-1].level is Level.ERROR
    assert two.finished()
    assert two.records(3) == found[3:]
    assert two.records(4) == found[4:]


def test_between_two_runs(bench: Any) -> None:
    """The records of a campaign are not over before it is, even if all that it has made is; those of a recipe are."""
    lab = Campaigner(bench.gateway, bench.admin)
    job = lab.submit(plan(a_test("one", ["a"]), runs=2, run_interval=60.0))
    lab.play("a")
    (only,) = [recipe for group in lab.job(job).recipe_sets for recipe in group.recipes]
    read = bench.gateway.records.read
    assert only.settled
    assert read(bench.admin, Reference("recipe", only.id)).finished
    assert not read(bench.admin, Reference("job", job)).finished


def test_one_behind_the_other(bench: Any) -> None:
    """Of several recipes, the records of one come when those before it are over; each has its own bases."""
    one, other = recorded(bench.gateway, bench.admin, "t", recipes=2)
    for place, recipe in enumerate((one, other)):
        bench.clock.now += 1
        recipe.begin(0)
        recipe.write(0, b"%d\n" % place)
    both = Reference("set", bench.recipe(one.recipe).recipe_set)

    def words() -> list[str]:
        return [record.words for record in bench.gateway.records.read(bench.admin, both).records]

    assert words() == ["t", "0"]
    bench.clock.now += 1
    for recipe in (one, other):
        recipe.end(0)
        recipe.indexed(0)
    assert words() == ["t", "0", "t"]
    one.settle()
    assert words() == ["t", "0", "t", "t", "1", "t"]
    assert not bench.gateway.records.read(bench.admin, both).finished
    other.settle()
    assert bench.gateway.records.read(bench.admin, both).finished
    stream = list(bench.gateway.records.read(bench.admin, both).records)
    assert [record.number for record in stream] == list(range(6))
    assert [record.time for record in stream] == sorted(record.time for record in stream)
    assert [record.words for record in bench.gateway.records.read(bench.admin, Place(one.recipe, 1)).records] == [
        "t",
        "1",
        "t",
    ]


def test_bases(bench: Any, two: Recorded) -> None:
    """Line L of a task's log is the record of its base plus L; a task that has not begun has none."""
    two.begin(0)
    two.write(0, b"a\nb\n")
    ground = bench.gateway._ground

    def known() -> dict[int, int]:
        with ground.read() as tx:
            return records.bases(tx, ground, bench.recipe(two.recipe))

    assert known() == {two.tasks[0]: 0}
    two.end(0)
    two.indexed(0)
    two.begin(1)
    two.write(1, b"c\nd\n")
    assert known() == {two.tasks[0]: 0, two.tasks[1]: 4}
    assert two.words(known()[two.tasks[1]] + 2, known()[two.tasks[1]] + 3) == ["d"]


def test_cases(two: Recorded) -> None:
    """A line that is nothing but a test case's signal says so; any other line is output, whatever is in it."""
    two.begin(0)
    two.write(
        0,
        b"<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=a RESULT=pass>\n"
        b"[  12.345678] <LAVA_SIGNAL_TESTCASE TEST_CASE_ID=b RESULT=fail UNITS=s MEASUREMENT=1.5>\r\n"
        b"x <LAVA_SIGNAL_TESTCASE TEST_CASE_ID=a RESULT=pass>\n"
        b"<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=a RESULT=pass> y\n"
        b"<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=$1 RESULT=pass>\n"
        b"<LAVA_SIGNAL_TESTCASE RESULT=pass>\n"
        b"<LAVA_SIGNAL_STARTRUN 0_smoke 1>\n",
    )
    found = two.records(1)
    said = [None if one.said is None else (one.said.case.name, one.said.case.measurement) for one in found]
    assert said == [("a", ""), ("b", "1.5"), None, None, None, None, None]
    assert [one.level for one in found] == [Level.RESULT] * 2 + [Level.OUTPUT] * 5


def test_what_a_console_may_hold(two: Recorded) -> None:
    """Escapes and the last carriage return go, bytes that are no UTF-8 are replaced, all else is what it is."""
    two.begin(0)
    two.write(
        0,
        b"10%\r20%\r30%\r\n\x1b[1mbold\x1b[0m\n\xff\0\xc2\x85\n\xf0\x9f\x98\x80\xe2\x80\xa8x\n\n\xc2\x9b2J\xc2\x9d!\n",
    )
    told = ["10%\r20%\r30%", "[1mbold[0m", "\ufffd\0\x85", "\U0001f600\u2028x", "", "2J!"]
    assert two.words(1) == told


def test_a_very_long_line(two: Recorded) -> None:
    """A line of any length up to a MiB is whole; of a longer one its length is told; the lines behind it are right."""
    two.begin(0)
    two.write(0, b"a" * LONGEST_LINE + b"\n" + b"b" * (3 * LONGEST_LINE) + b"\nc\n")
    whole, cut, after = two.words(1)
    assert whole == "a" * LONGEST_LINE
    assert cut == "b" * LONGEST_LINE + f" [... {3 * LONGEST_LINE} bytes]"
    assert after == "c"


def test_a_log_that_is_gone(bench: Any, two: Recorded) -> None:
    """Lines of a log that was taken away are missed where they were: no number changes."""
    two.begin(0)
    two.write(0, b"a\nb\n")
    two.end(0)
    two.indexed(0)
    (bench.config.logs / str(two.recipe) / two.path(0)).unlink()
    two.begin(1)
    found = two.records()
    assert [(one.number, one.level) for one in found][1:3] == [(1, Level.ERROR), (2, Level.ERROR)]
    assert [one.words for one in found][3:] == ["first", "second"]


def test_who_may_read(bench: Any) -> None:
    """What is private is for those who may; what is not there is for nobody."""
    (private,) = recorded(bench.gateway, bench.admin, "t", visibility=Visibility.PRIVATE)
    for which in ([private.recipe], Reference("recipe", private.recipe)):
        with pytest.raises(Unauthenticated):
            bench.gateway.records.read(ANYONE, which)
        with pytest.raises(Denied):
            bench.gateway.records.raw(Caller("Bearer nonsense", "127.0.0.1"), which)
    with pytest.raises(NoSuchRecipe):
        bench.gateway.records.read(bench.admin, [private.recipe, 999_999])
    with pytest.raises(NoSuchRecipe):
        bench.gateway.records.count(bench.admin, [])


def test_a_poll_reads_what_is_new(bench: Any, two: Recorded) -> None:
    """However many follow a log, each byte of it is counted once, and a poll reads little more than its records."""
    two.begin(0)
    two.write(0, b"x" * 99 + b"\n")
    two.write(0, (b"x" * 99 + b"\n") * 100_000)
    assert len(two.records()) == 100_002
    before = read_by_now()
    for number in range(50):
        two.write(0, b"more\n")
        assert two.words(100_002 + number) == ["more"]
    # sqlite's pages, too; 10 MB each without what is known
    assert read_by_now() - before < 50 * 300_000
    assert bench.gateway.records.count(bench.admin, [two.recipe]) == 100_052


def read_by_now() -> int:
    """Return how many bytes this process has read, from wherever."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("rchar:")))


def test_other_file(bench: Any, two: Recorded) -> None:
    """What is known of a log that was replaced, cut or written over holds no longer."""
    two.begin(0)
    two.write(0, b"a\nb\nc\n" * 30_000)
    assert bench.gateway.records.count(bench.admin, [two.recipe]) == 90_001
    path = bench.config.logs / str(two.recipe) / two.path(0)
    path.write_bytes(b"new\n")
    assert two.words(1) == ["new"]
    other = path.with_name("other")
    other.write_bytes(b"replaced\nwhole\n")
    other.replace(path)
    assert two.words(1) == ["replaced", "whole"]
    path.write_bytes(b"repl\nced\nwhole\nfour\n")
    assert two.words(1) == ["repl", "ced", "whole", "four"]
    assert two.words(3) == ["whole", "four"]


def test_the_name_is_said_once() -> None:
    """The console log's name is the one that is made in advance."""
    assert console.CONSOLE in Config(data=Path()).precreate

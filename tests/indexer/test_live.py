"""Console logs of live tasks, on a real core and a real disk: read as they grow, stored once, right in the end."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from attrs import evolve
from corelab import CoreLab, core_lab
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from inotify_simple import INotify, flags
from livelog import BEGIN, Run, case

from wsgi_app.core.live import Told
from wsgi_app.indexer import index, service
from wsgi_app.indexer.formats.lava import Signals
from wsgi_app.model import ParsedResult, Result
from wsgi_app.states import LogState, ResultValue

Until = Callable[[Callable[[], bool]], None]


def said(results: Sequence[Result] | Sequence[ParsedResult]) -> Counter[tuple[object, ...]]:
    """Return what results say, without what the database gives them."""
    return Counter(
        (one.path, one.result, one.line, one.message, one.score, one.measurement, one.units) for one in results
    )


@pytest.fixture
def run(lab: CoreLab) -> Run:
    """A recipe whose task is live."""
    return Run(lab)


def so_far(content: bytes) -> list[ParsedResult]:
    """Return what the whole lines of a log tell before it ends."""
    signals = Signals()
    lines = content.split(b"\n")[:-1]
    told = (found for number, line in enumerate(lines, 1) for found in signals.feed(number, line))
    return [found for found in told if isinstance(found, ParsedResult)]


def test_results_come_with_their_lines(run: Run) -> None:
    """A result is there as soon as its line is whole, with its measurement, its line and one event; the task's too."""
    run.grow(BEGIN + case("lscpu") + b"<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=boot-ti")
    assert [(one.path, one.result, one.line) for one in run.results()] == [("/0_smoke/lscpu", ResultValue.PASS, 2)]
    run.grow(b"me RESULT=fail MEASUREMENT=12.75 UNITS=s>\r\nnoise")
    _, second = run.results()
    assert (second.path, second.line, second.measurement, second.units) == ("/0_smoke/boot-time", 3, 12.75, "s")
    assert (second.message, second.source, second.log) == (None, "log", run.path)
    assert run.lab.recipe(run.recipe.id).tasks[0].result is ResultValue.FAIL
    assert run.lab.recipe(run.recipe.id).status.finished is False
    before = run.results()
    run.grow(b"\n<LAVA_SIGNAL_ENDRUN 0_smoke 1>\n")
    run.finish()
    assert run.results() == before
    assert run.told() == [one.id for one in before]


LINES = st.sampled_from(
    [
        BEGIN,
        b"<LAVA_SIGNAL_STARTRUN 1_other 2>\n",
        b"<LAVA_SIGNAL_ENDRUN 0_smoke 1>\n",
        b"<LAVA_SIGNAL_TESTSET START net>\n",
        b"<LAVA_SIGNAL_TESTSET STOP>\n",
        b"<LAVA_SIGNAL_STARTTC a>\n",
        b"<LAVA_SIGNAL_ENDTC a>\n",
        case("a"),
        case("b", "fail", " MEASUREMENT=1e3 UNITS=MB/s") + case("b", "fail", " MEASUREMENT=1e3 UNITS=MB/s"),
        case("c", "unknown", " MEASUREMENT=much"),
        b"[    1.000000] " + case("d", "skip"),
        b"[    1.000000] a\n[    1.000001] b\n[    1.000002] c\n",
        b"<LAVA_SIGNAL_TESTRAISE it broke>\n",
        b"some noise\r\n",
        b"x" * 9000 + case("far"),
        b"\n",
        b"\xff\xfe\0\n",
        b"no end",
    ]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(LINES, max_size=25),
    cuts=st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=8),
)
def test_any_steps_come_to_what_one_pass_finds(
    shared: CoreLab, lines: list[bytes], cuts: list[tuple[float, bool]]
) -> None:
    """However a log grows, and whoever reads on after a restart: at each step the results of its whole lines are there,
    in the end those of one pass, each with the id and the one event that it had."""
    run = Run(shared)
    content = BEGIN + b"".join(lines)
    done = 0
    for cut, restart in sorted((int(share * len(content)), restart) for share, restart in [*cuts, (1.0, False)]):
        if restart:
            run.restart()
        run.grow(content[done:cut])
        done = cut
        assert said(run.results()) == said(so_far(content[:cut]))
    before = {one.id: one for one in run.results()}
    run.finish()
    after = {one.id: one for one in run.results()}
    assert said([*after.values()]) == said(index.read(run.file, "taskout.log", 1000).results)
    assert before.items() <= after.items()
    assert run.told() == sorted(after)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CoreLab]:
    """One lab for many examples."""
    with core_lab(tmp_path_factory.mktemp("lab")) as made:
        yield made


def test_a_log_that_is_cut_or_replaced_starts_over(run: Run) -> None:
    """What is in the new content too keeps its row; what is not goes, and the task's result with it."""
    run.grow(BEGIN + case("a") + case("b", "fail"))
    first = run.results()
    run.file.write_bytes(BEGIN + case("a"))
    run.look()
    assert run.results() == first[:1]
    assert run.lab.recipe(run.recipe.id).tasks[0].result is ResultValue.PASS
    other = run.file.with_name("other")
    other.write_bytes(BEGIN + case("a") + case("c") + case("d"))
    other.rename(run.file)
    run.look()
    assert run.results()[0] == first[0]
    assert [one.path for one in run.results()] == ["/0_smoke/a", "/0_smoke/c", "/0_smoke/d"]
    run.file.write_bytes(b"")
    run.look()
    assert run.results() == []
    run.grow(b"plain now\n")
    run.finish()
    assert (run.results(), run.lab.state(run.recipe, run.path)) == ([], LogState.FINISHED)


def test_what_lies_behind_a_hole_waits(run: Run) -> None:
    """NUL bytes where a range is still to come: no line behind them is counted before they are filled, or for good."""
    head, tail = BEGIN + case("a"), case("c")
    gap = b"n" * 99 + b"\n" + case("b")
    with run.file.open("r+b") as file:
        file.write(head)
        file.seek(len(head + gap))
        file.write(tail)
    run.look()
    run.look()
    assert [one.line for one in run.results()] == [2]
    with run.file.open("r+b") as file:
        file.seek(len(head))
        file.write(gap)
    run.look()
    assert [one.line for one in run.results()] == [2, 4, 5]
    run.grow(b"\0" * 100 + b"\n" + case("d"))
    assert len(run.results()) == 3
    run.finish()
    assert [one.line for one in run.results()] == [2, 4, 5, 7, 1]


@pytest.mark.parametrize("head", [b"\xb3\x29\x00", b'<?xml version="1.0"?><testsuite name="a">\n', b"noise\n" * 20_000])
def test_logs_of_other_formats_are_left_to_their_end(run: Run, head: bytes) -> None:
    """Signals in what another format reads, or behind a head without any, are no results: not now, not at the end."""
    run.grow(head)
    run.grow(case("a") + case("b"))
    run.grow(case("c"))
    assert run.told() == []
    run.finish()
    assert not {"/a", "/b", "/c"} & {one.path for one in run.results()}


def test_no_more_results_than_allowed(lab: CoreLab) -> None:
    """The most that is taken of a log is taken while it grows; the Warn that more came is told at its end."""
    run = Run(evolve(lab, config=evolve(lab.config, max_parsed=10)))
    run.grow(BEGIN)
    for number in range(30):
        run.grow(case(number))
    before = run.results()
    assert len(before) == 10
    run.finish()
    assert run.results()[:10] == before
    assert [(one.result, one.line) for one in run.results()[10:]] == [(ResultValue.WARN, 12)]


def test_telling_twice_is_telling_once(run: Run) -> None:
    """What core was told, and the answer was lost, is told again with what came since: each row is there once."""
    run.grow(BEGIN)
    found = [ParsedResult(f"/{name}", ResultValue.PASS, line) for line, name in enumerate("abc", 2)]
    logs = run.lab.gateway.logs
    (last,) = logs.told([Told(run.recipe.id, run.path, 0, found[:1])])
    assert last is not None
    logs.told([Told(run.recipe.id, run.path, last, found[1:2])])
    logs.told([Told(run.recipe.id, run.path, last, found[1:])])
    assert [one.path for one in run.results()] == ["/a", "/b", "/c"]
    assert run.told() == [one.id for one in run.results()]


def test_a_finished_log_has_the_last_word(run: Run) -> None:
    """What was read before the end and comes to be stored after it changes nothing."""
    run.grow(BEGIN + case("a"))
    run.finish()
    before = run.results()
    late = Told(run.recipe.id, run.path, before[0].id, [ParsedResult("/late", ResultValue.FAIL, 9)])
    assert run.lab.gateway.logs.told([late]) == [None]
    assert run.lab.gateway.logs.told([Told(10**9, run.path, 0, ())]) == [None]
    assert run.results() == before


def test_reading_is_linear(run: Run) -> None:
    """A log of 30,000 lines that grows by parts of lines is read at most twice, all steps together."""
    chunk = (b"noise " * 20 + b"\n") * 99 + case("a") + b"the beginning of a "
    run.grow(BEGIN)
    growing = run.known[run.recipe.id].growing[run.path]
    read = 0
    for _ in range(300):
        with run.file.open("ab") as file:
            file.write(chunk)
        with run.file.open("rb") as file:
            before = _bytes_read()
            growing.read(file.fileno(), run.file.stat().st_size)
            read += _bytes_read() - before
    size = run.file.stat().st_size
    assert size < read < 2 * size
    assert len(growing.found) == 300
    assert growing.lines == run.file.read_bytes().count(b"\n")


def test_a_line_without_an_end_is_looked_at_once(run: Run) -> None:
    """A line of 20 MB that comes bit by bit costs no more than two reads of it."""
    run.grow(BEGIN)
    growing = run.known[run.recipe.id].growing[run.path]
    before = _bytes_read()
    for part in (*[b"x" * 100_000] * 200, b"\n" + case("a")):
        with run.file.open("ab") as file:
            file.write(part)
        with run.file.open("rb") as file:
            growing.read(file.fileno(), run.file.stat().st_size)
    assert _bytes_read() - before < 2.5 * run.file.stat().st_size
    assert [(one.path, one.line) for one in growing.found] == [("/0_smoke/a", 3)]


def test_only_live_tasks_are_read_before_their_end(lab: CoreLab, until: Until) -> None:
    """The console of a task that is not live, and other logs of one that is, are not read while they grow."""
    run = Run(lab)
    plain = lab.start()
    files = [
        lab.write(plain, f"tasks/{plain.tasks[0].id}/logs/taskout.log", b"\n"),
        lab.write(run.recipe, run.path.replace("taskout", "other"), b"\n"),
    ]

    def has_more(number: int) -> bool:
        return len(run.results()) > number

    with INotify() as reads, _indexing(lab):
        for file in files:
            reads.add_watch(file, flags.ACCESS)
        for number in range(20):
            for file in (*files, run.file):
                with file.open("ab") as more:
                    more.write((b"" if number else BEGIN) + case(number))
            until(partial(has_more, number))
        until(lambda: len(lab.logs(plain)) == 1 and len(lab.logs(run.recipe)) == 2)
        assert lab.results(plain) == []
        assert reads.read(timeout=0) == []
        lab.finish(plain)
        until(lambda: len(lab.results(plain)) == 21)
        assert reads.read(timeout=0)


def test_signals_in_a_hundred_thousand_lines_take_linear_time(lab: CoreLab) -> None:
    """The second half of 100,000 signals that come a thousand at a time costs what the first half did."""
    run = Run(lab)
    run.grow(BEGIN)
    halves = []
    for half in range(2):
        began = time.thread_time()
        for number in range(50):
            run.grow(b"".join(case(f"{half}-{number}-{n}") for n in range(1000)))
        halves.append(time.thread_time() - began)
    assert halves[1] < 2 * halves[0]
    query = "select count(*), count(distinct path) from results"
    with lab.gateway.results._ground.read() as tx:
        assert tuple(tx.exec_driver_sql(query).one()) == (100_000, 100_000)


def _bytes_read() -> int:
    return int(Path("/proc/thread-self/io").read_text().split()[1])


@contextmanager
def _indexing(lab: CoreLab) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=service.run, args=(lab.gateway, lab.config, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()

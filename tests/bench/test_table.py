"""What a row of the bench says, how it is judged, and how it is shown."""

import table
from figure import Figure
from growth import Growth
from load import wrk
from pairs import interleaved, turns
from scale import Scale
from servers import running


def test_ratio_and_judgement() -> None:
    """Judged is ours / the other's; alone, ours itself; more or less is better, as the figure says."""
    assert Figure("calls", 90, 100, bar=0.88, goal=0.95).met == "bar"
    assert Figure("calls", 95, 100, bar=0.88, goal=0.95).met == "goal"
    assert Figure("calls", 87, 100, bar=0.88, goal=0.95).met == "no"
    assert Figure("CPU", 60, 100, bar=0.65, goal=0.5, more=False).met == "bar"
    assert Figure("CPU", 70, 100, bar=0.65, goal=0.5, more=False).met == "no"
    assert Figure("memory", 100, bar=150, goal=100, more=False).met == "goal"
    assert Figure("memory", 151, bar=150, goal=100, more=False).met == "no"
    assert Figure("to be read", 151, 10).met == ""


def test_row() -> None:
    """The keys of build/bench.json."""
    row = Figure("calls", 90, 100, bar=0.88, goal=0.95, unit="/s").row()
    assert row == {
        "figure": "calls",
        "ours": 90,
        "other": 100,
        "unit": "/s",
        "ratio": 0.9,
        "bar": 0.88,
        "goal": 0.95,
        "met": "bar",
    }


def test_growth_compares_the_ends() -> None:
    """A row of a growth table is judged by its last value / its first."""
    row = Growth("GET", "ms", (10, 1_000, 100_000), (2.0, 9.0, 3.0), bar=1.25, sized="recipes stored")
    assert row.figure.figure == "GET, 100,000 recipes stored / 10"
    assert (row.figure.ratio, row.figure.met) == (1.5, "no")


def test_lines() -> None:
    """Figures in one table, and rows of growth in one for each set of sizes; unjudged, nobody is told of bars."""
    rows: list[Figure | Growth] = [
        Figure("calls", 90, 100, bar=0.88, goal=0.95, unit="/s"),
        Growth("GET", "ms", (10, 1_000), (2.0, 3.0), bar=1.25, sized="recipes stored"),
        Growth("page", "ms", (1, 2), (1.0, 1.0), sized="logs"),
    ]
    assert table.lines(rows, judged=True) == [
        "figure   ours   other  ratio   bar  goal  met",
        "calls   90 /s  100 /s  0.900  0.88  0.95  bar",
        "recipes stored  10  1,000  ratio   bar  met",
        "GET, ms          2      3  1.500  1.25   no",
        "logs      1  2  ratio  bar  met",
        "page, ms  1  1  1.000",
    ]
    assert not any("0.88" in line or "1.25" in line or "no" in line for line in table.lines(rows, judged=False))


def test_turns() -> None:
    """All have their turn in each round, each round beginning with another; what counts is the median."""
    order: list[str] = []
    values = {"a": iter([1.0, 2.0, 9.0]), "b": iter([5.0, 4.0, 6.0])}

    def measure(name: str) -> float:
        order.append(name)
        return next(values[name])

    assert interleaved(lambda: measure("a"), lambda: measure("b"), 3) == (2.0, 5.0)
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert turns([lambda: 1.0, lambda: 2.0, lambda: 3.0], 1) == [1.0, 2.0, 3.0]


def test_load_tells_what_was_refused() -> None:
    """wrk's answer is read: how many a second, how long they took, how many were refused."""
    with running(
        "files", lambda port, place: ["python3", "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    ) as server:
        (server.place / "there").write_text("hello")
        load = wrk(f"{server.url}/there", "get", 2, 0.2, "Bearer key")
        assert load.rate > 10 and load.requests > 2 and 0 < load.p50 <= load.p99 and not load.refused
        load = wrk(f"{server.url}/absent", "get", 2, 0.2, "Bearer key")
        assert load.refused == load.requests > 0


def test_scale() -> None:
    """A quick run has the second of two sizes."""
    assert (Scale().of(10, 1), Scale(quick=True).of(10, 1)) == (10, 1)

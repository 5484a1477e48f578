"""Which targets a campaign's test gets: lists and CSV files of them, and why it gets none."""

from pathlib import Path
from typing import Any

import pytest

from wsgi_app.campaign import (
    Campaign,
    PlannedTest,
    Reporter,
    ReporterKind,
    Step,
    StepKind,
    Target,
    TargetFile,
    TargetList,
)
from wsgi_app.core.campaign.history import PastAttempt
from wsgi_app.states import SystemHealth
from wsgi_app.submitted import NewJob, NewRecipe, NewRecipeSet

FILE = """\
a,one.example.org,192.0.2.1,2001:db8::1
b, two.example.org ,,

c,"three.other.example",192.0.2.3,
d,,192.0.2.4,
"""


def attempt(bench: Any, targets: TargetList | TargetFile) -> PastAttempt:
    """Let a campaign try to get targets, and return what it got."""
    test = PlannedTest("test", targets, (Step(StepKind.ECHO, "hello", {"text": ("hi",)}),))
    plan = Campaign((test,), final_reporters=(Reporter(ReporterKind.NOOP),))
    job = bench.gateway.jobs.submit(bench.admin, lambda: NewJob((), campaign=plan))
    found: PastAttempt = bench.gateway.campaigns.history(bench.admin, job.id).runs[0].tests[0].attempts[0]
    return found


def names(found: PastAttempt) -> list[str]:
    """The names of the targets that an attempt got, which hold its recipes."""
    assert found.attempt.error is None
    assert [target.recipe.system for target in found.targets] == [target.id for target in found.attempt.targets]
    return [target.id for target in found.attempt.targets]


def wants(*ids: str) -> TargetList:
    """A list of targets."""
    return TargetList(tuple(Target(name) for name in ids))


@pytest.fixture
def table(bench: Any) -> Path:
    """A CSV file, and systems for what is in it."""
    bench.systems("c", "d")
    bench.config.descriptors.mkdir()
    path: Path = bench.config.descriptors / "hosts.csv"
    path.write_text(FILE)
    return path


def of_file(least: int, most: int, *prefixes: str, shuffle: bool = False) -> TargetFile:
    """Targets of that file."""
    return TargetFile("hosts.csv", least, most, prefixes, shuffle)


def test_a_list(bench: Any) -> None:
    """All that are listed, in that order; those of an empty list are had, too."""
    assert names(attempt(bench, wants("b", "a"))) == ["b", "a"]
    assert names(attempt(bench, wants())) == []


def test_a_busy_one(bench: Any, one: NewRecipe) -> None:
    """A system that another job holds: nothing is reserved, and that job is named."""
    holder = bench.submit(NewRecipeSet((one,)))
    bench.claim("a")
    found = attempt(bench, TargetList((Target("b"), Target("a", fqdn="a.example.org", ipv4="192.0.2.1"))))
    assert found.targets == ()
    assert found.attempt.error == (
        r'target "Target{ID: \"a\", FQDN: \"a.example.org\", PrimaryIPv4: \"192.0.2.1\"}"'
        f" is already locked by {holder.id}"
    )
    assert found.attempt.ended == bench.clock.now
    assert bench.gateway.systems.get("b").recipe is None


def test_a_reserved_one(bench: Any, one: NewRecipe) -> None:
    """One that is only reserved is held, too, whoever comes: a campaign, or a job like others."""
    first = attempt(bench, wants("a"))
    job = bench.recipe(first.targets[0].recipe.id).job
    assert attempt(bench, wants("a")).attempt.error == rf'target "Target{{ID: \"a\"}}" is already locked by {job}'
    bench.submit(NewRecipeSet((one,)))
    assert bench.gateway.systems.get("a").recipe == first.targets[0].recipe.id


def test_others(bench: Any) -> None:
    """An unknown system, an unhealthy one, and one that is named twice."""
    bench.gateway.systems.change(bench.admin, "a", health=SystemHealth.BAD, reason="no power")
    bench.gateway.systems.change(bench.admin, "b", health=SystemHealth.MAINTENANCE)
    bench.systems("c")
    said = [attempt(bench, wants(*ids)).attempt.error for ids in (["x"], ["a"], ["b"], ["c", "c"])]
    assert said == [
        r'target "Target{ID: \"x\"}" is unknown: there is no system "x"',
        r'target "Target{ID: \"a\"}" is broken: no power',
        r'target "Target{ID: \"b\"}" is in maintenance',
        r'target "Target{ID: \"c\"}" is named twice',
    ]
    assert bench.gateway.systems.get("c").recipe is None


def test_a_file(bench: Any, table: Path) -> None:
    """Up to as many as are wanted, in the order of the file, with what it says of them."""
    found = attempt(bench, of_file(1, 3))
    assert names(found) == ["a", "b", "c"]
    assert found.attempt.targets == (
        Target("a", "one.example.org", "192.0.2.1", "2001:db8::1"),
        Target("b", "two.example.org"),
        Target("c", "three.other.example", "192.0.2.3"),
    )
    assert names(attempt(bench, of_file(0, 9))) == ["d"]
    assert names(attempt(bench, of_file(0, 9))) == []


def test_none_of_a_file(bench: Any, table: Path) -> None:
    """A most of 0 is none."""
    assert names(attempt(bench, of_file(0, 0))) == []


def test_shuffled(bench: Any, table: Path) -> None:
    """In any order, all the same ones."""
    assert sorted(names(attempt(bench, of_file(4, 4, shuffle=True)))) == ["a", "b", "c", "d"]


def test_prefixes(bench: Any, table: Path) -> None:
    """Prefixes are of the first label of the FQDN; a host without one has none; one with two of them counts once."""
    assert names(attempt(bench, of_file(1, 9, "t", "th"))) == ["b", "c"]
    assert attempt(bench, of_file(1, 9, "example")).attempt.error == (
        "not enough hosts found in CSV file 'hosts.csv', want 1, got 0"
    )


def test_too_few_rows(bench: Any, table: Path) -> None:
    """The file has fewer than are needed."""
    assert attempt(bench, of_file(9, 9)).attempt.error == (
        "not enough hosts found in CSV file 'hosts.csv', want 9, got 4"
    )


def test_too_few_free(bench: Any, table: Path) -> None:
    """Fewer are free than are needed: none is kept, and it is said who has one of the others."""
    job = bench.recipe(attempt(bench, wants("b")).targets[0].recipe.id).job
    bench.gateway.systems.remove(bench.admin, "d")
    assert attempt(bench, of_file(3, 4)).attempt.error == (
        "can't lock enough targets, want 3, got 2: "
        rf'target "Target{{ID: \"b\", FQDN: \"two.example.org\"}}" is already locked by {job}'
    )
    assert bench.gateway.systems.get("a").recipe is None
    assert names(attempt(bench, of_file(2, 4))) == ["a", "c"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b,c\n", "CSV file 'hosts.csv', line 1: need 4 columns (ID, FQDN, IPv4, IPv6), got 3"),
        (b"a,,,\n,x.example,,\n", "CSV file 'hosts.csv', line 2: a target needs an ID"),
        (b"a,,1.2.3,\n", "CSV file 'hosts.csv', line 1: invalid IPv4 address \"1.2.3\""),
        (b"a,,,1.2.3.4\n", "CSV file 'hosts.csv', line 1: invalid IPv6 address \"1.2.3.4\""),
        (b'"a"b,,,\n', "CSV file 'hosts.csv' cannot be read: ',' expected after '\"'"),
        (b"\xff,,,\n", "CSV file 'hosts.csv' is not UTF-8"),
    ],
)
def test_bad_files(bench: Any, table: Path, content: bytes, message: str) -> None:
    """A file that cannot be read as such a table: the line, and what is wrong with it."""
    table.write_bytes(content)
    assert attempt(bench, of_file(0, 1)).attempt.error == message


def test_no_file(bench: Any, table: Path) -> None:
    """There is no such file, when it is looked for."""
    table.unlink()
    assert attempt(bench, of_file(0, 1)).attempt.error == "open hosts.csv: no such file or directory"

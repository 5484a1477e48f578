"""What was said of recipes, as reports read it."""

from typing import Any

import pytest
from attrs import evolve
from recorded import Recorded, recorded

from wsgi_app.core.cases import PAGE, Said, Sheet
from wsgi_app.core.selection import Place, Reference
from wsgi_app.errors import Denied, NoSuchRecipe, Unauthenticated
from wsgi_app.model import Caller, LogIndex, ParsedResult
from wsgi_app.states import ResultValue, Visibility
from wsgi_app.submitted import NewRecipe, NewRecipeSet, NewTask

PASS = ResultValue.PASS


@pytest.fixture
def found(bench: Any) -> Recorded:
    """A recipe of two tasks that has a system."""
    return recorded(bench.gateway, bench.admin, "first", "second")[0]


def say(found: Recorded, place: int | None, log: str, number: int) -> None:
    """Have results found in a log of a task, or of the recipe: one a line."""
    owner = "" if place is None else f"tasks/{found.tasks[place]}/"
    results = tuple(ParsedResult(f"/{log}/{line}", PASS, line) for line in range(1, number + 1))
    found.gateway.logs.indexed(
        found.recipe, f"{owner}logs/{log}", LogIndex(1, "0" * 64, number, b"", None, results, ())
    )


def sheet(found: Recorded) -> Sheet:
    """Read it."""
    return found.gateway.cases.read(found.admin, [found.recipe])


def said(found: Recorded, place: int | None, **how: Any) -> list[Said]:
    """Read what was said of a task, or of the recipe."""
    read = sheet(found)
    part = read.parts[0]
    return list(read.said(part, None if place is None else part.recipe.tasks[place], **how))


def test_all_in_order(found: Recorded) -> None:
    """More than are read at a time come each once, in order, and only those of the task."""
    say(found, 0, "a.log", PAGE + 2)
    say(found, 1, "b.log", 3)
    say(found, None, "c.log", 2)
    assert [one.result.path for one in said(found, 0)] == [f"/a.log/{line}" for line in range(1, PAGE + 3)]
    assert [one.result.path for one in said(found, 1)] == ["/b.log/1", "/b.log/2", "/b.log/3"]
    assert [one.result.path for one in said(found, None)] == ["/c.log/1", "/c.log/2"]
    read = sheet(found)
    part = read.parts[0]
    assert [read.count(part, task) for task in (*part.recipe.tasks, None)] == [PAGE + 2, 3, 2]


def test_parts(found: Recorded) -> None:
    """Some are passed over, and no more come than are wanted, also where pages end."""
    say(found, 0, "a.log", PAGE + 2)
    for skip, limit in (
        (0, 2),
        (3, 1),
        (PAGE - 1, 2),
        (PAGE, None),
        (PAGE + 1, 5),
        (PAGE + 2, 5),
        (5, 0),
        (9999, None),
    ):
        stop = PAGE + 2 if limit is None else min(PAGE + 2, skip + limit)
        expected = [f"/a.log/{line + 1}" for line in range(skip, stop)]
        assert [one.result.path for one in said(found, 0, skip=skip, limit=limit)] == expected, (skip, limit)


def test_by_name(found: Recorded) -> None:
    """Asked for by name, what ends in it comes, and not much else; what is special to SQL is not to us."""
    say(found, 0, "a.log", 120)
    assert {one.result.path for one in said(found, 0, name="11")} == {"/a.log/11", "/a.log/111"}
    assert not said(found, 0, name="%")
    assert not said(found, 0, name="_1")


def test_live(found: Recorded) -> None:
    """What is said while it is read comes, too: nothing is read far ahead."""
    say(found, 0, "a.log", PAGE)
    read = sheet(found)
    coming = read.said(read.parts[0], read.parts[0].recipe.tasks[0])
    assert next(coming).result.path == "/a.log/1"
    say(found, 0, "b.log", 1)
    assert [one.result.path for one in coming][-1] == "/b.log/1"


def test_records(found: Recorded) -> None:
    """A line of a console log has a record of the recipe's stream; lines of other logs have none."""
    found.begin(0)
    found.write(0, b"one\ntwo\n")
    found.end(0)
    found.indexed(0)
    found.begin(1)
    found.write(1, b"three\nfour\n")
    say(found, 1, "taskout.log", 2)
    say(found, 1, "other.log", 1)
    records = found.records()
    told = {one.result.path: one.record for one in said(found, 1)}
    assert told["/other.log/1"] is None
    assert [records[told[f"/taskout.log/{line}"] or 0].text for line in (1, 2)] == ["three", "four"]


def test_no_record_yet(found: Recorded) -> None:
    """While the log of the task before is not read to its end, no line behind it has a number."""
    found.begin(0)
    found.write(0, b"one\n")
    found.end(0)
    found.begin(1)
    found.write(1, b"two\n")
    say(found, 1, "taskout.log", 1)
    assert [one.record for one in said(found, 1)] == [None]


def test_one(found: Recorded) -> None:
    """A result is found by its id, on the sheet of its recipe only."""
    say(found, 1, "a.log", 2)
    wanted = said(found, 1)[1]
    read = sheet(found)
    assert read.one(wanted.result.id) == (read.parts[0], wanted)
    (other,) = recorded(found.gateway, found.admin, "other")
    assert sheet(other).one(wanted.result.id) is None
    assert read.one(999_999) is None


def test_secrets(bench: Any) -> None:
    """Secrets of the job are in no path and no message, and names are found all the same."""
    (found,) = recorded(bench.gateway, bench.admin, "t", secrets=("hunter2",))
    results = (ParsedResult("/a/hunter2", PASS, 1, "it is hunter2"),)
    index = LogIndex(1, "0" * 64, 1, b"", None, results, ())
    found.gateway.logs.indexed(found.recipe, f"tasks/{found.tasks[0]}/logs/a.log", index)
    (told,) = said(found, 0, name="[MASKED]")
    assert (told.result.path, told.result.message) == ("/a/[MASKED]", "it is [MASKED]")


def test_which(bench: Any) -> None:
    """A sheet is of the recipes that are named, in their order, each with its place in its set."""
    one, two = recorded(bench.gateway, bench.admin, "t", recipes=2)
    read = bench.gateway.cases.read
    for which in ([two.recipe, one.recipe], Reference("any", bench.recipe(one.recipe).job)):
        parts = read(bench.admin, which).parts
        assert [(part.recipe.id, part.first, part.place, part.size) for part in parts] == [
            (one.recipe, one.recipe, 0, 2),
            (two.recipe, one.recipe, 1, 2),
        ]
    assert [part.recipe.id for part in read(bench.admin, Place(one.recipe, 1)).parts] == [two.recipe]
    for unknown in ([], [999_999], [one.recipe, 999_999], Reference("recipe", 999_999), Place(one.recipe, 2)):
        with pytest.raises(NoSuchRecipe):
            read(bench.admin, unknown)


def test_private(bench: Any) -> None:
    """What is private is read by its owner, admins, and a recipe's own harness."""
    recipes = NewRecipe((NewTask("t"),), system="a"), NewRecipe((NewTask("t"),), system="b")
    job = bench.submit(NewRecipeSet(recipes), visibility=Visibility.PRIVATE)
    numbers = [recipe.id for recipe in job.recipe_sets[0].recipes]
    bench.claim("a")
    harness = bench.claim("b")
    read = bench.gateway.cases.read
    assert read(bench.admin, numbers) and read(harness, numbers[1:])
    with pytest.raises(Unauthenticated):
        read(Caller(None, "127.0.0.1"), numbers)
    for which in (numbers[:1], numbers):
        with pytest.raises(Denied):
            read(harness, which)
    with pytest.raises(Denied):
        read(evolve(harness, authorization="Bearer wrong"), numbers[1:])

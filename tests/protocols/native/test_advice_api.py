"""What awaits a job: how many systems fit, how they are, how long the queue is, and why it would wait for ever."""

from collections.abc import Callable
from typing import Any

import pytest
from webtest import TestApp


@pytest.fixture
def ask(web: TestApp, admin: dict[str, str]) -> Callable[..., Any]:
    """Return the advice for a job of one recipe (its fields by name)."""

    def asked(priority: int = 50, **recipe: Any) -> Any:
        body = {"priority": priority, "recipe_sets": [{"recipes": [{"tasks": [{"name": "t"}], **recipe}]}]}
        [advice] = web.post_json("/jobs/validate", body, headers=admin, status=200).json["advice"]
        return advice

    return asked


def add(web: TestApp, admin: dict[str, str], name: str, **fields: Any) -> None:
    """Make a system."""
    web.post_json("/systems/", {"name": name, **fields}, headers=admin, status=201)


def test_counts(web: TestApp, admin: dict[str, str], ask: Callable[..., Any], submit: Callable[..., Any]) -> None:
    """Systems that fit, those that are healthy, those that ask for work; and sets ahead that could have them."""
    for name, kind, tags in (("a", "x", ["fast"]), ("b", "x", []), ("c", "x", ["fast"]), ("d", "y", [])):
        add(web, admin, name, type=kind, tags=tags)
    web.patch_json("/systems/c", {"health": "maintenance"}, headers=admin)
    web.post("/systems/b/claim?wait=0", headers=admin, status=204)
    requires = {"type": "x", "tags": []}
    assert ask(requires=requires) == {
        "recipe_set": 0,
        "recipes": 1,
        "role": None,
        "system": None,
        "requires": requires,
        "systems": 3,
        "healthy": 2,
        "idle": 1,
        "ahead": 0,
        "reason": None,
    }
    submit(requires={"type": "x", "tags": ["fast"]})
    submit(requires={"type": "y", "tags": []})
    submit(system="a", job={"priority": 10})
    assert ask(requires=requires)["ahead"] == 1
    assert ask(requires=requires, priority=10)["ahead"] == 2
    assert ask(requires=requires, priority=60)["ahead"] == 0
    assert ask(system="a", priority=0)["ahead"] == 2
    assert ask()["ahead"] == 2


@pytest.mark.parametrize(
    ("recipe", "counts", "reason"),
    [
        ({"requires": {"type": "z", "tags": []}}, (0, 0), "no system has type z"),
        ({"requires": {"type": "x", "tags": ["odd"]}}, (0, 0), "no system has tag odd"),
        ({"requires": {"type": "y", "tags": ["fast"]}}, (0, 0), "no system has type y and tag fast together"),
        ({"requires": {"type": "y", "tags": []}}, (2, 0), "none of the 2 systems that fit is healthy"),
        ({"system": "b"}, (1, 0), "system b is bad: smoke"),
        ({"system": "a", "requires": {"type": "y", "tags": []}}, (0, 0), "system a does not have type y"),
        ({"system": "a", "requires": {"type": "x", "tags": ["q"]}}, (0, 0), "system a does not have tag q"),
        ({"system": "a"}, (1, 1), None),
    ],
)
def test_reasons(
    web: TestApp,
    admin: dict[str, str],
    ask: Callable[..., Any],
    recipe: dict[str, Any],
    counts: tuple[int, int],
    reason: str | None,
) -> None:
    """Why nothing that is healthy fits, in a few words; the job would be taken all the same."""
    add(web, admin, "a", type="x", tags=["fast"])
    for name in ("b", "c"):
        add(web, admin, name, type="y")
        web.patch_json(f"/systems/{name}", {"health": "bad", "reason": "smoke"}, headers=admin)
    found = ask(**recipe)
    assert (found["systems"], found["healthy"], found["reason"]) == (*counts, reason)


def test_no_systems_at_all(web: TestApp, admin: dict[str, str], ask: Callable[..., Any]) -> None:
    """An empty lab says so; systems that are retired are none."""
    assert ask()["reason"] == "there is no system"
    add(web, admin, "a")
    web.patch_json("/systems/a", {"health": "retired"}, headers=admin)
    assert (ask()["systems"], ask()["reason"]) == (0, "there is no system")


def test_the_lab_itself(web: TestApp, admin: dict[str, str], ask: Callable[..., Any]) -> None:
    """A lab in maintenance, and one that runs fewer recipes than the job has, say so."""
    add(web, admin, "a")
    web.patch_json("/lab", {"health": "maintenance", "description": "new floor"}, headers=admin, status=200)
    assert ask()["reason"] == "the lab is in maintenance: new floor"


def test_recipes_alike_are_one_row(web: TestApp, admin: dict[str, str]) -> None:
    """Of two thousand recipes there are as many rows as there are wishes and roles; a campaign has none."""
    add(web, admin, "a", type="x")
    task = {"name": "t"}
    many = [{"recipes": [{"role": role, "tasks": [task]} for role in ("p", "q") for _ in range(500)]}] * 2
    found = web.post_json("/jobs/validate", {"recipe_sets": many}, headers=admin, status=200).json["advice"]
    assert [(one["recipe_set"], one["role"], one["recipes"]) for one in found] == [
        (place, role, 500) for place in (0, 1) for role in ("p", "q")
    ]
    assert {one["reason"] for one in found} == {"only 1 of 1000 recipes can have a healthy system at the same time"}

"""GET and PATCH /lab: a lab that gives out nothing, or not more than so much."""

from collections.abc import Callable
from typing import Any

import pytest
from webtest import TestApp

Headers = dict[str, str]
ACTIVE = {"health": "active", "description": "", "most_recipes": None}


@pytest.fixture
def systems(web: TestApp, admin: Headers) -> list[str]:
    """Three systems."""
    for name in "abc":
        web.post_json("/systems/", {"name": name}, headers=admin, status=201)
    return ["a", "b", "c"]


def why(web: TestApp) -> list[str]:
    """Why what is queued waits."""
    return [waiting["reason"] for waiting in web.get("/queue").json["queue"]]


def claims(web: TestApp, admin: Headers, name: str) -> bool:
    """Whether a system that asks gets a recipe."""
    return bool(web.post(f"/systems/{name}/claim", headers=admin).status_int == 200)


def test_maintenance(web: TestApp, admin: Headers, systems: list[str], submit: Callable[..., Any]) -> None:
    """Nothing is given out, and who waits is told why; what runs goes on; then it goes on by itself."""
    running = submit(system="a")
    assert claims(web, admin, "a")
    paused = {**ACTIVE, "health": "maintenance", "description": "new switch"}
    change = {"health": "maintenance", "description": "new switch"}
    assert web.patch_json("/lab", change, headers=admin).json == paused
    assert web.get("/lab").json == paused
    waits = submit(system="b")
    assert not claims(web, admin, "b")
    assert why(web) == ["the lab is in maintenance: new switch"]
    recipe = waits["recipe_sets"][0]["recipes"][0]["id"]
    refused = web.post(f"/recipes/{recipe}/key", headers=admin, status=409).json["error"]
    assert refused["message"] == "the lab is in maintenance: new switch"
    assert web.get(f"/jobs/{running['id']}").json["status"] == "Waiting"
    assert claims(web, admin, "a")
    web.patch_json("/lab", {"health": "active"}, headers=admin)
    assert web.get(f"/jobs/{waits['id']}").json["status"] == "Waiting"
    told = [event["data"] for event in web.get("/events?topic=lab").json["events"]]
    assert told == [
        {"health": "maintenance", "was": {"health": "active"}},
        {"health": "active", "was": {"health": "maintenance"}},
    ]


def test_limit(web: TestApp, admin: Headers, systems: list[str], submit: Callable[..., Any]) -> None:
    """So many recipes have systems and no more; smaller sets do not pass a large one, one too large holds up none."""
    web.patch_json("/lab", {"most_recipes": 2}, headers=admin)
    large = submit(job={"recipe_sets": [{"recipes": [{"system": name, "tasks": [{"name": "t"}]} for name in "abc"]}]})
    first = submit(system="a")
    pair = submit(job={"recipe_sets": [{"recipes": [{"system": name, "tasks": [{"name": "t"}]} for name in "bc"]}]})
    last = submit(system="b")
    assert claims(web, admin, "a")
    assert not (claims(web, admin, "b") or claims(web, admin, "c"))
    assert why(web) == [
        "the lab runs at most 2 recipes at a time, and these are 3",
        "the lab runs at most 2 recipes at a time, and 1 have systems",
        "1 free system is kept for sets before it",
    ]
    web.post(f"/jobs/{first['id']}/cancel", headers=admin)
    assert [web.get(f"/jobs/{job['id']}").json["status"] for job in (large, pair, last)] == [
        "Queued",
        "Waiting",
        "Queued",
    ]


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"health": "good"}, "health"),
        ({"health": None}, "health"),
        ({"health": ["active"]}, "health"),
        ({"description": None}, "description"),
        ({"description": "\u0000"}, "description"),
        ({"most_recipes": 0}, "most_recipes"),
        ({"most_recipes": True}, "most_recipes"),
        ({"most_recipes": 2**31}, "most_recipes"),
        ({"name": "x"}, "name"),
        ([], None),
    ],
)
def test_bad_values(web: TestApp, admin: Headers, value: object, field: str | None) -> None:
    """400 names the field, and nothing changes."""
    assert web.patch_json("/lab", value, headers=admin, status=400).json["error"]["field"] == field
    assert web.get("/lab").json == ACTIVE


def test_who_may(web: TestApp, user: Callable[..., Headers]) -> None:
    """Anyone reads it; only admins change it."""
    web.patch_json("/lab", {"health": "retired"}, status=401)
    web.patch_json("/lab", {"health": "retired"}, headers=user("eve", "read", "submit"), status=403)
    assert web.get("/lab").json == ACTIVE

"""PUT and GET /recipes/R/sync/...: statuses, bodies, refusals."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from attrs import define
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from webtest import TestApp


@define
class Set:
    """Two recipes of one set and their keys."""

    web: TestApp
    job: int
    recipes: list[int]
    systems: list[str]
    headers: list[dict[str, str]]

    def put(self, place: int, state: str = "READY", body: bytes = b"", status: Any = "*") -> Any:
        """Say that one is there."""
        return self.web.request(
            f"/recipes/{self.recipes[place]}/sync/{state}",
            method="PUT",
            body=body,
            headers=self.headers[place],
            status=status,
        )

    def get(self, place: int, state: str = "READY", query: str = "timeout=0", status: Any = 200) -> Any:
        """Wait as one."""
        url = f"/recipes/{self.recipes[place]}/sync/{state}?{query}"
        return self.web.get(url, headers=self.headers[place], status=status)


@pytest.fixture
def pair(web: TestApp, admin: dict[str, str]) -> Set:
    """Two recipes with roles on two systems."""
    for name in ("alpha", "beta"):
        web.post_json("/systems/", {"name": name}, headers=admin, status=201)
    recipes = [
        {"system": name, "role": role, "tasks": [{"name": "t"}]}
        for name, role in (("alpha", "SERVERS"), ("beta", "CLIENTS"))
    ]
    job = web.post_json("/jobs/", {"recipe_sets": [{"recipes": recipes}]}, headers=admin, status=201).json
    numbers = [recipe["id"] for recipe in job["recipe_sets"][0]["recipes"]]
    keys = [web.post(f"/recipes/{number}/key", headers=admin, status=201).json["key"] for number in numbers]
    return Set(web, job["id"], numbers, ["alpha", "beta"], [{"Authorization": f"Bearer {key}"} for key in keys])


def test_meeting(pair: Set) -> None:
    """201, then 204; reached when both are there, with what was said; a later word replaces an earlier one."""
    assert pair.put(0, body=b'{"port": 8080}', status=201).json == {"recipe": pair.recipes[0], "state": "READY"}
    assert pair.put(0, body=b"[1, null]", status=204).body == b""
    assert pair.get(1).json == {
        "reached": False,
        "waiting_for": [{"recipe": pair.recipes[1], "system": "beta", "role": "CLIENTS"}],
        "said": {str(pair.recipes[0]): [1, None]},
    }
    assert pair.get(1, query="timeout=0&any=1").json["reached"]
    assert pair.get(1, query="timeout=0&role=SERVERS").json["reached"]
    pair.put(1, status=201)
    assert pair.get(0).json == {
        "reached": True,
        "waiting_for": [],
        "said": {str(pair.recipes[0]): [1, None], str(pair.recipes[1]): None},
    }


def test_a_death(pair: Set, admin: dict[str, str]) -> None:
    """409 names the peer that ended; the caller's own end is 409 too."""
    pair.web.post(f"/recipes/{pair.recipes[1]}/status", {"status": "Aborted"}, headers=pair.headers[1], status=204)
    error = pair.get(0, query="timeout=300", status=409).json["error"]
    assert error["code"] == "sync.dead-peer"
    assert error["message"] == f"recipe {pair.recipes[1]} (beta) has ended (Aborted) without reaching READY"
    assert pair.get(1, status=409).json["error"]["code"] == "recipe.finished"
    assert pair.put(1, status=409).json["error"]["code"] == "recipe.finished"


@pytest.mark.parametrize(
    ("query", "field"),
    [("timeout=x", "timeout"), ("timeout=-1", "timeout"), ("any=yes", "any"), ("timeout=0&role=NOBODY", "role")],
)
def test_bad_queries(pair: Set, query: str, field: str) -> None:
    """400 names what is wrong."""
    assert pair.get(0, query=query, status=400).json["error"]["field"] == field


@pytest.mark.parametrize("body", [b"{", b"\xff", b"NaN", b"1e999", b'"\\ud800"', b"[" * 4000, b"[" * 33 + b"]" * 33])
def test_bad_bodies(pair: Set, body: bytes) -> None:
    """What is no JSON for everybody is 400, and the recipe is not there."""
    assert pair.put(0, body=body, status=400).json["error"]["code"] == "document.invalid"
    assert pair.get(1).json["said"] == {}


def test_deep(pair: Set) -> None:
    """32 levels may be said, and everybody can read them."""
    pair.put(0, body=b"[" * 32 + b"]" * 32, status=201)
    assert pair.get(1).json["said"]


def test_paged(pair: Set, web: TestApp) -> None:
    """The overview is paged like every list."""
    for state in "abc":
        pair.put(0, state, status=201)
    page = web.get(f"/recipes/{pair.recipes[0]}/sync/?limit=2").json
    following = web.get(f"/recipes/{pair.recipes[0]}/sync/{page['next']}").json
    assert [state["state"] for state in page["states"] + following["states"]] == ["a", "b", "c"]
    assert following["next"] is None


def test_size(pair: Set) -> None:
    """4 KiB may be said, a byte more is 413."""
    pair.put(0, body=json.dumps("x" * 4094).encode(), status=201)
    assert pair.put(1, body=json.dumps("x" * 4095).encode(), status=413).json["error"]["code"] == "body.too-large"


def test_who_may(pair: Set, web: TestApp, admin: dict[str, str]) -> None:
    """Without credentials 401, with another recipe's key 403, an unknown recipe 404; other methods 405."""
    url = f"/recipes/{pair.recipes[0]}/sync/READY"
    for method in ("PUT", "GET"):
        web.request(url, method=method, status=401)
        web.request(url, method=method, headers=pair.headers[1], status=403)
        web.request("/recipes/999/sync/READY", method=method, headers=admin, status=404)
    web.request(url, method="DELETE", headers=admin, status=405)
    web.request(url, method="PUT", headers=admin, status=201)


def test_overview(pair: Set, web: TestApp, admin: dict[str, str]) -> None:
    """All states of the set, with who is there since when and who waits."""
    url = f"/recipes/{pair.recipes[0]}/sync/"
    assert web.get(url).json == {"states": [], "next": None}
    pair.put(1, "b", b"2")
    pair.put(0, "a")
    states = web.get(url).json["states"]
    assert [state["state"] for state in states] == ["a", "b"]
    assert [one.pop("there") is not None for one in states[1]["recipes"]] == [False, True]
    both = {"status": "Waiting", "waiting": False}
    alpha = {"recipe": pair.recipes[0], "system": "alpha", "role": "SERVERS", **both}
    beta = {"recipe": pair.recipes[1], "system": "beta", "role": "CLIENTS", **both}
    assert states[1]["recipes"] == [
        {**alpha, "said": None},
        {**beta, "said": 2},
    ]
    assert web.get(f"/recipes/{pair.recipes[1]}/sync/").json["states"][0]["state"] == "a"


def test_overview_is_the_jobs(web: TestApp, admin: dict[str, str], submit: Callable[..., Any], system: str) -> None:
    """What was said in a private job is for those who may read it."""
    job = submit(job={"visibility": "private"}, system=system)
    number = job["recipe_sets"][0]["recipes"][0]["id"]
    web.get(f"/recipes/{number}/sync/", status=401)
    web.get(f"/recipes/{number}/sync/", headers=admin, status=200)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=10,
)
ONE_DATABASE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@ONE_DATABASE
@given(VALUES)
def test_any_value(pair: Set, value: Any) -> None:
    """Every JSON value comes back as it was said."""
    try:
        body = json.dumps(value).encode()
    except UnicodeEncodeError:
        return
    answer = pair.put(0, body=body)
    if answer.status_code < 300:
        assert pair.get(1).json["said"][str(pair.recipes[0])] == value
    else:
        assert answer.status_code in (400, 413)


@ONE_DATABASE
@given(st.binary(max_size=5000))
def test_any_body(pair: Set, body: bytes) -> None:
    """Any bytes are taken or refused with a typed error."""
    assert pair.put(0, body=body).status_code in (201, 204, 400, 413)

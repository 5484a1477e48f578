"""Systems, claims and keys over the native API: design.md sections 5 and 6."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve
from webtest import TestApp

from wsgi_app.config import Config

FULL = {
    "name": "m1",
    "type": "x86_64",
    "tags": ["kvm", "big"],
    "address": "192.0.2.1",
    "health": "good",
    "reason": "new",
    "description": "top shelf",
    "owner": "ann",
}
Headers = dict[str, str]


def test_life(web: TestApp, admin: Headers) -> None:
    """A system is added, read, listed, changed and forgotten."""
    made = web.post_json("/systems/", FULL, headers=admin, status=201)
    whole = {**FULL, "state": "offline", "recipe": None, "last_seen": None, "worker": None}
    assert (made.headers["Location"], made.json) == ("/systems/m1", whole)
    assert web.get("/systems/m1").json == whole
    assert web.get("/systems/").json == {"systems": [whole], "next": None}
    assert (
        web.post_json("/systems/", {"name": "m1"}, headers=admin, status=409).json["error"]["code"] == "system.exists"
    )
    change: dict[str, Any] = {"tags": [], "address": None, "health": "maintenance", "type": None, "reason": "fan"}
    assert web.patch_json("/systems/m1", change, headers=admin, status=200).json == {**whole, **change}
    assert web.patch_json("/systems/m1", {}, headers=admin, status=200).json == {**whole, **change}
    web.delete("/systems/m1", headers=admin, status=204)
    web.get("/systems/m1", status=404)


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({}, "name"),
        ({"name": None}, "name"),
        ({"name": ""}, "name"),
        ({"name": 5}, "name"),
        ({"name": "a/b"}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "a\u0000"}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"name": "\ud800"}, "name"),
        ({"name": "a", "type": 1}, "type"),
        ({"name": "a", "tags": "kvm"}, "tags"),
        ({"name": "a", "tags": [1]}, "tags"),
        ({"name": "a", "tags": None}, "tags"),
        ({"name": "a", "health": "fine"}, "health"),
        ({"name": "a", "health": ["good"]}, "health"),
        ({"name": "a", "address": "host"}, "address"),
        ({"name": "a", "address": "fe80::1%eth0"}, "address"),
        ({"name": "a", "address": "fe80::1%/../../open"}, "address"),
        ({"name": "a", "address": "../open"}, "address"),
        ({"name": "a", "colour": "red"}, "colour"),
        ([], None),
        (None, None),
    ],
)
def test_wrong(web: TestApp, admin: Headers, value: Any, field: str | None) -> None:
    """A wrong system is 400 and the answer names the field."""
    error = web.post_json("/systems/", value, headers=admin, status=400).json["error"]
    assert error["field"] == field
    web.post_json("/systems/", {"name": "old"}, headers=admin, status=201)
    if field not in (None, "name"):
        change = {name: item for name, item in value.items() if name != "name"}
        assert web.patch_json("/systems/old", change, headers=admin, status=400).json["error"]["field"] == field
    web.patch_json("/systems/old", {"name": "new"}, headers=admin, status=400)


def test_address_as_httpd_writes_it(web: TestApp, admin: Headers) -> None:
    """An address is kept in the one form in which the gate looks for it, however it was written."""
    for given, kept in (("2001:DB8::1", "2001:db8::1"), ("::ffff:192.0.2.1", "192.0.2.1")):
        made = web.post_json("/systems/", {"name": "a", "address": given}, headers=admin, status=201)
        assert made.json["address"] == kept
        assert web.patch_json("/systems/a", {"address": given}, headers=admin).json["address"] == kept
        web.delete("/systems/a", headers=admin, status=204)


def test_names_in_urls(web: TestApp, admin: Headers) -> None:
    """A name is what a host name or address consists of, and is reached as it is."""
    for name in ("a", "Host-1.lab.example", "2001:db8::1", "rack_4:3"):
        web.post_json("/systems/", {"name": name}, headers=admin, status=201)
        assert web.get(f"/systems/{name}").json["name"] == name
    for name in ("a b", "\u00fc", "..", "?", "a/b", "-a", "a" * 256):
        assert web.post_json("/systems/", {"name": name}, headers=admin, status=400).json["error"]["field"] == "name"


def test_paging(web: TestApp, admin: Headers) -> None:
    """Systems are listed by name; `next` leads through all of them."""
    names = ["a", "b.c", "d", "e-1"]
    for name in reversed(names):
        web.post_json("/systems/", {"name": name}, headers=admin, status=201)
    seen, url = [], "/systems/?limit=1"
    while url:
        page = web.get(url).json
        seen += [system["name"] for system in page["systems"]]
        url = page["next"] and "/systems/" + page["next"]
    assert seen == names


def test_claim(web: TestApp, admin: Headers, system: str, submit: Callable[..., Any]) -> None:
    """A claim without work is 204 and makes the system idle; with work it is the recipe with a key, each time anew."""
    web.post(f"/systems/{system}/claim", headers=admin, status=204)
    assert web.get(f"/systems/{system}").json["state"] == "idle"
    recipe = submit(system=system)["recipe_sets"][0]["recipes"][0]
    assert recipe["status"] == "Waiting"
    answers = [web.post(f"/systems/{system}/claim?wait=0", headers=admin, status=200) for _ in range(2)]
    keys = {answer.json["key"] for answer in answers}
    assert len(keys) == 2
    for answer in answers:
        assert (answer.json["id"], answer.headers["Location"]) == (recipe["id"], f"/recipes/{recipe['id']}/")
        web.put(
            f"/recipes/{recipe['id']}/logs/{answer.json['key']}",
            b"x",
            headers={"Authorization": f"Bearer {answer.json['key']}"},
            status=201,
        )
    found = web.get(f"/systems/{system}").json
    assert (found["state"], found["recipe"]) == ("running", recipe["id"])
    web.delete(f"/systems/{system}", headers=admin, status=409)
    for wait in ("x", "-1", "1.5"):
        assert web.post(f"/systems/{system}/claim?wait={wait}", headers=admin, status=400)


def test_own_key(web: TestApp, admin: Headers, system: str) -> None:
    """A system claims with its own key, for itself only; a new key replaces the old one."""
    web.post_json("/systems/", {"name": "beta"}, headers=admin, status=201)

    def key() -> Headers:
        answer = web.post(f"/systems/{system}/key", headers=admin, status=201).json
        assert answer["system"] == system
        return {"Authorization": f"Bearer {answer['key']}"}

    old = key()
    web.post(f"/systems/{system}/claim", headers=old, status=204)
    web.post("/systems/beta/claim", headers=old, status=401)
    new = key()
    web.post(f"/systems/{system}/claim", headers=old, status=401)
    web.post(f"/systems/{system}/claim", headers=new, status=204)
    web.patch_json(f"/systems/{system}", {"health": "bad"}, headers=new, status=401)


@pytest.mark.parametrize("health", ["bad", "maintenance"])
def test_unhealthy(web: TestApp, admin: Headers, system: str, submit: Callable[..., Any], health: str) -> None:
    """A system that is not well gets no work until it is."""
    web.patch_json(f"/systems/{system}", {"health": health}, headers=admin)
    submit(system=system)
    web.post(f"/systems/{system}/claim", headers=admin, status=204)
    web.patch_json(f"/systems/{system}", {"health": "good"}, headers=admin)
    web.post(f"/systems/{system}/claim", headers=admin, status=200)


class TestUrl:
    """The URL for a stock harness."""

    @pytest.fixture
    def config(self, config: Config) -> Config:
        """A site with a name."""
        return evolve(config, base_url="https://lab.example/t/")

    def test_url(self, web: TestApp, admin: Headers, system: str, submit: Callable[..., Any]) -> None:
        """A key comes with its URL, which carries it as userinfo."""
        recipe = submit(system=system)["recipe_sets"][0]["recipes"][0]["id"]
        key = web.post(f"/recipes/{recipe}/key", headers=admin, status=201).json
        assert key == {"recipe": recipe, "key": key["key"], "url": f"https://{recipe}:{key['key']}@lab.example/t/"}


def test_rotate(web: TestApp, admin: Headers, system: str, submit: Callable[..., Any]) -> None:
    """A further key leaves the earlier ones in force; rotate=1 revokes them, as Bearer and as Basic."""
    recipe = submit(system=system)["recipe_sets"][0]["recipes"][0]["id"]

    def key(query: str = "") -> list[Headers]:
        secret = web.post(f"/recipes/{recipe}/key{query}", headers=admin, status=201).json["key"]
        basic = base64.b64encode(f"{recipe}:{secret}".encode()).decode()
        return [{"Authorization": f"Bearer {secret}"}, {"Authorization": f"Basic {basic}"}]

    def accepted(headers: Headers) -> bool:
        answer = web.post(f"/recipes/{recipe}/watchdog", {"seconds": "5"}, headers=headers, status=(204, 403))
        return bool(answer.status_int == 204)

    first, second = key(), key("?rotate=0")
    assert all(map(accepted, first + second))
    third = key("?rotate=1")
    assert [accepted(headers) for headers in first + second + third] == [False] * 4 + [True] * 2


def test_key_assigns(web: TestApp, admin: Headers, system: str, submit: Callable[..., Any]) -> None:
    """Taking a key gives the recipe its system, or the one that the caller names; 409 where that cannot be."""
    web.post_json("/systems/", {"name": "beta"}, headers=admin, status=201)
    first, second, third = (
        submit(**fields)["recipe_sets"][0]["recipes"][0]["id"] for fields in ({"system": system}, {}, {})
    )
    web.post(f"/recipes/{first}/key?system=beta", headers=admin, status=409)
    web.post(f"/recipes/{first}/key?system={system}", headers=admin, status=201)
    assert web.get(f"/systems/{system}").json["recipe"] == first
    web.post(f"/recipes/{first}/key?system=beta", headers=admin, status=409)
    error = web.post(f"/recipes/{second}/key", headers=admin, status=409).json["error"]
    assert (error["code"], error["field"]) == ("recipe.not-assigned", "system")
    web.post(f"/recipes/{second}/key?system=none", headers=admin, status=400)
    error = web.post(f"/recipes/{second}/key?system={system}", headers=admin, status=409).json["error"]
    assert error["code"] == "system.busy"
    web.post(f"/recipes/{second}/key?system=beta", headers=admin, status=201)
    found = web.get(f"/recipes/{second}/", headers={"Accept": "application/json"}).json
    assert (found["system"], found["status"]) == ("beta", "Waiting")
    assert found["watchdog"] > 1700
    web.post(f"/recipes/{third}/key?system=beta", headers=admin, status=409)

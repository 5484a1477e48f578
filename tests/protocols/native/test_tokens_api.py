"""Tokens over the native API: who makes, sees and revokes which."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from webtest import TestApp

from wsgi_app.app import Application, create_app
from wsgi_app.config import Config

Headers = dict[str, str]
User = Callable[..., Headers]

SOON = (datetime.now(UTC) + timedelta(days=1)).isoformat()
LATER = (datetime.now(UTC) + timedelta(days=2)).isoformat()


def make(web: TestApp, headers: Headers, **body: Any) -> tuple[Any, Headers]:
    """Make a token; return its value and the headers that carry it."""
    made = web.post_json("/tokens/", {"name": "n", **body}, headers=headers, status=201)
    assert made.headers["Cache-Control"] == "no-store"
    value = made.json
    return value, {"Authorization": f"Bearer {value.pop('token')}"}


def refused(web: TestApp, headers: Headers, status: int, **body: Any) -> tuple[str, str | None]:
    """Fail to make a token; return code and field."""
    error = web.post_json("/tokens/", {"name": "n", **body}, headers=headers, status=status).json["error"]
    return error["code"], error["field"]


def test_a_token_that_an_admin_makes(web: TestApp, admin: Headers) -> None:
    """An admin makes a token for anyone; its secret is told once, and it does what its scopes say."""
    value, bob = make(web, admin, name="ci", user="bob", scopes=["submit", "read", "read"], expires=SOON)
    assert set(value) == {"id", "user", "name", "scopes", "created", "expires"}
    assert (value["user"], value["name"], value["scopes"]) == ("bob", "ci", ["read", "submit"])
    assert value["expires"][:19] == SOON[:19]
    assert value["expires"].endswith("Z")
    job = {"recipe_sets": [{"recipes": [{"tasks": [{"name": "t"}]}]}]}
    assert web.post_json("/jobs/", job, headers=bob, status=201).json["owner"] == "bob"
    web.post_json("/systems/", {"name": "s"}, headers=bob, status=403)


def test_what_is_not_said(web: TestApp, admin: Headers) -> None:
    """Without user, scopes and expiry it is the caller's own, reads and submits, and lives for good."""
    value, _ = make(web, admin)
    assert (value["user"], value["scopes"], value["expires"]) == ("admin", ["read", "submit"], None)
    assert make(web, admin, user=None, expires=None)[0]["user"] == "admin"


def test_lists_show_no_secret(web: TestApp, admin: Headers, config: Config) -> None:
    """A list has neither a secret nor its hash; pages follow one another; an admin may ask for one user's."""
    secrets = [config.admin_token.read_text().strip()]
    for user in ("bob", "eve", "bob"):
        secrets.append(make(web, admin, user=user)[1]["Authorization"].partition(" ")[2])
    whole = web.get("/tokens/", headers=admin)
    assert [token["user"] for token in whole.json["tokens"]] == ["admin", "bob", "eve", "bob"]
    assert all(set(token) == {"id", "user", "name", "scopes", "created", "expires"} for token in whole.json["tokens"])
    assert not any(secret in whole.text for secret in secrets)
    seen, url = [], "/tokens/?limit=3"
    while url:
        page = web.get(url, headers=admin).json
        seen += page["tokens"]
        url = page["next"] and "/tokens/" + page["next"]
    assert seen == whole.json["tokens"]
    assert [token["user"] for token in web.get("/tokens/?user=bob", headers=admin).json["tokens"]] == ["bob", "bob"]


def test_others_see_their_own(web: TestApp, admin: Headers, user: User) -> None:
    """Who is no admin sees their own tokens, whatever they ask for, and what has expired among them."""
    bob = user("bob", "read")
    user("bob", "read", expires=1.0)
    make(web, admin, user="eve")
    for query in ("", "?user=bob"):
        found = web.get(f"/tokens/{query}", headers=bob).json["tokens"]
        assert [(token["user"], token["expires"]) for token in found] == [
            ("bob", None),
            ("bob", "1970-01-01T00:00:01.000Z"),
        ]
    assert web.get("/tokens/?user=eve", headers=bob).json == {"tokens": [], "next": None}


@pytest.mark.parametrize("call", ["get", "post_json", "delete"])
def test_a_token_is_needed(web: TestApp, user: User, call: str) -> None:
    """Nobody does anything with tokens without one that is valid."""
    arguments: list[Any] = [{"name": "n"}] if call == "post_json" else []
    url = "/tokens/1" if call == "delete" else "/tokens/"
    for headers, code in (
        ({}, "auth.required"),
        ({"Authorization": "Bearer x"}, "auth.unknown"),
        (user("bob", "admin", expires=1.0), "auth.unknown"),
    ):
        answer = getattr(web, call)(url, *arguments, headers=headers, status=401)
        assert answer.json["error"]["code"] == code
        assert answer.headers["WWW-Authenticate"] == 'Basic realm="tackroom"'


def test_nobody_gives_more_than_they_have(web: TestApp, admin: Headers, user: User) -> None:
    """Who is no admin makes tokens for themselves, with scopes and a lifetime that the calling one has."""
    reader, submitter = user("bob", "read"), user("bob", "read", "submit")
    for scopes in (["admin"], ["read", "admin"], ["submit"], ["read", "submit"]):
        assert refused(web, reader, 403, scopes=scopes) == ("auth.denied", "scopes")
    # what is not said is no way around it
    assert refused(web, reader, 403) == ("auth.denied", "scopes")
    assert refused(web, submitter, 403, scopes=["admin"]) == ("auth.denied", "scopes")
    for other in ("eve", "admin", "Bob"):
        assert refused(web, submitter, 403, user=other) == ("auth.denied", "user")
    _, brief = make(web, admin, user="bob", scopes=["submit"], expires=SOON)
    for expires in (None, LATER):
        assert refused(web, brief, 403, scopes=["submit"], expires=expires) == ("auth.denied", "expires")
    assert refused(web, brief, 403, scopes=["submit"]) == ("auth.denied", "expires")
    # nor is a chain of tokens
    child, childs = make(web, brief, scopes=["submit"], expires=SOON)
    assert (child["user"], child["scopes"]) == ("bob", ["submit"])
    assert refused(web, childs, 403, scopes=["read"], expires=SOON) == ("auth.denied", "scopes")
    assert refused(web, childs, 403, scopes=["submit"], expires=LATER) == ("auth.denied", "expires")
    # and what only reads makes none: it would still read when that is void
    assert refused(web, reader, 403, scopes=["read"]) == ("auth.denied", None)
    assert make(web, submitter, user="bob")[0]["scopes"] == ["read", "submit"]


@pytest.mark.parametrize("caller", ["the system's key", "the recipe's key"])
def test_keys_are_no_tokens(web: TestApp, admin: Headers, system: str, submit: Callable[..., Any], caller: str) -> None:
    """A harness's key and a system's key make no tokens."""
    submit(system=system)
    key = (
        web.post(f"/systems/{system}/key", headers=admin).json["key"]
        if caller == "the system's key"
        else web.post(f"/systems/{system}/claim", headers=admin).json["key"]
    )
    headers = {"Authorization": f"Bearer {key}"}
    assert refused(web, headers, 401) == ("auth.unknown", None)
    web.get("/tokens/", headers=headers, status=401)
    web.delete("/tokens/1", headers=headers, status=401)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": None}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": " a"}, "name"),
        ({"name": "\ud800"}, "name"),
        ({"name": 5}, "name"),
        ({"name": "n", "user": ""}, "user"),
        ({"name": "n", "user": "a\0"}, "user"),
        ({"name": "n", "user": ["bob"]}, "user"),
        ({"name": "n", "scopes": []}, "scopes"),
        ({"name": "n", "scopes": None}, "scopes"),
        ({"name": "n", "scopes": "read"}, "scopes"),
        ({"name": "n", "scopes": ["root"]}, "scopes"),
        ({"name": "n", "scopes": [1]}, "scopes"),
        ({"name": "n", "expires": "2020-01-01T00:00:00Z"}, "expires"),
        ({"name": "n", "expires": "2127-01-01"}, "expires"),
        ({"name": "n", "expires": "2127-01-01T00:00:00"}, "expires"),
        ({"name": "n", "expires": "2127-13-01T00:00:00Z"}, "expires"),
        ({"name": "n", "expires": "9999-12-31T23:59:59-23:59"}, "expires"),
        ({"name": "n", "expires": 4102444800}, "expires"),
        ({"name": "n", "id": 1}, "id"),
        ({"name": "n", "token": "mine"}, "token"),
    ],
)
def test_bad_values(web: TestApp, admin: Headers, body: dict[str, Any], field: str) -> None:
    """What does not fit is refused by name, and no token is made."""
    error = web.post_json("/tokens/", body, headers=admin, status=400).json["error"]
    assert (error["code"], error["field"]) == ("input.invalid", field)
    assert len(web.get("/tokens/", headers=admin).json["tokens"]) == 1


def test_bad_bodies(web: TestApp, admin: Headers) -> None:
    """A body is a JSON object, and says that it is JSON."""
    kind = {"Content-Type": "application/json"}
    web.post("/tokens/", b"[]", headers={**admin, **kind}, status=400)
    answer = web.post("/tokens/", b"{", headers={**admin, **kind}, status=400)
    assert answer.json["error"]["code"] == "document.invalid"
    web.post("/tokens/", b"name=n", headers=admin, status=415)


def test_times_of_other_zones(web: TestApp, admin: Headers) -> None:
    """Expiry may be said in any zone, and in small letters; it is told in UTC."""
    value, _ = make(web, admin, expires="2127-01-01t01:30:00.5+01:30")
    assert value["expires"] == "2127-01-01T00:00:00.500Z"


def test_revoked_at_once_everywhere(web: TestApp, admin: Headers, config: Config) -> None:
    """A revoked token is void at once, in other processes too, and no longer listed; revoking it again is a 404."""
    value, bob = make(web, admin, user="bob")
    other = create_app(config)
    try:
        elsewhere = TestApp(other, extra_environ={"REMOTE_ADDR": "127.0.0.1"})
        elsewhere.get("/tokens/", headers=bob, status=200)
        web.delete(f"/tokens/{value['id']}", headers=admin, status=204)
        for where in (web, elsewhere):
            assert where.get("/tokens/", headers=bob, status=401).json["error"]["code"] == "auth.unknown"
    finally:
        other.gateway.close()
    assert value["id"] not in [token["id"] for token in web.get("/tokens/", headers=admin).json["tokens"]]
    assert web.delete(f"/tokens/{value['id']}", headers=admin, status=404).json["error"]["code"] == "token.unknown"


def test_who_revokes(web: TestApp, admin: Headers, user: User) -> None:
    """One's own and expired ones too; an admin any; another's is as unknown as one that never was."""
    bob = user("bob", "read")
    user("bob", "read", expires=1.0)
    eves, eve = make(web, admin, user="eve", scopes=["read"])
    unknown = web.delete("/tokens/999", headers=bob, status=404).json
    assert unknown["error"]["code"] == "token.unknown"
    assert web.delete(f"/tokens/{eves['id']}", headers=bob, status=404).json == unknown
    web.get("/tokens/", headers=eve, status=200)
    own, expired = web.get("/tokens/", headers=bob).json["tokens"]
    web.delete(f"/tokens/{expired['id']}", headers=bob, status=204)
    web.delete(f"/tokens/{own['id']}", headers=bob, status=204)
    web.get("/tokens/", headers=bob, status=401)


def test_no_token_makes_a_stronger_one_void(web: TestApp, admin: Headers, user: User) -> None:
    """Whoever gets hold of a token that only reads cannot shut its user out."""
    reader, submitter = user("bob", "read"), user("bob", "read", "submit")
    strong = web.get("/tokens/", headers=reader).json["tokens"][1]["id"]
    assert web.delete(f"/tokens/{strong}", headers=reader, status=403).json["error"]["code"] == "auth.denied"
    admins, _ = make(web, admin, user="bob", scopes=["admin"])
    web.delete(f"/tokens/{admins['id']}", headers=submitter, status=403)
    web.delete(f"/tokens/{strong}", headers=submitter, status=204)


def test_the_first_token_comes_back(web: TestApp, admin: Headers, config: Config, application: Application) -> None:
    """The token in DATA/admin.token may be revoked; without the file, the next start makes another."""
    (first,) = web.get("/tokens/", headers=admin).json["tokens"]
    assert (first["user"], first["name"], first["scopes"]) == ("admin", "admin.token", ["admin", "read", "submit"])
    web.delete(f"/tokens/{first['id']}", headers=admin, status=204)
    application.gateway.access.issue_admin_token()
    web.get("/tokens/", headers=admin, status=401)
    config.admin_token.unlink()
    application.gateway.access.issue_admin_token()
    fresh = {"Authorization": f"Bearer {config.admin_token.read_text().strip()}"}
    assert len(web.get("/tokens/", headers=fresh).json["tokens"]) == 1

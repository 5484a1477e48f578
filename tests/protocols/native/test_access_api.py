"""Who may do what over the native API: design.md sections 5 and 6."""

from collections.abc import Callable
from typing import Any

import pytest
from webtest import TestApp

JOB = {"recipe_sets": [{"recipes": [{"tasks": [{"name": "t"}]}]}]}
Headers = dict[str, str]
User = Callable[..., Headers]


def test_submit_needs_scope(web: TestApp, user: User) -> None:
    """Submitting needs a token (401) with scope submit (403); an expired one is none."""
    answer = web.post_json("/jobs/", JOB, status=401)
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="tackroom"'
    assert answer.json["error"]["code"] == "auth.required"
    web.post_json("/jobs/", JOB, headers={"Authorization": "Bearer x"}, status=401)
    web.post_json("/jobs/", JOB, headers=user("bob", "submit", expires=1.0), status=401)
    refused = web.post_json("/jobs/", JOB, headers=user("bob", "read"), status=403).json
    assert refused["error"]["code"] == "auth.denied"
    assert web.post_json("/jobs/", JOB, headers=user("bob", "submit"), status=201).json["owner"] == "bob"


@pytest.mark.parametrize("scheme", ["Bearer {}", "bearer {}", "Token {}"])
def test_schemes(web: TestApp, user: User, scheme: str) -> None:
    """A token comes as Bearer or Token."""
    token = user("bob", "submit")["Authorization"].partition(" ")[2]
    web.post_json("/jobs/", JOB, headers={"Authorization": scheme.format(token)}, status=201)


def test_basic(web: TestApp, user: User) -> None:
    """A token comes as the password of Basic, too."""
    web.authorization = ("Basic", ("bob", user("bob", "submit")["Authorization"].partition(" ")[2]))
    web.post_json("/jobs/", JOB, status=201)


@pytest.mark.parametrize(
    "path", ["/jobs/{job}", "/jobs/{job}/results", "/jobs/{job}/wait?timeout=0", "/recipes/{recipe}/"]
)
def test_private(web: TestApp, admin: Headers, user: User, submit: Callable[..., Any], path: str) -> None:
    """A private job is for its owner and admins: 401 without a token, 403 with another's; lists leave it out."""
    bob = user("bob", "submit", "read")
    job = submit(bob, {"visibility": "private"})
    url = path.format(job=job["id"], recipe=job["recipe_sets"][0]["recipes"][0]["id"])
    web.get(url, status=401)
    web.get(url, headers=user("eve", "submit", "read"), status=403)
    web.get(url, headers=user("bob", "submit"), status=403)
    web.get(url, headers=bob, status=200)
    web.get(url, headers=admin, status=200)
    for headers, seen in (({}, 0), (user("eve", "read"), 0), (bob, 1), (admin, 1)):
        assert len(web.get("/jobs/", headers=headers).json["jobs"]) == seen
        topics = {event["topic"] for event in web.get("/events", headers=headers).json["events"]}
        assert ("job" in topics) is bool(seen)


def test_anonymous_reads_public(web: TestApp, submit: Callable[..., Any], system: str) -> None:
    """Anyone reads public jobs, their recipes and results, systems and events."""
    job = submit()
    recipe = job["recipe_sets"][0]["recipes"][0]["id"]
    for url in (
        f"/jobs/{job['id']}",
        f"/jobs/{job['id']}/results",
        f"/recipes/{recipe}/results",
        f"/recipes/{recipe}/log-index",
        "/systems/",
        f"/systems/{system}",
        "/events",
        "/",
        "/livez",
        "/healthz/",
        "/healthz",
    ):
        web.get(url, status=200)
        assert web.head(url, status=200).body == b""
    assert web.get("/healthz/").text.strip() == "We are healthy!"


def test_cancel_and_key(web: TestApp, admin: Headers, user: User, submit: Callable[..., Any], system: str) -> None:
    """Only the owner and admins cancel a job or take its recipes' keys."""
    bob, eve = user("bob", "submit"), user("eve", "submit")
    job = submit(bob, system=system)
    recipe = job["recipe_sets"][0]["recipes"][0]["id"]
    for url in (f"/recipes/{recipe}/key", f"/jobs/{job['id']}/cancel"):
        web.post(url, status=401)
        web.post(url, headers=eve, status=403)
        web.post(url, headers=user("bob", "read"), status=403)
        assert web.post(url, headers=bob, status="*").status_int in (201, 204)
    web.post(f"/jobs/{job['id']}/cancel", headers=admin, status=204)
    web.post(f"/recipes/{recipe}/key", headers=admin, status=409)


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("POST", "/systems/"),
        ("PATCH", "/systems/alpha"),
        ("DELETE", "/systems/alpha"),
        ("POST", "/systems/alpha/key"),
        ("POST", "/systems/alpha/claim"),
    ],
)
def test_systems_are_for_admins(web: TestApp, user: User, system: str, method: str, url: str) -> None:
    """Changing systems needs an admin's token."""

    def call(headers: Headers, status: int) -> None:
        kind = {"Content-Type": "application/json"}
        body = b'{"name": "b"}' if method == "POST" else b'{"type": "b"}'
        web.request(url, method=method, body=body, headers={**kind, **headers}, status=status)

    call({}, 401)
    call({"Authorization": "Bearer x"}, 401)
    call(user("bob", "submit", "read"), 403)
    assert web.get(f"/systems/{system}").json["state"] == "offline"


@pytest.mark.parametrize(
    ("method", "url", "status"),
    [
        ("GET", "/jobs/999", 404),
        ("GET", "/jobs/0", 404),
        ("GET", "/jobs/x", 404),
        ("GET", "/jobs/999/results", 404),
        ("GET", "/jobs/999/wait", 404),
        ("POST", "/jobs/999/cancel", 404),
        ("GET", "/recipes/999/results", 404),
        ("GET", "/recipes/999/log-index", 404),
        ("POST", "/recipes/999/key", 404),
        ("GET", "/systems/none", 404),
        ("PATCH", "/systems/none", 404),
        ("DELETE", "/systems/none", 404),
        ("POST", "/systems/none/key", 404),
        ("POST", "/systems/none/claim", 404),
        ("DELETE", "/jobs/1", 405),
        ("PUT", "/events", 405),
        ("GET", "/nothing", 404),
        ("GET", "/jobsite", 404),
        ("POST", "/livez", 405),
    ],
)
def test_unknown(web: TestApp, admin: Headers, method: str, url: str, status: int) -> None:
    """What is not there is 404, a verb that a URL does not have 405 with Allow."""
    headers = {**admin, "Content-Type": "application/json"}
    answer = web.request(url, method=method, body=b"{}", headers=headers, status=status)
    if status == 405:
        assert "Allow" in answer.headers

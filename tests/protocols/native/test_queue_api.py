"""GET /queue, POST /jobs/J/retry, POST /jobs/J/cancel, and idempotency keys over HTTP."""

from collections.abc import Callable
from typing import Any

import pytest
from webtest import TestApp


def test_queue(web: TestApp, admin: dict[str, str], submit: Callable[..., Any], system: str) -> None:
    """What waits, with its reason; page by page; of one job; private jobs only for those who may see them."""
    first = submit(system=system, job={"priority": 10})
    second = submit(requires={"type": None, "tags": ["x86"]}, job={"name": "n", "visibility": "private"})
    whole = web.get("/queue", headers=admin).json
    assert [waiting["job"] for waiting in whole["queue"]] == [second["id"], first["id"]]
    group = second["recipe_sets"][0]
    assert whole["queue"][0] == {
        "job": second["id"],
        "name": "n",
        "owner": "admin",
        "priority": 50,
        "recipe_set": group["id"],
        "recipes": [group["recipes"][0]["id"]],
        "since": second["submitted"],
        "reason": "no healthy system has tag x86",
    }
    assert whole["next"] is None
    page = web.get("/queue?limit=1", headers=admin).json
    following = web.get("/queue" + page["next"], headers=admin).json
    assert page["queue"] + following["queue"] == whole["queue"]
    assert [waiting["job"] for waiting in web.get("/queue").json["queue"]] == [first["id"]]
    assert [waiting["job"] for waiting in web.get(f"/queue?job={first['id']}").json["queue"]] == [first["id"]]


@pytest.mark.parametrize(("query", "field"), [("after=x", "after"), ("after=1-", "after"), ("limit=x", "limit")])
def test_bad_queries(web: TestApp, query: str, field: str) -> None:
    """400 names what is wrong."""
    assert web.get(f"/queue?{query}", status=400).json["error"]["field"] == field


def test_retry(web: TestApp, admin: dict[str, str], submit: Callable[..., Any], system: str) -> None:
    """201 with the new job and its place; an idempotency key makes it one."""
    job = submit(system=system, job={"name": "n"})
    web.post(f"/jobs/{job['id']}/cancel", headers=admin, status=204)
    headers = {**admin, "Idempotency-Key": "k"}
    answer = web.post(f"/jobs/{job['id']}/retry", headers=headers, status=201)
    again = answer.json
    assert answer.headers["Location"] == f"/jobs/{again['id']}"
    assert (again["name"], again["retry_of"], again["status"]) == ("n", job["id"], "Queued")
    assert web.post(f"/jobs/{job['id']}/retry", headers=headers, status=201).json["id"] == again["id"]
    other = web.post(f"/jobs/{job['id']}/retry", headers=admin, status=201).json
    assert other["id"] != again["id"]


def test_who_may_retry(
    web: TestApp, submit: Callable[..., Any], system: str, user: Callable[..., dict[str, str]]
) -> None:
    """Who may read a job and submit owns the copy; others are refused."""
    public, private = submit(system=system), submit(system=system, job={"visibility": "private"})
    eve = user("eve", "read", "submit")
    assert web.post(f"/jobs/{public['id']}/retry", headers=eve, status=201).json["owner"] == "eve"
    web.post(f"/jobs/{private['id']}/retry", headers=eve, status=403)
    web.post(f"/jobs/{public['id']}/retry", headers=user("rob", "read"), status=403)
    web.post(f"/jobs/{public['id']}/retry", status=401)
    web.post("/jobs/999/retry", headers=eve, status=404)


def test_retry_without_its_system(web: TestApp, admin: dict[str, str], submit: Callable[..., Any], system: str) -> None:
    """A job whose system is gone cannot be repeated, and the refusal names it."""
    job = submit(system=system)
    web.delete(f"/systems/{system}", headers=admin, status=204)
    error = web.post(f"/jobs/{job['id']}/retry", headers=admin, status=400).json["error"]
    assert error["field"] == "recipe_sets[0].recipes[0].system"


def test_warnings_are_kept(web: TestApp, admin: dict[str, str]) -> None:
    """What of the XML has no effect is said with line and column, at once and whenever the job is read."""
    body = b"""<job><whiteboard>w</whiteboard>
      <recipeSet><recipe>
        <distroRequires><distro_name op="=" value="x"/></distroRequires>
        <task name="t"><command><arg>true</arg></command></task>
      </recipe></recipeSet></job>"""
    job = web.post("/jobs/", body, headers={**admin, "Content-Type": "application/xml"}, status=201).json
    assert job["warnings"] == ["line 3, column 9: distroRequires has no effect yet"]
    assert web.get(f"/jobs/{job['id']}").json["warnings"] == job["warnings"]


def test_json_makes_no_warnings(web: TestApp, admin: dict[str, str]) -> None:
    """Warnings are ours to make."""
    body = {"warnings": ["x"], "recipe_sets": [{"recipes": [{"tasks": [{"name": "t"}]}]}]}
    web.post_json("/jobs/", body, headers=admin, status=400)

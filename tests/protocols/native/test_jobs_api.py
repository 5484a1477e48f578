"""Jobs over the native API: design.md section 5."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve
from waiting import until
from webtest import TestApp

from wsgi_app.app import Application
from wsgi_app.config import Config
from wsgi_app.states import Visibility

XML = b"""<job><whiteboard> w </whiteboard><recipeSet priority="High">
<recipe role="SERVERS" max_seconds="60" stop_on_fail="true">
<hostRequires><and><system_type value="Machine"/><tag value="kvm"/></and></hostRequires>
<task name="/t" role="STANDALONE"><fetch url="https://example.org/t.git#d"/>
<params><param name="A" value="1"/></params></task>
<task name="c"><command><arg>echo</arg><arg/></command></task><task name="s"><script>
date</script></task></recipe></recipeSet></job>"""


def test_smallest_job(web: TestApp, admin: dict[str, str], system: str) -> None:
    """The smallest job of the documentation is enough; Location leads to it, and all its fields are there."""
    body = {
        "name": "n",
        "recipe_sets": [{"recipes": [{"system": system, "tasks": [{"name": "hello", "command": ["echo", "hi"]}]}]}],
    }
    answer = web.post_json("/jobs/", body, headers=admin, status=201)
    job = answer.json
    assert answer.headers["Location"] == f"/jobs/{job['id']}"
    assert web.get(answer.headers["Location"]).json == job
    assert job.pop("submitted").endswith("Z")
    recipe_set = job.pop("recipe_sets")[0]
    assert job == {
        "id": 1,
        "name": "n",
        "owner": "admin",
        "visibility": "public",
        "priority": 50,
        "status": "Queued",
        "cancelling": False,
        "settled": False,
        "result": "New",
        "verdict": None,
        "reason": None,
        "started": None,
        "finished": None,
        "retry_of": None,
        "campaign": False,
        "metadata": {},
        "earlier_sets": 0,
        "upcoming": None,
        "warnings": [],
    }
    (recipe,) = recipe_set.pop("recipes")
    assert recipe_set == {"id": 2, "stage": 0, "status": "Queued", "attempt": None}
    (task,) = recipe.pop("tasks")
    assert recipe == {
        "id": 3,
        "job": 1,
        "recipe_set": 2,
        "system": system,
        "requires": {"type": None, "tags": []},
        "role": None,
        "status": "Queued",
        "cancelling": False,
        "settled": False,
        "late": False,
        "damaged": 0,
        "result": "New",
        "reason": None,
        "cause": None,
        "watchdog": None,
        "max_seconds": None,
        "stop_on_fail": False,
        "install_started": None,
        "install_finished": None,
        "postinstall_finished": None,
    }
    assert task == {
        "id": 4,
        "name": "hello",
        "role": None,
        "params": {},
        "command": ["echo", "hi"],
        "status": "Waiting",
        "result": "New",
        "version": None,
        "started": None,
        "finished": None,
    }


@pytest.mark.parametrize("kind", ["application/xml", "text/xml; charset=utf-8"])
def test_xml(web: TestApp, admin: dict[str, str], kind: str) -> None:
    """Beaker's job XML makes the same job."""
    job = web.post("/jobs/", XML, headers={**admin, "Content-Type": kind}, status=201).json
    assert (job["name"], job["priority"]) == ("w", 70)
    recipe = job["recipe_sets"][0]["recipes"][0]
    assert recipe["requires"] == {"type": "Machine", "tags": ["kvm"]}
    assert (recipe["role"], recipe["max_seconds"], recipe["stop_on_fail"]) == ("SERVERS", 60, True)
    first, second, third = recipe["tasks"]
    assert (first["fetch"], first["params"]) == ({"url": "https://example.org/t.git#d"}, {"A": "1"})
    assert second["command"] == ["echo", ""]
    assert third["script"] == "date"


TASK = {"name": "t"}


def recipes(*members: Any) -> dict[str, Any]:
    """A job of one set."""
    return {"recipe_sets": [{"recipes": list(members)}]}


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({}, "recipe_sets"),
        ({"recipe_sets": []}, "recipe_sets"),
        ({"recipe_sets": {}}, "recipe_sets"),
        ({"recipe_sets": "ab"}, "recipe_sets"),
        ({"recipe_sets": [5]}, "recipe_sets[0]"),
        ({"recipe_sets": [{"recipes": []}]}, "recipe_sets[0].recipes"),
        ({"recipe_sets": [{"recipes": [{"tasks": [TASK]}], "stage": -1}]}, "recipe_sets[0].stage"),
        (recipes({"tasks": []}), "recipe_sets[0].recipes[0].tasks"),
        (recipes({"tasks": [TASK, {}]}), "recipe_sets[0].recipes[0].tasks[1].name"),
        (recipes({"tasks": [{"name": ""}]}), "recipe_sets[0].recipes[0].tasks[0].name"),
        (recipes({"tasks": [{"name": 5}]}), "recipe_sets[0].recipes[0].tasks[0].name"),
        (recipes({"tasks": [{**TASK, "command": "echo"}]}), "recipe_sets[0].recipes[0].tasks[0].command"),
        (recipes({"tasks": [{**TASK, "command": []}]}), "recipe_sets[0].recipes[0].tasks[0].command"),
        (recipes({"tasks": [{**TASK, "script": "a", "command": ["b"]}]}), "recipe_sets[0].recipes[0].tasks[0]"),
        (recipes({"tasks": [{**TASK, "fetch": "http://x"}]}), "recipe_sets[0].recipes[0].tasks[0].fetch"),
        (recipes({"tasks": [{**TASK, "params": {"a": 1}}]}), "recipe_sets[0].recipes[0].tasks[0].params"),
        (recipes({"tasks": [TASK], "max_seconds": 0}), "recipe_sets[0].recipes[0].max_seconds"),
        (recipes({"tasks": [TASK], "max_seconds": True}), "recipe_sets[0].recipes[0].max_seconds"),
        (recipes({"tasks": [TASK], "system": "none.such"}), "recipe_sets[0].recipes[0].system"),
        (recipes({"tasks": [TASK], "requires": {"tags": "ab"}}), "recipe_sets[0].recipes[0].requires.tags"),
        ({**recipes({"tasks": [TASK]}), "priority": 101}, "priority"),
        ({**recipes({"tasks": [TASK]}), "visibility": "secret"}, "visibility"),
        ({**recipes({"tasks": [TASK]}), "name": "\ud800"}, "name"),
        ({**recipes({"tasks": [TASK]}), "colour": "red"}, "colour"),
        ([], None),
        (5, None),
        (None, None),
    ],
)
def test_wrong_field(web: TestApp, admin: dict[str, str], value: Any, field: str | None) -> None:
    """A wrong job is 400 and the answer names the field; nothing is stored."""
    error = web.post_json("/jobs/", value, headers=admin, status=400).json["error"]
    assert error["message"]
    assert error["code"] in ("document.invalid", "input.invalid")
    if field is not None:
        assert error["field"].startswith(field)
    assert web.get("/jobs/").json["jobs"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", None),
        (b"<job", None),
        (b"<jobs/>", "jobs"),
        (b"<job/>", "job"),
        (b"<job><recipeSet/></job>", "recipeSet"),
        (b"<job><recipeSet><recipe/></recipeSet></job>", "recipe"),
        (b"<job><recipeSet><recipe><task/></recipe></recipeSet></job>", "task/@name"),
        (XML.replace(b"High", b"tall"), "recipeSet/@priority"),
        (XML.replace(b'"60"', b'"-1"'), "recipe/@max_seconds"),
        (XML.replace(b"<tag ", b"<colour "), "colour"),
        (XML.replace(b'<tag value="kvm"/>', b'<tag op="!=" value="kvm"/>'), "tag/@op"),
        (XML.replace(b"</command>", b"</command><script>x</script>"), "script"),
        (b'<!DOCTYPE job SYSTEM "file:///etc/passwd">' + XML, None),
        (
            '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE job [<!ENTITY a "b">]><job>&a;</job>'.encode("utf-16"),
            None,
        ),
    ],
)
def test_wrong_xml(web: TestApp, admin: dict[str, str], body: bytes, field: str | None) -> None:
    """Wrong XML is 400, says line and column, and names the element or attribute."""
    headers = {**admin, "Content-Type": "application/xml"}
    error = web.post("/jobs/", body, headers=headers, status=400).json["error"]
    assert error["code"] == "document.invalid"
    assert error["message"].startswith("line ")
    assert error["field"] == field


def test_other_kind(web: TestApp, admin: dict[str, str]) -> None:
    """A job of another content type is 415."""
    error = web.post("/jobs/", b"a,b", headers={**admin, "Content-Type": "text/csv"}, status=415).json["error"]
    assert error["code"] == "http.unsupported-media-type"


def test_paging(web: TestApp, admin: dict[str, str], submit: Callable[..., Any]) -> None:
    """Jobs are listed newest first; `next` leads through all of them with the same filter, once each."""
    made = [submit()["id"] for _ in range(5)]
    web.post(f"/jobs/{made[1]}/cancel", headers=admin, status=204)
    seen, url = [], "/jobs/?limit=2&state=Queued&owner=admin"
    while url:
        page = web.get(url).json
        seen += [job["id"] for job in page["jobs"]]
        assert page["next"] is None or page["next"].startswith("?")
        url = page["next"] and "/jobs/" + page["next"]
    assert seen == [made[4], made[3], made[2], made[0]]
    assert web.get("/jobs/?owner=nobody").json == {"jobs": [], "next": None}
    assert len(web.get("/jobs/?limit=0").json["jobs"]) == 1
    for query in ("limit=x", "after=-1", "limit=1.0", "after=%D9%A3"):
        assert web.get(f"/jobs/?{query}", status=400).json["error"]["field"] in ("limit", "after")


def test_idempotency(web: TestApp, admin: dict[str, str], user: Callable[..., dict[str, str]]) -> None:
    """The same key and body make one job; another body is 409; another user's key is another key."""
    body, other = recipes({"tasks": [TASK]}), recipes({"tasks": [TASK, TASK]})

    def post(headers: dict[str, str], value: Any, status: int) -> Any:
        return web.post_json("/jobs/", value, headers={**headers, "Idempotency-Key": "k\xe4"}, status=status).json

    first = post(admin, body, 201)
    assert post(admin, body, 201)["id"] == first["id"]
    assert post(admin, other, 409)["error"]["field"] == "Idempotency-Key"
    assert post(user("bob", "submit"), other, 201)["id"] != first["id"]
    assert len(web.get("/jobs/").json["jobs"]) == 2


def test_cancel(web: TestApp, admin: dict[str, str], submit: Callable[..., Any], system: str) -> None:
    """Cancelling ends everything that is unfinished, frees the system, and can be repeated."""
    job = submit(system=system)
    recipe = job["recipe_sets"][0]["recipes"][0]
    key = {"Authorization": "Bearer " + web.post(f"/systems/{system}/claim", headers=admin).json["key"]}
    for _ in range(2):
        web.post(f"/jobs/{job['id']}/cancel", headers=admin, status=204)
    found = web.get(f"/jobs/{job['id']}").json
    assert (found["status"], found["recipe_sets"][0]["status"]) == ("Cancelled", "Cancelled")
    assert found["recipe_sets"][0]["recipes"][0]["tasks"][0]["status"] == "Cancelled"
    assert web.get(f"/systems/{system}").json["recipe"] is None
    status = f"/recipes/{recipe['id']}/tasks/{recipe['tasks'][0]['id']}/status"
    web.post(status, {"status": "Running"}, headers=key, status=409)
    web.put(f"/recipes/{recipe['id']}/logs/a", b"x", headers=key, status=409)
    queued = submit()
    web.post(f"/jobs/{queued['id']}/cancel", headers=admin, status=204)
    done = web.get(f"/jobs/{queued['id']}/wait?timeout=0").json
    assert (done["settled"], done["verdict"]) == (True, "cancelled")


def test_wait(web: TestApp, application: Application, admin: dict[str, str], submit: Callable[..., Any]) -> None:
    """A waiting call returns as soon as the job is settled, and after its time when it is not."""
    job = submit()["id"]
    assert web.get(f"/jobs/{job}/wait?timeout=0").json["settled"] is False
    answers: list[Any] = []
    caller = threading.Thread(target=lambda: answers.append(web.get(f"/jobs/{job}/wait?timeout=60").json))
    caller.start()
    web.post(f"/jobs/{job}/cancel", headers=admin, status=204)
    until(lambda: answers, "the waiting call", 30)
    caller.join()
    assert answers[0]["settled"] is True


class TestAnonymous:
    """A site may let everyone submit."""

    @pytest.fixture
    def config(self, config: Config) -> Config:
        """Anonymous jobs, private unless they say otherwise."""
        return evolve(config, anonymous_submit=True, visibility=Visibility.PRIVATE)

    def test_anonymous(self, web: TestApp, admin: dict[str, str], submit: Callable[..., Any]) -> None:
        """A job without a token belongs to nobody, so that only admins may read it when it is private."""
        body = recipes({"tasks": [TASK]})
        job = web.post_json("/jobs/", body, status=201).json
        assert (job["owner"], job["visibility"]) == ("anonymous", "private")
        web.post_json("/jobs/", body, headers={"Authorization": "Bearer x"}, status=401)
        web.get(f"/jobs/{job['id']}", status=401)
        web.get(f"/jobs/{job['id']}", headers=admin, status=200)


def test_what_is_no_call_is_refused_in_few_words(web: TestApp, admin: dict[str, str]) -> None:
    """A path or method that is none of ours has its status's name for a message, and a code of its own."""
    assert web.get("/jobs/abc", status=404).json["error"] == {
        "code": "http.not-found",
        "message": "Not Found",
        "field": None,
    }
    refused = web.delete("/jobs/", headers=admin, status=405)
    assert refused.json["error"]["message"] == "Method Not Allowed"
    assert {word.strip() for word in refused.headers["Allow"].split(",")} == {"GET", "HEAD", "POST"}

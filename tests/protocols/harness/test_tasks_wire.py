"""Task status, PATCH, recipe status and watchdog: harness-beaker.md 1.3, 1.4 and checklist 22-38, 83, 84."""

from typing import Any

import pytest
from webtest import TestApp


@pytest.mark.parametrize(
    ("steps", "last"),
    [
        pytest.param(["Running:204"], "Running", id="22"),
        pytest.param(["Running:204", "Completed:204"], "Completed", id="23"),
        pytest.param(["running:204", "COMPLETED:204"], "Completed", id="any case"),
        pytest.param(["Running:204", "Completed:204", "Completed:409"], "Completed", id="24"),
        pytest.param(["Running:204", "Completed:204", "Running:409"], "Completed", id="27"),
        pytest.param(["Running:204", "Completed:204", "Aborted:409"], "Completed", id="aborted after completed"),
        pytest.param(["Running:204", "Running:204"], "Running", id="running again"),
        pytest.param(["Completed:409"], "Waiting", id="completed before running"),
        pytest.param(["Aborted:204"], "Aborted", id="84"),
        pytest.param(["Aborted:204", "Aborted:409"], "Aborted", id="aborted twice"),
        pytest.param(["Cancelled:400", "Waiting:400", "nonsense:400", ":400"], "Waiting", id="no status of a harness"),
    ],
)
def test_status(harness: Any, steps: list[str], last: str) -> None:
    """A task goes from Waiting to Running to an end, and stays there."""
    for step in steps:
        status, _, code = step.partition(":")
        answer = harness.say(harness.tasks[0], status, int(code))
        if code == "409" and status != "Completed":
            assert b"finished" in answer.body
    assert harness.read()["tasks"][0]["status"] == last


def test_26_status_missing(harness: Any) -> None:
    """A status POST without a status is 400."""
    harness.form(f"tasks/{harness.tasks[0]}/status", "message=x", 400)
    harness.call("POST", f"tasks/{harness.tasks[0]}/status", b"", 400)


def test_25_abort_message(harness: Any) -> None:
    """An aborted task leaves a Warn with the message, and one Aborted task makes the recipe Aborted."""
    first, second = harness.tasks
    harness.form(f"tasks/{first}/status", "status=Aborted&message=no+disk&stime=0&etime=0&x=%01", 204)
    (warn,) = harness.results()
    assert {"task": first, "path": "/", "result": "Warn", "score": 0, "message": "no disk"}.items() <= warn.items()
    harness.say(second, "Running")
    harness.say(second, "Completed")
    assert harness.read()["status"] == "Aborted"


@pytest.mark.parametrize(
    ("body", "code", "answer"),
    [
        pytest.param({"status": "Running"}, 200, {"status": "Running"}, id="29"),
        pytest.param({"status": "running", "x": 1}, 200, {"status": "running"}, id="as sent"),
        pytest.param({"status": "Completed"}, 409, None, id="completed before running"),
        pytest.param({"status": "Aborted", "message": "m"}, 200, {"status": "Aborted"}, id="31"),
        pytest.param({"message": "m"}, 200, {}, id="only a message"),
        pytest.param({"status": "Reserved"}, 400, None, id="unknown"),
        pytest.param({"status": 5}, 400, None, id="a number"),
        pytest.param({"name": ["x"]}, 400, None, id="a list"),
        pytest.param({"name": "\ud800"}, 400, None, id="half a pair"),
    ],
)
def test_patch(harness: Any, body: dict[str, Any], code: int, answer: dict[str, Any] | None) -> None:
    """PATCH sets a status and answers with what it set."""
    got = harness.patch(harness.tasks[0], body, code)
    if answer is not None:
        assert got.json == answer


def test_30_name_and_version(harness: Any) -> None:
    """Status, name and version in one PATCH are all echoed and stored; the latter also change a finished task."""
    task = harness.tasks[0]
    got = harness.patch(task, {"status": "Running", "name": "/n", "version": "1"}, 200).json
    assert got == {"id": task, "name": "/n", "version": "1", "status": "Running"}
    harness.patch(task, {"status": "Completed"}, 200)
    harness.patch(task, {"status": "Running", "name": "lost"}, 409)
    got = harness.form(f"tasks/{task}/", "version=2", 200, method="PATCH").json
    assert got == {"id": task, "name": "/n", "version": "2", "status": "Completed"}


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (b"", "application/json", 415),
        (b"", "application/x-www-form-urlencoded", 415),
        (b"status=Running", "text/plain", 415),
        (b"[]", "application/json", 400),
        (b"{", "application/json", 400),
        (b"[" * 100000, "application/json", 400),
    ],
)
def test_patch_body(harness: Any, body: bytes, kind: str, code: int) -> None:
    """PATCH wants a JSON object or a form."""
    harness.call("PATCH", f"tasks/{harness.tasks[0]}/", body, code, {"Content-Type": kind})


def test_34_28_abort_recipe(harness: Any) -> None:
    """Aborting a recipe ends every unfinished task with the message; again, it changes nothing."""
    first, second = harness.tasks
    harness.form("status", "status=aborted&message=broken", 204)
    assert [task["status"] for task in harness.read()["tasks"]] == ["Aborted", "Aborted"]
    assert [(result["task"], result["message"]) for result in harness.results()] == [
        (first, "broken"),
        (second, "broken"),
    ]
    harness.say(second, "Completed", 409)
    harness.form("status", "status=Aborted&message=again", 204)
    assert len(harness.results()) == 2
    assert harness.read()["reason"] == "broken"


@pytest.mark.parametrize("body", ["", "status=Completed", "message=x", "status="])
def test_abort_recipe_refused(harness: Any, body: str) -> None:
    """A recipe's status can only be set to Aborted."""
    harness.form("status", body, 400)


def test_35_other_set(make_harness: Any) -> None:
    """Aborting one recipe leaves others alone."""
    one, other = make_harness(number=1), make_harness(number=2)
    one.form("status", "status=Aborted", 204)
    assert other.read()["status"] == "Waiting"


@pytest.mark.parametrize(
    ("body", "code", "left"),
    [
        pytest.param("seconds=600", 204, 600, id="38"),
        pytest.param("seconds=0", 204, 0, id="at once"),
        pytest.param("seconds=-5", 204, -5, id="past"),
        pytest.param("seconds=%2B60", 204, 60, id="signed"),
        pytest.param("seconds=999999999999999999", 204, 10 * 365 * 86400, id="a slip"),
        pytest.param("seconds=1.5", 400, 1800, id="no integer"),
        pytest.param("seconds=", 400, 1800, id="empty"),
        pytest.param("seconds=" + "9" * 5000, 400, 1800, id="endless"),
        pytest.param("second=5", 400, 1800, id="missing"),
    ],
)
def test_watchdog(harness: Any, body: str, code: int, left: int) -> None:
    """The watchdog is so many seconds from now, and reads back (checklist 37)."""
    harness.form("watchdog", body, code)
    answer = harness.call("GET", "watchdog", status=200)
    assert answer.headers["Content-Type"] == "application/json"
    assert left - 5 <= answer.json["seconds"] <= left


def test_watchdog_of_a_finished_recipe(harness: Any) -> None:
    """A finished recipe has no watchdog: GET says false, POST 409; a task's start armed it."""
    harness.form("watchdog", "seconds=5", 204)
    harness.say(harness.tasks[0], "Running")
    assert harness.call("GET", "watchdog").json["seconds"] > 1700
    harness.form("status", "status=Aborted", 204)
    assert harness.call("GET", "watchdog").json == {"seconds": False}
    harness.form("watchdog", "seconds=600", 409)


CALLS = [
    ("POST", "status", "status=Aborted"),
    ("POST", "watchdog", "seconds=5"),
    ("POST", "tasks/{task}/status", "status=Running"),
    ("PATCH", "tasks/{task}/", "status=Running"),
    ("POST", "tasks/{task}/results/", "result=Pass"),
]


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_who_may(make_harness: Any, admin: dict[str, str], method: str, path: str, body: str) -> None:
    """401 without credentials, 403 with another recipe's, through the key in both forms and for admins."""
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    own, other = make_harness(number=1), make_harness(number=2)
    url = f"/recipes/{own.recipe}/{path.format(task=own.tasks[0])}"

    def call(headers: dict[str, str], status: int | str) -> Any:
        web: TestApp = own.web
        return web.request(url, method=method, body=body.encode(), headers={**kind, **headers}, status=status)

    assert call({}, 401).headers["WWW-Authenticate"] == 'Basic realm="tackroom"'
    call(other.bearer, 403)
    call(other.basic, 403)
    call({"Authorization": "Bearer nonsense"}, 403)
    assert own.read()["status"] == "Waiting"
    assert call(own.basic, "*").status_int in (200, 201, 204)
    done = call(admin, "*").status_int
    assert done in (200, 201, 204) or (path == "watchdog" and done == 409)


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_unknown(harness: Any, method: str, path: str, body: str) -> None:
    """Unknown tasks and recipes are 404, a task of another recipe likewise."""
    if "{task}" in path:
        harness.form(path.format(task=harness.recipe), body, 404, method)
    admin_url = f"/recipes/{harness.job}/{path.format(task=harness.tasks[0])}"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    harness.web.request(admin_url, method=method, body=body.encode(), headers=headers, status=(401, 404))

"""Results: harness-beaker.md 1.3 and checklist 11-21, 83, 85, 86."""

from typing import Any
from urllib.parse import urlencode

import pytest
from attrs import evolve
from webtest import TestApp

from wsgi_app.app import create_app
from wsgi_app.config import Config


@pytest.mark.parametrize(
    ("form", "stored"),
    [
        pytest.param("result=Pass&path=/a&score=5&message=m", ("Pass", "/a", 5, "m"), id="11"),
        pytest.param("result=FAIL&path=exit_code&score=768", ("Fail", "exit_code", 768, None), id="12"),
        pytest.param("result=warn&score=-1", ("Warn", "/", -1, None), id="13"),
        pytest.param("result=None", ("None", "/", None, None), id="14"),
        pytest.param("result=sKIP&no_plugins=%01&disable_plugin=a", ("Skip", "/", None, None), id="15-83"),
    ],
)
def test_stored(harness: Any, form: str, stored: tuple[Any, ...]) -> None:
    """A result is 201 with its id as relative Location, and stored as it was sent."""
    answer = harness.form(f"tasks/{harness.tasks[0]}/results/", form, 201)
    (result,) = harness.results()
    assert answer.headers["Location"] == str(result["id"])
    assert (result["result"], result["path"], result["score"], result["message"]) == stored
    assert (result["task"], result["source"], result["log"], result["line"]) == (
        harness.tasks[0],
        "harness",
        None,
        None,
    )


@pytest.mark.parametrize("form", ["", "path=/x", "result=", "result=Panic", "result=New", "result=passed"])
def test_16_17_refused(harness: Any, form: str) -> None:
    """A missing or unknown result is 400."""
    harness.form(f"tasks/{harness.tasks[0]}/results/", form, 400)


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("", 0),
        ("7", 7),
        ("123foo", 123),
        ("/foo", 0),
        ("8.88", 9),
        ("8.8.8", 9),
        ("-1", -1),
        ("-1.6", -2),
        ("  12 ", 12),
        ("9999999999", 9999999999),
        ("10000000000", 9999999999),
        ("9" * 400, 9999999999),
        ("-" + "9" * 400, -9999999999),
        ("0" * 400 + "7", 7),
        ("1e5", 1),
        ("nan", 0),
        ("inf", 0),
        ("0x10", 0),
        ("\u0663", 0),
        ("-", 0),
    ],
)
def test_21_scores(harness: Any, text: str, score: int) -> None:
    """A score is its leading number, rounded and bounded."""
    harness.form(f"tasks/{harness.tasks[0]}/results/", urlencode({"result": "Pass", "score": text}), 201)
    assert harness.results()[0]["score"] == score


def test_18_finished(harness: Any) -> None:
    """A finished task takes no results, its unfinished neighbour does."""
    first, second = harness.tasks
    harness.say(first, "Running")
    harness.say(first, "Completed")
    harness.form(f"tasks/{first}/results/", "result=Pass", 409)
    harness.form(f"tasks/{second}/results/", "result=Pass", 201)


def test_worst_wins(harness: Any) -> None:
    """Task and recipe have the worst of their results; New when there is none."""
    first, _ = harness.tasks
    for result in ("Skip", "Fail", "Pass"):
        harness.result(first, result)
    found = harness.read()
    assert [task["result"] for task in found["tasks"]] == ["Fail", "New"]
    assert found["result"] == "Fail"


@pytest.mark.parametrize("path", ["tasks/{task}/results/", "tasks/{task}/results", "/tasks/{task}//results/"])
@pytest.mark.parametrize("host", ["localhost:8081", "evil.example", "[::1]:1"])
def test_85_86_location(harness: Any, path: str, host: str) -> None:
    """Location is relative and leads to the result, whatever Host and however many slashes."""
    url = f"/recipes/{harness.recipe}/{path.format(task=harness.tasks[0])}"
    headers = {**harness.bearer, "Host": host, "Content-Type": "application/x-www-form-urlencoded"}
    answer = harness.web.request(url, method="POST", body=b"result=Pass", headers=headers, status=201)
    number = harness.results()[0]["id"]
    assert answer.headers["Location"] == (f"{number}" if path.endswith("/") else f"results/{number}")


def test_87_directories(harness: Any, config: Config) -> None:
    """Directories of a recipe's and its tasks' logs are there before anyone can write; a result's with its first."""
    root = config.logs / str(harness.recipe)
    task = harness.tasks[0]
    assert (root / "logs").is_dir()
    assert (root / f"tasks/{task}/logs/taskout.log").is_file()
    number = harness.result(task)
    assert not (root / f"tasks/{task}/results").exists()
    harness.call("PUT", f"tasks/{task}/results/{number}/logs/d/a", b"x", 201)
    assert (root / f"tasks/{task}/results/{number}/logs/d/a").read_bytes() == b"x"


class TestLimit:
    """A recipe has at most so many results."""

    @pytest.fixture
    def config(self, config: Config) -> Config:
        """Three results a recipe."""
        return evolve(config, max_results=3)

    def test_19_20_too_many(self, harness: Any) -> None:
        """Beyond the limit it is 403 with Beaker's words, and one Warn, however often it happens."""
        for _ in range(3):
            harness.result(harness.tasks[0])
        for task in (*harness.tasks, harness.tasks[0]):
            answer = harness.form(f"tasks/{task}/results/", "result=Fail", 403)
            assert b"Too many results in recipe" in answer.body
        found = [result["message"] for result in harness.results()]
        assert found == [None, None, None, "Too many results in recipe"]


class TestPrefix:
    """Everything lies below a path prefix."""

    @pytest.fixture
    def config(self, config: Config) -> Config:
        """A prefix of two components."""
        return evolve(config, prefix="/t/lab/")

    def test_prefix(self, config: Config) -> None:
        """Below the prefix all is as without; Location for a harness stays relative; outside there is nothing."""
        application = create_app(config)
        application.gateway.access.issue_admin_token()
        web = TestApp(application, extra_environ={"REMOTE_ADDR": "127.0.0.1"})
        admin = {"Authorization": "Bearer " + config.admin_token.read_text().strip()}
        web.post_json("/t/lab/systems/", {"name": "s"}, headers=admin, status=201)
        body = {"recipe_sets": [{"recipes": [{"system": "s", "tasks": [{"name": "t"}]}]}]}
        made = web.post_json("/t/lab/jobs/", body, headers=admin, status=201)
        assert made.headers["Location"] == f"/t/lab/jobs/{made.json['id']}"
        recipe = made.json["recipe_sets"][0]["recipes"][0]
        claimed = web.post("/t/lab/systems/s/claim", headers=admin, status=200)
        assert claimed.headers["Location"] == f"/t/lab/recipes/{recipe['id']}/"
        key = {"Authorization": "Bearer " + claimed.json["key"]}
        for raw in ("/t/lab//recipes/{0}/tasks/{1}/results/", "//t/lab/recipes//{0}/tasks/{1}/results/"):
            answer = web.request(
                "/x",
                method="POST",
                body=b"result=Pass",
                headers={**key, "Content-Type": "application/x-www-form-urlencoded"},
                environ={"RAW_URI": raw.format(recipe["id"], recipe["tasks"][0]["id"])},
                status=201,
            )
            assert answer.headers["Location"].isdigit()
        assert web.get(f"/recipes/{recipe['id']}/", status=404)
        assert web.get("/t/lab", status=200)
        assert web.get("/t/laboratory/", status=404)
        application.gateway.close()

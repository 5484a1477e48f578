"""GET and HEAD of recipes: harness-beaker.md sections 0, 1.3, 1.6 and checklist 1-10, 79, 80, 89."""

from collections.abc import Callable
from typing import Any

import pytest
from lxml import etree

XML = "application/xml"
JSON = "application/json"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        pytest.param("application/xml", XML, id="1-xml"),
        pytest.param(None, XML, id="2-nothing"),
        pytest.param("", XML, id="empty"),
        pytest.param("*/*", XML, id="anything"),
        pytest.param("application/*", XML, id="any application"),
        pytest.param("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", XML, id="a browser"),
        pytest.param("application/json", JSON, id="json"),
        pytest.param("text/html", None, id="html"),
        pytest.param("application/xml;q=0", None, id="not xml"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_content_type(harness: Any, method: str, accept: str | None, kind: str | None) -> None:
    """A recipe is exactly application/xml, JSON on request, and 406 for those who admit neither."""
    headers = {} if accept is None else {"Accept": accept}
    answer = harness.call(method, "", headers=headers)
    assert answer.status_int == (406 if kind is None else 200)
    if kind is not None:
        assert answer.headers["Content-Type"] == kind
        assert int(answer.headers["Content-Length"]) > 0
        assert bool(answer.body) is (method == "GET")


@pytest.mark.parametrize("path", ["//recipes/{}/", "///recipes//{}//", "/recipes/{}"])
@pytest.mark.parametrize("variable", ["PATH_INFO", "RAW_URI"])
def test_80_slashes(harness: Any, path: str, variable: str) -> None:
    """Slashes too many or too few are no redirect."""
    answer = harness.call("GET", "", status=200, environ={variable: path.format(harness.recipe)})
    assert answer.headers["Content-Type"] == XML


@pytest.mark.parametrize("identity", ["0", "07", "x", "-1", "99999999999", "999999", "1.0", "%31"])
def test_ids(harness: Any, identity: str) -> None:
    """What is no id, and an id that nothing has, is 404, also for the number of something else."""
    assert harness.web.get(f"/recipes/{identity}/", status=404)
    assert harness.web.get(f"/recipes/{harness.job}/", status=404)


def test_3_document(harness: Any) -> None:
    """The document is one recipe in a partial job, with what restraint reads."""
    root = etree.fromstring(harness.call("GET", "").body)
    assert root.tag == "job"
    recipe = root.find("recipeSet/recipe")
    assert recipe is not None
    assert recipe.get("id") == str(harness.recipe)
    assert recipe.get("job_id") == str(harness.job)
    assert recipe.get("system") == "host1.example"
    assert [task.get("id") for task in recipe.iterfind("task")] == [str(task) for task in harness.tasks]
    assert recipe.find("task/params") is None  # checklist 10
    roles = [(role.get("value"), [host.get("value") for host in role]) for role in recipe.iterfind("roles/role")]
    assert roles == [("RECIPE_MEMBERS", ["host1.example"])]


def test_8_9_what_was_reported(harness: Any) -> None:
    """Versions, results and logs appear in the document, and a log's href leads to it."""
    task = harness.tasks[0]
    harness.form(f"tasks/{task}/status", "status=Running&version=1.2-3", 204)
    number = int(
        harness.form(f"tasks/{task}/results/", "result=Warn&path=/a&score=3&message=%3Cm%3E%01", 201).headers[
            "Location"
        ]
    )
    names = ("logs/out.log", f"tasks/{task}/logs/d/logs/a b?c#d%.log", f"tasks/{task}/results/{number}/logs/dmesg.log")
    for name in names:
        quoted = name.replace("%", "%25").replace("?", "%3F").replace("#", "%23").replace(" ", "%20")
        harness.call("PUT", quoted, name.encode(), 201)
    root = etree.fromstring(harness.call("GET", "").body)
    element = root.find(".//task")
    assert element is not None
    assert element.get("version") == "1.2-3"
    assert element.get("status") == "Running"
    (result,) = element.iterfind("results/result")
    assert (result.get("id"), result.get("path"), result.get("score")) == (str(number), "/a", "3")
    assert result.text == "<m>\ufffd"
    found = {log.get("name"): log.get("href") for log in root.iterfind(".//log")}
    assert set(found) == {"out.log", "d/logs/a b?c#d%.log", "dmesg.log"}
    assert {harness.call("GET", str(href), status=200).body.decode() for href in found.values()} == set(names)


def test_89_live(harness: Any) -> None:
    """The status of tasks is live, their number and order stay."""
    harness.finish()
    root = etree.fromstring(harness.call("GET", "").body)
    assert [(task.get("id"), task.get("status")) for task in root.iterfind(".//task")] == [
        (str(task), "Completed") for task in harness.tasks
    ]


def test_6_roles(make_harness: Callable[..., Any], web: Any, admin: dict[str, str]) -> None:
    """Roles are sorted, and each has its systems; until the whole set has systems there are none."""
    for number in (1, 2):
        web.post_json("/systems/", {"name": f"r{number}"}, headers=admin, status=201)
    recipes = [
        {"system": f"r{number}", "role": role, "tasks": [{"name": "t", "role": role.lower()}]}
        for number, role in ((1, "SERVERS"), (2, "CLIENTS"))
    ]
    job = web.post_json("/jobs/", {"recipe_sets": [{"recipes": recipes}]}, headers=admin).json
    first, second = (recipe["id"] for recipe in job["recipe_sets"][0]["recipes"])
    web.post(f"/recipes/{first}/key", headers=admin, status=201)
    assert etree.fromstring(web.get(f"/recipes/{first}/").body).find(".//roles") is None
    web.post(f"/recipes/{second}/key", headers=admin, status=201)
    recipe = etree.fromstring(web.get(f"/recipes/{first}/").body).find(".//recipe")
    assert recipe is not None
    found = [(role.get("value"), [host.get("value") for host in role]) for role in recipe.iterfind("roles/role")]
    assert found == [("CLIENTS", ["r2"]), ("SERVERS", ["r1"])]
    below = [(role.get("value"), [host.get("value") for host in role]) for role in recipe.iterfind("task/roles/role")]
    assert below == [("clients", ["r2"]), ("servers", ["r1"])]

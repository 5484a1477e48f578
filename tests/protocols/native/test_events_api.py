"""Events over the native API: each state change is exactly one event, in order."""

from collections.abc import Callable
from typing import Any

from webtest import TestApp

Headers = dict[str, str]


def told(web: TestApp, headers: Headers, after: int) -> list[tuple[str, dict[str, Any]]]:
    """Topic and data of the events behind an id."""
    found = web.get(f"/events?after={after}&limit=1000", headers=headers).json["events"]
    ids = [event["id"] for event in found]
    assert ids == sorted(set(ids))
    return [(event["topic"], event["data"]) for event in found]


def test_life_of_a_recipe(web: TestApp, admin: Headers, system: str, submit: Callable[..., Any]) -> None:
    """From submission to its end each change of a job, recipe and task is told once, after what led to it."""
    start = len(web.get("/events", headers=admin).json["events"])
    job = submit(system=system)
    recipe = job["recipe_sets"][0]["recipes"][0]
    task = recipe["tasks"][0]["id"]
    key = {"Authorization": "Bearer " + web.post(f"/systems/{system}/claim", headers=admin).json["key"]}
    for status in ("Running", "Running"):
        web.post(f"/recipes/{recipe['id']}/tasks/{task}/status", {"status": status}, headers=key)
    for result in ("Pass", "Fail", "Pass"):
        web.post(f"/recipes/{recipe['id']}/tasks/{task}/results/", {"result": result}, headers=key)
    web.post(f"/recipes/{recipe['id']}/tasks/{task}/status", {"status": "Completed"}, headers=key)
    events = told(web, admin, start)
    assert [data["status"] for topic, data in events if topic == "task" and data["result"] == "New"] == ["Running"]
    seen = {
        topic: [(data["status"], data["result"], data.get("settled")) for kind, data in events if kind == topic]
        for topic in ("job", "recipe", "task")
    }
    assert seen["task"] == [
        ("Running", "New", None),
        ("Running", "Pass", None),
        ("Running", "Fail", None),
        ("Completed", "Fail", None),
    ]
    assert seen["recipe"] == [
        ("Queued", "New", False),
        ("Scheduled", "New", False),
        ("Waiting", "New", False),
        ("Running", "New", False),
        ("Running", "Pass", False),
        ("Running", "Fail", False),
        ("Completed", "Fail", False),
    ]
    assert seen["job"] == [
        ("Queued", "New", False),
        ("Waiting", "New", False),
        ("Running", "New", False),
        ("Running", "Pass", False),
        ("Running", "Fail", False),
        ("Completed", "Fail", False),
    ]
    results = [data for topic, data in events if topic == "result"]
    assert [data["result"] for data in results] == ["Pass", "Fail", "Pass"]
    assert {(data["job"], data["recipe"], data["task"]) for data in results} == {(job["id"], recipe["id"], task)}
    assert {data["id"] for topic, data in events if topic == "job"} == {job["id"]}


def test_refused_calls_tell_nothing(web: TestApp, admin: Headers, system: str, submit: Callable[..., Any]) -> None:
    """A call that is refused changes nothing and tells nothing."""
    job = submit(system=system)
    start = len(told(web, admin, 0))
    recipe = job["recipe_sets"][0]["recipes"][0]
    task = recipe["tasks"][0]["id"]
    web.post(f"/recipes/{recipe['id']}/tasks/{task}/status", {"status": "Completed"}, headers=admin, status=409)
    web.post(f"/recipes/{recipe['id']}/tasks/{task}/status", {"status": "Running"}, headers=admin, status=409)
    web.post_json("/jobs/", {}, headers=admin, status=400)
    web.post_json("/systems/", {"name": system}, headers=admin, status=409)
    assert len(told(web, admin, 0)) == start


def test_paging_and_topics(web: TestApp, admin: Headers, system: str, submit: Callable[..., Any]) -> None:
    """Events are read in pages, by topic, behind an id."""
    for _ in range(3):
        submit()
    whole = web.get("/events").json
    assert whole["next"] is None
    seen, url = [], "/events?limit=2&topic=job&topic=system"
    while url:
        page = web.get(url).json
        seen += page["events"]
        url = page["next"] and "/events" + page["next"]
    assert seen == [event for event in whole["events"] if event["topic"] in ("job", "system")]
    assert [event["topic"] for event in seen] == ["system", "job", "job", "job"]
    assert seen[0]["data"] == {"name": system, "state": "offline", "health": "unknown", "was": None}
    assert web.get(f"/events?after={whole['events'][-1]['id']}").json == {"events": [], "next": None}


def test_log_events(web: TestApp, admin: Headers, system: str, submit: Callable[..., Any]) -> None:
    """A new log is told once, with its state."""
    recipe = submit(system=system)["recipe_sets"][0]["recipes"][0]["id"]
    key = {"Authorization": "Bearer " + web.post(f"/systems/{system}/claim", headers=admin).json["key"]}
    start = len(told(web, admin, 0))
    for body in (b"a", b"b"):
        web.put(f"/recipes/{recipe}/logs/a", body, headers=key)
    ((topic, data),) = told(web, admin, start)
    assert topic == "log"
    assert (data["recipe"], data["path"], data["state"]) == (recipe, "logs/a", "growing")


def test_sets_start_together(web: TestApp, admin: Headers, submit: Callable[..., Any]) -> None:
    """Recipes of a set start together, also when one got its system by a key and the other by a claim."""
    for name in ("one", "two"):
        web.post_json("/systems/", {"name": name}, headers=admin, status=201)
    recipes = [{"system": name, "tasks": [{"name": "t"}]} for name in ("one", "two")]
    body = {"recipe_sets": [{"recipes": recipes}]}
    job = web.post_json("/jobs/", body, headers=admin).json
    web.post(f"/recipes/{job['recipe_sets'][0]['recipes'][0]['id']}/key", headers=admin, status=201)
    web.post("/systems/two/claim", headers=admin, status=200)
    found = web.get(f"/jobs/{job['id']}").json["recipe_sets"][0]
    assert [recipe["status"] for recipe in found["recipes"]] == ["Waiting", "Waiting"]
    later = web.post_json("/jobs/", body, headers=admin).json
    web.post(f"/jobs/{job['id']}/cancel", headers=admin, status=204)
    web.post("/systems/one/claim", headers=admin, status=204)
    assert web.get(f"/jobs/{later['id']}").json["status"] == "Queued"
    web.post("/systems/two/claim", headers=admin, status=200)
    assert web.get(f"/jobs/{later['id']}").json["status"] == "Waiting"

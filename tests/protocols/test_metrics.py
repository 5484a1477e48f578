"""What Prometheus reads."""

from typing import Any

import pytest
from pages import code, reference
from prometheus_client.parser import text_string_to_metric_families
from webtest import TestApp

from wsgi_app.app import Application, create_app
from wsgi_app.config import Config
from wsgi_app.core import heartbeat
from wsgi_app.core.heartbeat import Heartbeat
from wsgi_app.core.traffic import FILE, Call, Traffic
from wsgi_app.services.routes import Routes
from wsgi_app.states import LogState, RecipeStatus, SystemHealth, SystemState

Headers = dict[str, str]


def samples(web: TestApp) -> dict[str, float]:
    """Read all figures, by name and values of labels."""
    answer = web.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(answer.text):
        assert family.documentation
        assert family.type in ("gauge", "counter", "histogram")
        for sample in family.samples:
            name = " ".join([sample.name, *(sample.labels[label] for label in sorted(sample.labels))])
            assert name not in found
            found[name] = sample.value
    return found


@pytest.fixture
def job(web: TestApp, admin: Headers) -> Any:
    """A job of one recipe for system s."""
    web.post_json("/systems/", {"name": "s", "health": "good"}, headers=admin)
    body = {"recipe_sets": [{"recipes": [{"system": "s", "tasks": [{"name": "t"}]}]}]}
    return web.post_json("/jobs/", body, headers=admin).json


def test_an_empty_lab(web: TestApp) -> None:
    """Every status, state and health is there from the first, as 0; anyone may look."""
    found = samples(web)
    assert {name for name in found if name.startswith("tackroom_jobs ")} == {
        f"tackroom_jobs {status}" for status in RecipeStatus
    }
    assert {name for name in found if name.startswith("tackroom_logs ")} == {
        f"tackroom_logs {state}" for state in LogState
    }
    # labels in the order of their names: health, state
    assert {name for name in found if name.startswith("tackroom_systems ")} == {
        f"tackroom_systems {health} {state}" for state in SystemState for health in SystemHealth
    }
    assert {value for name, value in found.items() if "build" not in name} == {0.0}
    # nobody has said anything of these
    assert not [name for name in found if "index_" in name or "inotify" in name or "process" in name]


def test_a_life(web: TestApp, admin: Headers, job: Any) -> None:
    """The figures follow a recipe from the queue to the indexer."""
    found = samples(web)
    assert (found["tackroom_jobs Queued"], found["tackroom_recipes Queued"], found["tackroom_queue_sets"]) == (1, 1, 1)
    assert found["tackroom_systems good offline"] == 1
    recipe = job["recipe_sets"][0]["recipes"][0]
    key = {"Authorization": "Bearer " + web.post("/systems/s/claim", headers=admin).json["key"]}
    url = f"/recipes/{recipe['id']}/tasks/{recipe['tasks'][0]['id']}"
    web.post(f"{url}/status", {"status": "Running"}, headers=key)
    web.post(f"{url}/results/", {"result": "Pass"}, headers=key)
    web.put(f"{url}/logs/a", b"x", headers=key)
    found = samples(web)
    assert (found["tackroom_recipes Running"], found["tackroom_queue_sets"], found["tackroom_results"]) == (1, 0, 1)
    assert (found["tackroom_systems good running"], found["tackroom_logs growing"]) == (1, 1)
    assert found["tackroom_recipes_unsettled"] == 0
    web.post(f"{url}/status", {"status": "Completed"}, headers=key)
    found = samples(web)
    assert (found["tackroom_recipes Completed"], found["tackroom_recipes_unsettled"]) == (1, 1)
    assert 0 <= found["tackroom_recipes_unsettled_oldest_seconds"] < 60
    last = web.get("/events?limit=1000").json["events"][-1]["id"]
    assert found["tackroom_events_total"] == last


def test_an_idle_system(web: TestApp, admin: Headers) -> None:
    """A system that asked for work a moment ago is idle, with its health."""
    web.post_json("/systems/", {"name": "s"}, headers=admin)
    web.post("/systems/s/claim", headers=admin, status=204)
    found = samples(web)
    assert (found["tackroom_systems unknown idle"], found["tackroom_systems unknown offline"]) == (1, 0)


@pytest.mark.usefixtures("job")
def test_the_same_in_every_process(web: TestApp, config: Config) -> None:
    """Whichever worker answers, the figures are those of the database."""
    other = create_app(config)
    try:
        assert samples(TestApp(other, extra_environ={"REMOTE_ADDR": "127.0.0.1"})) == samples(web)
    finally:
        other.gateway.close()


def test_every_call_has_a_rule(application: Application) -> None:
    """Calls of ConTest's API are counted by their verb; what is no verb of it has no rule."""
    routes = Routes(application.rules, "/")
    for verb in ("start", "stop", "status", "retry", "list", "version", "validate"):
        assert routes.of(f"/contest/{verb}") == f"/contest/{verb}"
    assert routes.of("/contest/nope") == routes.of("/contest/") == "other"
    assert routes.of("/jobs/5") == "/jobs/{job}"


@pytest.fixture
def busy(config: Config, application: Application) -> None:
    """Files as indexer and timer leave them."""
    assert application.rules
    said = {
        "backlog": 3,
        "lag_seconds": 7.5,
        "watches": 12,
        "watch_limit": 100,
        "overflows": 2,
    }
    Heartbeat(config.run / heartbeat.INDEXER).beat(**said)
    Heartbeat(config.run / heartbeat.TIMER).beat(problems={})
    Heartbeat(config.run / heartbeat.PUBLISHER).beat(readers=7, dropped=2, position=3, problems={})
    traffic = Traffic(puts=5, bytes=5000)
    for seconds in (0.0005, 0.001, 0.7, 1000.0):
        traffic.add(Call("PUT", "/recipes/{recipe}/logs/{name}", "2xx"), seconds)
    traffic.store(config.run / FILE)


@pytest.mark.usefixtures("busy")
def test_what_other_processes_say(web: TestApp) -> None:
    """The indexer's figures, how long a process is silent, and what was counted from the access log."""
    found = samples(web)
    assert (found["tackroom_index_backlog"], found["tackroom_index_lag_seconds"]) == (3, 7.5)
    assert (found["tackroom_inotify_watches"], found["tackroom_inotify_watches_limit"]) == (12, 100)
    assert found["tackroom_inotify_overflows_total"] == 2
    assert 0 <= found["tackroom_process_silent_seconds indexer"] < 30
    assert 0 <= found["tackroom_process_silent_seconds timer"] < 30
    assert 0 <= found["tackroom_process_silent_seconds publisher"] < 30
    assert (found["tackroom_publisher_readers"], found["tackroom_publisher_dropped_total"]) == (7, 2)
    assert found["tackroom_deliveries waiting"] == 0
    assert (found["tackroom_logs_puts_total"], found["tackroom_logs_received_bytes_total"]) == (5, 5000)


@pytest.mark.usefixtures("busy")
def test_durations(web: TestApp) -> None:
    """A histogram counts upwards, and ends with all of them; a call at a bound is within it."""
    name, call = "tackroom_call_duration_seconds", "PUT /recipes/{recipe}/logs/{name} 2xx"
    found = samples(web)
    buckets = {bound: found[f"{name}_bucket {bound} {call}"] for bound in ("0.001", "0.5", "1.0", "300.0", "+Inf")}
    assert buckets == {"0.001": 2, "0.5": 2, "1.0": 3, "300.0": 3, "+Inf": 4}
    assert (found[f"{name}_count {call}"], found[f"{name}_sum {call}"]) == (4, 1000.7015)


def test_watchdogs_that_are_due(web: TestApp, admin: Headers, job: Any, application: Application) -> None:
    """A set whose watchdog is past is due until the timer aborts it."""
    web.post("/systems/s/claim", headers=admin)
    recipe = job["recipe_sets"][0]["recipes"][0]["id"]
    assert samples(web)["tackroom_watchdogs_due"] == 0
    web.post(f"/recipes/{recipe}/watchdog", {"seconds": "0"}, headers=admin)
    assert samples(web)["tackroom_watchdogs_due"] == 1
    application.gateway.watchdogs.expire()
    assert samples(web)["tackroom_watchdogs_due"] == 0


@pytest.mark.usefixtures("busy")
def test_the_reference_has_them_all(web: TestApp) -> None:
    """The page of URLs has every metric with its labels, and no other."""
    written = {code(row[0])[0]: set(code(row[1])) for row in reference("urls").rows("Probes") if "tackroom_" in row[0]}
    there: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(web.get("/metrics").text):
        for sample in family.samples:
            # a histogram is one row
            name = family.name if family.type == "histogram" else sample.name
            there.setdefault(name, set()).update(set(sample.labels) - {"le"})
    assert written == there


def test_only_looking(web: TestApp) -> None:
    """HEAD has no body; nothing else is taken."""
    assert web.head("/metrics", status=200).body == b""
    web.post("/metrics", status=405)
    web.get("/metrics/", status=404)

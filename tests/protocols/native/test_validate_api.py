"""Jobs that are looked at and not stored, and ConTest's descriptors over the native API."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve
from webtest import TestApp

from wsgi_app.app import Application, create_app
from wsgi_app.config import Config
from wsgi_app.store import campaigns

DESCRIPTOR = "application/vnd.contest.job+json"
OURS = {"name": "n", "recipe_sets": [{"recipes": [{"system": "alpha", "tasks": [{"name": "a", "command": ["b"]}]}]}]}


def descriptor(**changes: Any) -> bytes:
    """A descriptor with two tests, one of which is disabled."""
    test = {
        "TargetManagerName": "TargetList",
        "TargetManagerAcquireParameters": {"Targets": [{"ID": "nowhere"}]},
        "TargetManagerReleaseParameters": {},
        "TestFetcherName": "literal",
        "TestFetcherFetchParameters": {
            "TestName": "one",
            "Steps": [
                {"name": "echo", "label": "first", "parameters": {"text": ["{{ .ID }}"]}},
                {"name": "cmd", "label": "second", "parameters": {"executable": ["true"]}},
            ],
        },
    }
    value = {
        "JobName": "j",
        "Version": "1.0",
        "Tags": ["a"],
        "Runs": 1,
        "Odd": 1,
        "TestDescriptors": [test, {**test, "Disabled": True}],
        "Reporting": {"RunReporters": [{"Name": "noop"}]},
    }
    return json.dumps({**value, **changes}).encode()


def stored(web: TestApp) -> list[Any]:
    """The jobs that there are."""
    found: list[Any] = web.get("/jobs/").json["jobs"]
    return found


def test_a_descriptor_is_a_job(web: TestApp, admin: dict[str, str], application: Application) -> None:
    """It makes a campaign, whose requestor is the token's user; its warnings are the job's."""
    headers = {**admin, "Content-Type": DESCRIPTOR, "Idempotency-Key": "k"}
    answer = web.post("/jobs/", descriptor(), headers=headers, status=201)
    job = answer.json
    assert (job["name"], job["campaign"], job["owner"], job["retry_of"]) == ("j", True, "admin", None)
    assert any("Odd" in warning for warning in job["warnings"])
    with application.gateway.jobs._ground.read() as tx:
        plan = campaigns.load_plan(tx, job["id"])
    assert (plan.requestor, plan.tags, plan.runs) == ("admin", ("a",), 1)
    # the same again, and in other words
    assert web.post("/jobs/", descriptor(), headers=headers, status=201).json["id"] == job["id"]
    web.post("/jobs/", descriptor(Runs=2), headers=headers, status=409)
    refused = web.post("/jobs/", descriptor(Version="3.0"), headers=headers, status=400).json["error"]
    assert refused["code"] == "descriptor.invalid"
    assert refused["message"] == (
        "Version Error: The Job Descriptor Version 3.0 is not compatible with the server: 1.0"
    )


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (json.dumps(OURS).encode(), "application/json", {"recipe_sets": 1, "tests": 0, "tasks": 1}),
        (
            b'<job><whiteboard>n</whiteboard><recipeSet><recipe><task name="t"/></recipe></recipeSet></job>',
            "application/xml",
            {"recipe_sets": 1, "tests": 0, "tasks": 1},
        ),
        (descriptor(JobName="n"), DESCRIPTOR, {"recipe_sets": 0, "tests": 1, "tasks": 2}),
    ],
)
def test_what_it_would_be(
    web: TestApp, admin: dict[str, str], system: str, body: bytes, kind: str, said: dict[str, int]
) -> None:
    """Every kind of document is counted, and none is stored."""
    answer = web.post("/jobs/validate", body, headers={**admin, "Content-Type": kind}, status=200).json
    assert {**said, "name": "n"} == {name: answer[name] for name in ("name", "recipe_sets", "tests", "tasks")}
    assert len(answer["advice"]) == said["recipe_sets"]
    assert len(answer["warnings"]) == (kind == DESCRIPTOR)
    assert stored(web) == []


def test_refused_as_when_it_is_submitted(
    web: TestApp, admin: dict[str, str], user: Callable[..., dict[str, str]]
) -> None:
    """What is wrong, who may not, what no parser knows: status and words are those of submitting."""
    bad = [
        (json.dumps(OURS).encode(), "application/json", admin),
        (b'{"recipe_sets": []}', "application/json", admin),
        (b"{", DESCRIPTOR, admin),
        (descriptor(TestDescriptors=[]), DESCRIPTOR, admin),
        (b"recipe_sets: []", "application/yaml", admin),
        (descriptor(), DESCRIPTOR, {}),
        (descriptor(), DESCRIPTOR, user("reader", "read")),
        (descriptor(), DESCRIPTOR, {"Authorization": "Bearer nobody"}),
        (descriptor(), DESCRIPTOR, {**admin, "Content-Encoding": "gzip"}),
    ]
    for body, kind, headers in bad:
        answers = [
            web.post(path, body, headers={**headers, "Content-Type": kind}, expect_errors=True)
            for path in ("/jobs/", "/jobs/validate")
        ]
        assert answers[0].status_int in (400, 401, 403, 415), body
        assert [answer.status for answer in answers[1:]] == [answers[0].status]
        assert answers[0].json == answers[1].json
    assert stored(web) == []


def test_anonymous_and_forbidden(config: Config) -> None:
    """Where anybody may submit, anybody may look; where commands are forbidden, a step with one is."""
    application = create_app(evolve(config, anonymous_submit=True, commands=False))
    try:
        web = TestApp(application)
        headers = {"Content-Type": DESCRIPTOR}
        refused = web.post("/jobs/validate", descriptor(), headers=headers, status=403).json["error"]
        assert refused["code"] == "job.no-commands"
        steps = {"TestName": "t", "Steps": [{"name": "echo", "label": "a", "parameters": {"text": ["hi"]}}]}
        test = {**json.loads(descriptor())["TestDescriptors"][0], "TestFetcherFetchParameters": steps}
        said = web.post("/jobs/validate", descriptor(TestDescriptors=[test]), headers=headers, status=200).json
        assert (said["tests"], said["tasks"]) == (1, 1)
    finally:
        application.gateway.close()

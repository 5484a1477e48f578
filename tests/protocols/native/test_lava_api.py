"""LAVA jobs over the native API: taken as they are, refused with their path."""

from collections.abc import Callable

import pytest
from lavajob import FIRST, GROUP
from webtest import TestApp

from wsgi_app.app import Application
from wsgi_app.core.selection import Reference
from wsgi_app.model import Caller


@pytest.fixture
def systems(web: TestApp, admin: dict[str, str]) -> Callable[..., None]:
    """Make systems of types: `a` of type `b` by `a="b"`."""

    def made(**types: str) -> None:
        for name, kind in types.items():
            web.post_json("/systems/", {"name": name, "type": kind}, headers=admin, status=201)

    return made


@pytest.mark.parametrize("kind", ["application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml; charset=utf-8"])
def test_taken_as_it_is(
    web: TestApp, admin: dict[str, str], application: Application, systems: Callable[..., None], kind: str
) -> None:
    """By each of the names of YAML; what was sent is kept, comments and all."""
    systems(a="qemu")
    job = web.post("/jobs/", FIRST.encode(), headers={**admin, "Content-Type": kind}, status=201).json
    assert (job["name"], job["metadata"]["build"]) == ("QEMU pipeline, first job, ä", 7)
    assert any("nothing is deployed" in warning for warning in job["warnings"])
    [recipe] = job["recipe_sets"][0]["recipes"]
    assert (recipe["requires"], recipe["max_seconds"]) == ({"type": "qemu", "tags": []}, 900)
    kept = application.gateway.selections.submitted(Caller(None, "127.0.0.1"), Reference("any", job["id"])).document
    assert (kept.kind, kept.text) == ("application/yaml", FIRST)


def test_sent_again_and_repeated(web: TestApp, admin: dict[str, str], systems: Callable[..., None]) -> None:
    """With an idempotency key it is one job; a retry is another, also when its systems are gone."""
    systems(a="qemu")
    headers = {**admin, "Content-Type": "application/yaml", "Idempotency-Key": "k"}
    first = web.post("/jobs/", FIRST.encode(), headers=headers, status=201).json["id"]
    assert web.post("/jobs/", FIRST.encode(), headers=headers, status=201).json["id"] == first
    web.post("/jobs/", FIRST.replace("first job", "other").encode(), headers=headers, status=409)
    web.delete("/systems/a", headers=admin, status=204)
    web.post("/jobs/", FIRST.encode(), headers={**headers, "Idempotency-Key": "l"}, status=400)
    assert web.post(f"/jobs/{first}/retry", headers=admin, status=201).json["retry_of"] == first


@pytest.mark.parametrize(
    ("text", "code", "field", "said"),
    [
        (FIRST, "job.nothing-fits", None, "no system has type qemu"),
        (
            FIRST.replace("device_type: qemu", "device: a"),
            "job.nothing-fits",
            None,
            "system 'a'",
        ),
        (GROUP, "job.nothing-fits", "protocols.lava-multinode.roles.client", "no system has type qemu"),
        (FIRST.replace("to: tmpfs", "to: moon"), "lava-job.invalid", "actions[0].deploy.to", "no such way"),
        (FIRST + "x: [", "lava-job.invalid", None, "line 59, column 1: "),
        ("recipe_sets: []", "lava-job.invalid", "job_name", "missing"),
    ],
)
def test_refused(web: TestApp, admin: dict[str, str], text: str, code: str, field: str | None, said: str) -> None:
    """Item 17, over the native API: the path and the reason; validating says the same, and nothing is stored."""
    headers = {**admin, "Content-Type": "application/yaml"}
    for path in ("/jobs/", "/jobs/validate"):
        error = web.post(path, text.encode(), headers=headers, status=400).json["error"]
        assert (error["code"], error["field"]) == (code, field)
        assert said in error["message"]
    assert web.get("/jobs/").json["jobs"] == []


def test_systems_of_a_group(web: TestApp, admin: dict[str, str], systems: Callable[..., None]) -> None:
    """It is refused while the lab has fewer systems than it needs at once, whatever their health; then it is taken."""
    headers = {**admin, "Content-Type": "application/yaml"}
    group = GROUP.replace("        tags: [big]\n", "").encode()
    systems(a="qemu", b="panda")
    error = web.post("/jobs/", group, headers=headers, status=400).json["error"]
    assert error["message"] == "only 2 of 3 recipes can have a system at the same time"
    systems(c="qemu")
    web.patch_json("/systems/c", {"health": "bad", "reason": "smoke"}, headers=admin)
    advice = web.post("/jobs/validate", group, headers=headers, status=200).json["advice"]
    few = "only 2 of 3 recipes can have a healthy system at the same time"
    assert [(one["role"], one["recipes"], one["healthy"], one["reason"]) for one in advice] == [
        ("client", 2, 1, few),
        ("server", 1, 1, few),
    ]
    job = web.post("/jobs/", group, headers=headers, status=201).json
    assert [recipe["role"] for recipe in job["recipe_sets"][0]["recipes"]] == ["client", "client", "server"]
    assert job["visibility"] == "private"
    web.get(f"/jobs/{job['id']}", status=401)

"""GET /jobs/J/summary: what harnesses and logs said, side by side, with the reason of the verdict."""

from webtest import TestApp

JOB = {"name": "n", "recipe_sets": [{"recipes": [{"system": "demo", "tasks": [{"name": "hello"}]}]}]}


def test_summary(web: TestApp, admin: dict[str, str]) -> None:
    """A job whose task has reported reads as documented."""
    web.post_json("/systems/", {"name": "demo"}, headers=admin)
    web.post_json("/jobs/", JOB, headers=admin)
    claimed = web.post("/systems/demo/claim", headers=admin).json
    harness = {"Authorization": f"Bearer {claimed['key']}"}
    web.post("/recipes/3/tasks/4/results/", {"result": "Pass", "path": "/a"}, headers=harness)
    assert web.get("/jobs/1/summary").json == {
        "job": 1,
        "status": "Waiting",
        "settled": False,
        "result": "Pass",
        "verdict": None,
        "reason": None,
        "recipes": [
            {
                "recipe": 3,
                "system": "demo",
                "status": "Waiting",
                "settled": False,
                "late": False,
                "damaged": [],
                "result": "Pass",
                "reason": None,
                "harness": {},
                "logs": {},
                "tasks": [
                    {
                        "task": 4,
                        "name": "hello",
                        "status": "Waiting",
                        "result": "Pass",
                        "harness": {"Pass": 1},
                        "logs": {},
                    }
                ],
            }
        ],
    }


def test_private(web: TestApp, admin: dict[str, str]) -> None:
    """A private job's summary is read by whom the job is."""
    web.post_json("/systems/", {"name": "demo"}, headers=admin)
    web.post_json("/jobs/", {**JOB, "visibility": "private"}, headers=admin)
    assert web.get("/jobs/1/summary", status=401).json["error"]["code"] == "auth.required"
    assert web.get("/jobs/1/summary", headers=admin).json["job"] == 1
    assert web.get("/jobs/99/summary", status=404).json["error"]["code"] == "job.unknown"

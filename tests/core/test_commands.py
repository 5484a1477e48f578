"""A site that runs no commands of its users (setting `commands`): who has one is refused, and told where it stands."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from webtest import TestApp

from wsgi_app.app import Application, create_app
from wsgi_app.campaign import Campaign, PlannedTest, Step, StepKind, Target, TargetList
from wsgi_app.config import Config
from wsgi_app.errors import NoCommands
from wsgi_app.model import Caller
from wsgi_app.submitted import NewJob

REFUSAL = "this site runs no commands or scripts of its users: give tasks that can be fetched"
FETCH = {"name": "f", "fetch": {"url": "https://git.example/a.tar.gz"}}
Headers = dict[str, str]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A site that fetches only."""
    return Config(data=tmp_path / "data", commands=False)


def job(*tasks: dict[str, Any]) -> dict[str, Any]:
    """A job of one recipe."""
    return {"recipe_sets": [{"recipes": [{"tasks": [FETCH]}, {"tasks": [FETCH, *tasks]}]}]}


@pytest.mark.parametrize("task", [{"name": "c", "command": ["true"]}, {"name": "s", "script": ""}])
def test_commands_and_scripts_are_refused(web: TestApp, admin: Headers, task: dict[str, Any]) -> None:
    """As JSON and as XML, and nothing is stored; tasks to be fetched are taken."""
    kind = "command" if "command" in task else "script"
    refused = web.post_json("/jobs/", job(task), headers=admin, status=403).json["error"]
    field = f"recipe_sets[0].recipes[1].tasks[1].{kind}"
    assert refused == {"code": "job.no-commands", "message": REFUSAL, "field": field}
    inner = "<command><arg>true</arg></command>" if kind == "command" else "<script>true</script>"
    body = f'<job><recipeSet>\n<recipe><task name="x">{inner}</task></recipe></recipeSet></job>'
    sent = {**admin, "Content-Type": "application/xml"}
    refused = web.post("/jobs/", body, headers=sent, status=403).json["error"]
    assert refused["message"].startswith("line 2, ")
    assert refused["message"].endswith(": " + REFUSAL)
    assert refused["field"] == f"recipe_sets[0].recipes[0].tasks[0].{kind}"
    assert web.get("/jobs/", headers=admin).json["jobs"] == []
    web.post_json("/jobs/", job(), headers=admin, status=201)


def test_an_old_job_is_not_repeated(config: Config) -> None:
    """Nor is one that was submitted when there were commands; what is stored of it stays."""
    made: list[Application] = []

    def site(*, commands: bool) -> tuple[TestApp, Headers]:
        made.append(create_app(evolve(config, commands=commands)))
        made[-1].gateway.access.issue_admin_token()
        headers = {"Authorization": f"Bearer {config.admin_token.read_text().strip()}"}
        return TestApp(made[-1], extra_environ={"REMOTE_ADDR": "127.0.0.1"}), headers

    web, admin = site(commands=True)
    number = web.post_json("/jobs/", job({"name": "c", "command": ["true"]}), headers=admin, status=201).json["id"]
    web, admin = site(commands=False)
    assert web.post(f"/jobs/{number}/retry", headers=admin, status=403).json["error"]["code"] == "job.no-commands"
    assert [one["id"] for one in web.get("/jobs/", headers=admin).json["jobs"]] == [number]
    for application in made:
        application.gateway.close()


@pytest.fixture
def checked(application: Application, config: Config) -> Callable[..., None]:
    """Have core check a campaign with one test of these steps."""
    caller = Caller(f"Bearer {config.admin_token.read_text().strip()}", "127.0.0.1")

    def check(*steps: Step) -> None:
        fine = PlannedTest("fine", TargetList((Target("a"),)), (Step(StepKind.ECHO, "e", {"text": ("x",)}),))
        tests = (fine, PlannedTest("test", TargetList((Target("a"),)), steps))
        application.gateway.jobs.validate(caller, lambda: NewJob((), "n", campaign=Campaign(tests)))

    return check


def test_a_step_that_is_a_command_is_refused(checked: Callable[..., None]) -> None:
    """All others are made by the controller, and stay."""
    others = [Step(kind, kind) for kind in StepKind if kind is not StepKind.CMD]
    checked(*others)
    with pytest.raises(NoCommands) as refused:
        checked(*others, Step(StepKind.CMD, "c", {"executable": ("true",)}))
    assert (refused.value.message, refused.value.field) == (REFUSAL, f"campaign.tests[1].steps[{len(others)}]")

"""Jobs, recipes and results on the command line."""

import json
import shlex
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from wsgi_app.cli.client import Client
from wsgi_app.cli.tables import printable, table

#: exit status by verdict, for `--wait`
VERDICTS = {"pass": 0, "fail": 10, "infrastructure": 11, "cancelled": 12}


@click.group()
def job() -> None:
    """Submit jobs and look at them."""


@job.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--wait", is_flag=True, help="Wait until the job is settled; the exit status tells its verdict.")
@click.option("--json", "as_json", is_flag=True, help="Print the job as JSON.")
def submit(file: Path, wait: bool, as_json: bool) -> None:
    """Submit the job in FILE (XML or JSON; - for standard input) and print its id.

    With --wait: exit status 0 pass, 10 fail, 11 infrastructure, 12 cancelled.
    """
    body = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    kind = "application/xml" if body.lstrip().startswith(b"<") else "application/json"
    client = Client.from_environment()
    made = client.call("POST", "jobs/", body=body, headers={"Content-Type": kind}).json()
    if wait:
        if not as_json:
            click.echo(f"job {made['id']}", err=True)
        made = wait_for(client, made["id"])
    click.echo(json.dumps(made, indent=2) if as_json else describe(made) if wait else str(made["id"]))
    if wait:
        sys.exit(VERDICTS[made["verdict"]])


@job.command()
@click.argument("job_id", metavar="ID", type=int)
@click.option("--json", "as_json", is_flag=True, help="Print the job as JSON.")
def show(job_id: int, as_json: bool) -> None:
    """Show a job, its recipes and tasks."""
    found = Client.from_environment().get(f"jobs/{job_id}")
    click.echo(json.dumps(found, indent=2) if as_json else describe(found))


@click.command()
@click.argument("job_id", metavar="JOB", type=int)
@click.option(
    "--format", "style", type=click.Choice(["table", "json"]), default="table", show_default=True, help="How to print."
)
def results(job_id: int, style: str) -> None:
    """Print a job's results, with the log and line that each was found in."""
    found = list(Client.from_environment().pages(f"jobs/{job_id}/results", "results"))
    click.echo(json.dumps(found, indent=2) if style == "json" else results_table(found))


@click.group()
def recipe() -> None:
    """What a harness needs to know of a recipe."""


@recipe.command()
@click.argument("recipe_id", metavar="R", type=int)
@click.option("--system", metavar="NAME", help="Assign the recipe to this system, if it names none.")
def env(recipe_id: int, system: str | None) -> None:
    """Print the environment of a stock harness for recipe R: /etc/profile.d/beaker-harness-env.sh.

    Makes one more key of the recipe, and assigns the recipe to its system.
    """
    client = Client.from_environment()
    path = f"recipes/{recipe_id}/key" + (f"?system={system}" if system else "")
    made = client.call("POST", path).json()
    values = {
        "BEAKER_LAB_CONTROLLER_URL": made["url"],
        "BEAKER_LAB_CONTROLLER": urlsplit(made["url"]).hostname or "",
        "BEAKER_RECIPE_ID": str(recipe_id),
    }
    for name, value in values.items():
        click.echo(f"export {name}={shlex.quote(value)}")


def wait_for(client: Client, job_id: int) -> dict[str, Any]:
    """Return the job when it is settled."""
    while True:
        found: dict[str, Any] = client.get(f"jobs/{job_id}/wait?timeout=50")
        if found["settled"]:
            return found


def describe(job: dict[str, Any]) -> str:
    """Return a job as text: a line for itself, a table of its tasks."""
    rows = [
        (
            recipe["id"],
            recipe["system"] or _wants(recipe["requires"]),
            recipe["status"],
            task["id"],
            task["name"],
            task["status"],
            task["result"],
        )
        for group in job["recipe_sets"]
        for recipe in group["recipes"]
        for task in recipe["tasks"]
    ]
    state = job["verdict"] or ("cancelling" if job["cancelling"] else job["status"])
    name = f" {printable(job['name'])}" if job["name"] else ""
    head = f"Job {job['id']}{name}: {state}, result {job['result']}, owner {job['owner']}"
    columns = ("RECIPE", "SYSTEM", "STATUS", "TASK", "NAME", "STATUS", "RESULT")
    reasons = [
        f"Recipe {recipe['id']}: {printable(recipe['reason'])}"
        for group in job["recipe_sets"]
        for recipe in group["recipes"]
        if recipe["reason"]
    ]
    return "\n".join([head, "", table(columns, rows), *reasons])


def results_table(results: list[dict[str, Any]]) -> str:
    """Return results as a table, task by task; WHERE is the log's URL path below /recipes/R/ and the line."""
    rows = [
        (
            result["recipe"],
            result["task"],
            result["result"],
            result["path"],
            result["score"],
            result["message"],
            f"recipes/{result['recipe']}/{result['log']}:{result['line']}" if result["log"] else "",
        )
        for result in sorted(results, key=lambda result: (result["recipe"], result["task"] or 0, result["id"]))
    ]
    return table(("RECIPE", "TASK", "RESULT", "PATH", "SCORE", "MESSAGE", "WHERE"), rows)


def _wants(requires: dict[str, Any]) -> str:
    wishes = [requires["type"], *requires["tags"]]
    return "(" + (" ".join(wish for wish in wishes if wish) or "any") + ")"

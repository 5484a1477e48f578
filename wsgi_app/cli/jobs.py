"""Jobs, the queue and results on the command line."""

import json
import sys
from pathlib import Path
from typing import Any

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
    for warning in made["warnings"]:
        click.echo(f"warning: {printable(warning)}", err=True)
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


@job.command()
@click.argument("job_id", metavar="ID", type=int)
def cancel(job_id: int) -> None:
    """Cancel what is unfinished of a job."""
    Client.from_environment().call("POST", f"jobs/{job_id}/cancel")


@job.command()
@click.argument("job_id", metavar="ID", type=int)
def retry(job_id: int) -> None:
    """Submit a job once more, as it was submitted, and print the new job's id."""
    click.echo(Client.from_environment().call("POST", f"jobs/{job_id}/retry").json()["id"])


@click.command()
@click.option("--job", "job_id", metavar="ID", type=int, help="Only what waits of this job.")
@click.option("--json", "as_json", is_flag=True, help="Print the queue as JSON.")
def queue(job_id: int | None, as_json: bool) -> None:
    """Show which recipe sets wait for systems, in the order in which they get them, and why each waits."""
    only = "" if job_id is None else f"?job={job_id}"
    found = list(Client.from_environment().pages(f"queue{only}", "queue"))
    click.echo(json.dumps(found, indent=2) if as_json else queue_table(found))


@click.command()
@click.argument("job_id", metavar="JOB", type=int)
@click.option(
    "--format", "style", type=click.Choice(["table", "json"]), default="table", show_default=True, help="How to print."
)
def results(job_id: int, style: str) -> None:
    """Print a job's results, with the log and line that each was found in."""
    found = list(Client.from_environment().pages(f"jobs/{job_id}/results", "results"))
    click.echo(json.dumps(found, indent=2) if style == "json" else results_table(found))


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


def queue_table(queue: list[dict[str, Any]]) -> str:
    """Return the queue as a table; the first line gets systems first."""
    rows = [
        (
            waiting["job"],
            waiting["recipe_set"],
            " ".join(str(recipe) for recipe in waiting["recipes"]),
            waiting["priority"],
            waiting["owner"],
            waiting["since"],
            waiting["reason"],
        )
        for waiting in queue
    ]
    return table(("JOB", "SET", "RECIPES", "PRIORITY", "OWNER", "SINCE", "WHY IT WAITS"), rows)


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

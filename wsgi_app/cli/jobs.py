"""Jobs on the command line."""

import contextlib
import itertools
import uuid
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click

from wsgi_app.cli import advicetext
from wsgi_app.cli.arguments import NUMBER, SECONDS
from wsgi_app.cli.client import Client, Refused
from wsgi_app.cli.eventstream import TimeOver
from wsgi_app.cli.jobfile import read_job
from wsgi_app.cli.jobtext import NEWEST, describe
from wsgi_app.cli.output import flush_lines, json_option, print_json, print_table, when, window
from wsgi_app.cli.waiting import end_of, wait_for
from wsgi_app.cli.watch import Watch, verdict_line
from wsgi_app.documents.reports.shown import printable
from wsgi_app.states import RecipeStatus

#: exit status by verdict, from harmless to bad: of many jobs the worst counts
VERDICTS = {"pass": 0, "cancelled": 12, "infrastructure": 11, "fail": 10}
#: exit status when the time was over first
UNSETTLED = 5

STATES = [status.value for status in RecipeStatus]

EXITS = "Exit status: 0 pass, 10 fail, 11 infrastructure, 12 cancelled; 5 when --timeout was over first."

ids = click.argument("ids", metavar="ID...", type=NUMBER, nargs=-1, required=True)
a_file = click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
one_id = click.argument("job_id", metavar="ID", type=NUMBER)
timeout = click.option(
    "--timeout",
    metavar="S",
    type=SECONDS,
    help="Give up after S seconds with exit status 5; the job goes on.",
)


@click.group()
def job() -> None:
    """Submit jobs, look at them, follow them."""


@job.command(
    short_help="Submit a job and print its id.",
    epilog=f"""\b
Examples:
  tackroom job submit first-job.xml
  tackroom job submit first-job.xml --wait --timeout 3600
  tackroom job submit campaign.yaml
  generate-job | tackroom job submit - --json

{EXITS}""",
)
@a_file
@click.option("--wait", is_flag=True, help="Wait until the job is settled; the exit status tells its verdict.")
@timeout
@json_option("the job")
def submit(file: Path, wait: bool, timeout: float | None, as_json: bool) -> None:
    """Submit the job in FILE (- for standard input) and print its id.

    FILE holds job XML, a job as JSON, a ConTest job descriptor (both may be written as YAML), or a LAVA job. With
    --wait the id goes to standard error at once, and the job is printed when it is settled.
    """
    if timeout is not None and not wait:
        raise click.UsageError("--timeout is how long to --wait")
    read = read_job(file)
    client = Client.from_environment()
    headers = {"Content-Type": read.kind, "Idempotency-Key": str(uuid.uuid4())}
    made = client.ask("POST", "jobs/", body=read.body, headers=headers)
    _warn(made)
    if not wait:
        if as_json:
            print_json(made)
        else:
            click.echo(made["id"])
        return
    if not as_json:
        click.echo(f"job {made['id']}", err=True)
    found = settled(client, [made["id"]], timeout)
    if as_json:
        print_json(found[0])
    else:
        click.echo(_described(client, made["id"]))
    raise SystemExit(exit_status(found, timeout))


@job.command(
    short_help="Say whether a job would be taken.",
    epilog="Example: tackroom job validate campaign.yaml\n\nExit status: 0 it would be taken, 1 it would not.",
)
@a_file
@json_option("what the job would be")
def validate(file: Path, as_json: bool) -> None:
    """Look over the job in FILE (as for submit; - for standard input) as if it were submitted; print what it would be.

    Then, for recipes that ask for the same, which systems there are for them and how many sets wait before, or why
    they would wait for ever. Nothing is stored. It needs a token as submitting does.
    """
    read = read_job(file)
    try:
        said = Client.from_environment().ask(
            "POST", "jobs/validate", body=read.body, headers={"Content-Type": read.kind}
        )
    except Refused as error:
        # what is no word about the job: no token, a stranger, a Tackroom that is at its end
        if error.status != HTTPStatus.BAD_REQUEST and error.code != "job.no-commands":
            raise
        raise click.ClickException(str(error)) from None
    if as_json:
        print_json(said)
    else:
        _warn(said)
        click.echo(_would_be(said))
        for line in advicetext.describe(said["advice"]):
            click.echo(line)


@job.command(
    "list",
    short_help="List jobs, the newest first.",
    epilog="Example: tackroom job list --state Running --state Queued",
)
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(STATES),
    help="Only jobs in this state; may be repeated.",
)
@click.option("--owner", metavar="USER", help="Only this user's jobs.")
@click.option("--mine", is_flag=True, help="Only your own jobs: your token says who you are.")
@click.option("--limit", type=NUMBER, default=25, show_default=True, metavar="N", help="At most N jobs.")
@json_option("the jobs")
def list_jobs(states: Sequence[str], owner: str | None, mine: bool, limit: int, as_json: bool) -> None:
    """List jobs, the newest first. STATUS is the verdict of a job that is settled. Times are UTC."""
    if mine and owner is not None:
        raise click.UsageError("--mine and --owner both say whose: give one of them")
    query = [("state", state) for state in states] + [("owner", owner)] * (owner is not None) + [("mine", 1)] * mine
    path = "jobs/?" + urlencode([*query, ("limit", min(limit + 1, 1000))])
    found = list(itertools.islice(Client.from_environment().pages(path, "jobs"), limit + 1))
    if as_json:
        print_json(found[:limit])
        return
    rows = [
        (job["id"], job["name"], status_of(job), job["result"], job["owner"], when(job["submitted"]))
        for job in found[:limit]
    ]
    print_table(("JOB", "NAME", "STATUS", "RESULT", "OWNER", "SUBMITTED"), rows)
    if len(found) > limit and window() is not None:
        click.echo(f"There are older ones: --limit {4 * limit}", err=True)


@job.command(short_help="Show a job, what was said of it, and why.", epilog="Example: tackroom job show 12")
@one_id
@json_option("the job")
def show(job_id: int, as_json: bool) -> None:
    """Show the job ID: its recipes and tasks, what their harnesses and logs said, and why that is its verdict.

    HARNESS and LOGS count the results that a harness reported and that were found in logs. Of a campaign (a ConTest
    job) the newest ten recipe sets are shown, each with its run and test.
    """
    client = Client.from_environment()
    if as_json:
        print_json(client.get(f"jobs/{job_id}"))
    else:
        click.echo(_described(client, job_id))


@job.command(short_help="Follow jobs, a line for each change.", epilog=f"Example: tackroom job watch 12\n\n{EXITS}")
@ids
@timeout
def watch(ids: tuple[int, ...], timeout: float | None) -> None:
    """Follow each job ID until it is settled: a line for each change of a recipe or task, and for each bad result.

    Begins with how it is now. A server that restarts meanwhile is waited for, and no line is lost or comes twice.
    Times are UTC. With several jobs the exit status is that of the worst.
    """
    flush_lines()
    client = Client.from_environment()
    watch = Watch(client, tuple(dict.fromkeys(ids)))
    with contextlib.suppress(TimeOver):
        for line in watch.lines(end_of(timeout)):
            click.echo(line)
    raise SystemExit(
        exit_status([watch.settled.get(number) or client.get(f"jobs/{number}") for number in ids], timeout)
    )


@job.command(
    short_help="Wait until jobs are settled.", epilog=f"Example: tackroom job wait 12 13 --timeout 600\n\n{EXITS}"
)
@ids
@timeout
@json_option("the jobs")
def wait(ids: tuple[int, ...], timeout: float | None, as_json: bool) -> None:
    """Wait until each job ID is settled and print its verdict.

    A server that restarts meanwhile is waited for. With several jobs the exit status is that of the worst.
    """
    flush_lines()
    found = settled(Client.from_environment(), ids, timeout, tell=not as_json)
    if as_json:
        print_json(found)
    raise SystemExit(exit_status(found, timeout))


@job.command(short_help="Cancel jobs.", epilog="Example: tackroom job cancel 12 13")
@ids
def cancel(ids: tuple[int, ...]) -> None:
    """Cancel what is unfinished of each job ID; nothing when all is finished."""
    client = Client.from_environment()
    for number in ids:
        client.call("POST", f"jobs/{number}/cancel")


@job.command(short_help="Submit jobs once more.", epilog=f"Example: tackroom job retry 12 --wait\n\n{EXITS}")
@ids
@click.option("--wait", is_flag=True, help="Wait until the new jobs are settled; the exit status is that of the worst.")
@timeout
@json_option("the new jobs")
def retry(ids: tuple[int, ...], wait: bool, timeout: float | None, as_json: bool) -> None:
    """Submit each job ID once more, as it was submitted, and print the id of the new job."""
    if timeout is not None and not wait:
        raise click.UsageError("--timeout is how long to --wait")
    client = Client.from_environment()
    made = [_retry(client, number) for number in ids]
    if not as_json:
        click.echo("\n".join(str(job["id"]) for job in made), err=wait)
    if wait:
        flush_lines()
        made = settled(client, [job["id"] for job in made], timeout, tell=not as_json)
    if as_json:
        print_json(made)
    if wait:
        raise SystemExit(exit_status(made, timeout))


def settled(client: Client, ids: Sequence[int], timeout: float | None, *, tell: bool = False) -> list[dict[str, Any]]:
    """Return jobs when all are settled, or as they are when the time is over; with `tell`, print each verdict."""
    end = end_of(timeout)
    found = []
    for number in dict.fromkeys(ids):
        try:
            job = wait_for(client, number, end)
        except TimeOver:
            found.append(client.get(f"jobs/{number}"))
            continue
        found.append(job)
        if tell:
            click.echo(f"job {number}: {verdict_line(job)}")
    return found


def exit_status(jobs: Sequence[dict[str, Any]], timeout: float | None) -> int:
    """Return the exit status for jobs: that of the worst verdict, or of those that are not settled, which it names."""
    late = [str(job["id"]) for job in jobs if not job["settled"]]
    if late:
        click.echo(f"tackroom: not settled after {timeout:g} s: job {', '.join(late)}", err=True)
        return UNSETTLED
    order = list(VERDICTS)
    return VERDICTS[max((job["verdict"] for job in jobs), key=order.index)]


def status_of(job: dict[str, Any]) -> str:
    """Return in one word how far a job has come: its verdict once it has one."""
    return str(job["verdict"] or ("cancelling" if job["cancelling"] else job["status"]))


def _described(client: Client, number: int) -> str:
    newest = f"?sets={NEWEST}"
    return describe(client.get(f"jobs/{number}{newest}"), client.get(f"jobs/{number}/summary{newest}"), window())


def _warn(said: dict[str, Any]) -> None:
    """Print on standard error what of a document has no effect."""
    for warning in said["warnings"]:
        click.echo(f"warning: {printable(warning)}", err=True)


def _would_be(said: dict[str, Any]) -> str:
    """Return in a line what a job would be."""
    name = f" {printable(said['name'])}" if said["name"] else ""
    what = {"tests": "test", "tasks": "step"} if said["tests"] else {"recipe_sets": "recipe set", "tasks": "task"}
    counts = ", ".join(f"{said[part]} {word}{'' if said[part] == 1 else 's'}" for part, word in what.items())
    return f"Job{name}: {counts}"


def _retry(client: Client, number: int) -> dict[str, Any]:
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    made: dict[str, Any] = client.ask("POST", f"jobs/{number}/retry", headers=headers)
    return made

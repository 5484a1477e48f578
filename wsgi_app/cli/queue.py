"""The queue on the command line."""

import click

from wsgi_app.cli.arguments import NUMBER
from wsgi_app.cli.client import Client
from wsgi_app.cli.output import json_option, print_json, print_table, when

_HEAD = ("JOB", "SET", "RECIPES", "PRIORITY", "OWNER", "SINCE", "WHY IT WAITS")


@click.command(short_help="Show what waits for systems, and why.", epilog="Example: tackroom queue --job 12")
@click.option("--job", "job_id", metavar="ID", type=NUMBER, help="Only what waits of this job.")
@json_option("the queue")
def queue(job_id: int | None, as_json: bool) -> None:
    """Show which recipe sets wait for systems, in the order in which they get them, and why each waits.

    SINCE is in UTC.
    """
    only = "" if job_id is None else f"?job={job_id}"
    found = list(Client.from_environment().pages(f"queue{only}", "queue"))
    if as_json:
        print_json(found)
        return
    rows = [
        (
            waiting["job"],
            waiting["recipe_set"],
            " ".join(str(recipe) for recipe in waiting["recipes"]),
            waiting["priority"],
            waiting["owner"],
            when(waiting["since"]),
            waiting["reason"],
        )
        for waiting in found
    ]
    print_table(_HEAD, rows)

"""Results on the command line."""

import click

from wsgi_app.cli import reports
from wsgi_app.cli.arguments import NUMBER
from wsgi_app.cli.client import Client
from wsgi_app.cli.output import print_json_list, window
from wsgi_app.cli.reports import Outcome
from wsgi_app.states import ResultValue

FORMATS = {
    "table": "for people",
    "json": "an array of all that is known of each",
    "junit": "JUnit XML, for CI: a suite for each recipe",
    "tap": "TAP 14: a subtest for each recipe",
    "csv": "RFC 4180, for spreadsheets",
}

VALUES = [value.value for value in ResultValue]

EXAMPLES = """\b
Examples:
  tackroom results 12
  tackroom results 12 --format junit > junit.xml
  tackroom results 12 --result Fail --result Panic --format csv"""


@click.command(short_help="Print a job's results.", epilog=EXAMPLES)
@click.argument("job_id", metavar="JOB", type=NUMBER)
@click.option("--recipe", metavar="R", type=NUMBER, help="Only of this recipe.")
@click.option(
    "--result",
    "values",
    multiple=True,
    type=click.Choice(VALUES),
    help="Only results like this; may be repeated.",
)
@click.option("--source", type=click.Choice(["harness", "log"]), help="Only what a harness, or what a log said.")
@click.option("--all", "everything", is_flag=True, help="In the table: all results, Pass too, however many.")
@click.option(
    "--format",
    "style",
    type=click.Choice([*FORMATS]),
    default="table",
    show_default=True,
    help="; ".join(f"{name}: {what}" for name, what in FORMATS.items()) + ".",
)
@click.option("--json", "style", flag_value="json", help="The same as --format json.")
def results(
    job_id: int, recipe: int | None, values: tuple[str, ...], source: str | None, everything: bool, style: str
) -> None:
    """Print the results of the job JOB, with the log and line that each was found in.

    The table has for each recipe what its harness and its logs said of its tasks, side by side, then the results that
    are not Pass, at most 200 of a recipe; it ends with the verdict and its reason. WHERE is what `tackroom log show`
    takes. The other formats have all results. The exit status is 0 whatever the verdict.
    """
    if everything and style != "table":
        raise click.UsageError("--all is for the table: the other formats have all results")
    outcome = Outcome.of(Client.from_environment(), job_id, recipe, values, source)
    if not outcome.job["settled"] and style != "table":
        click.echo(f"warning: job {job_id} is not settled: there may be more results", err=True)
    if style == "json":
        print_json_list(outcome.results())
        return
    if style == "table":
        pieces = reports.table.write(outcome, everything=everything, width=window())
    else:
        pieces = {"junit": reports.junit, "tap": reports.tap, "csv": reports.csv}[style].write(outcome)
    for piece in pieces:
        click.echo(piece, nl=False)

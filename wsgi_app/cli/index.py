"""`tackroom index`: how far the indexer is, and reading logs again. On this machine's data, server or no server."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from wsgi_app.cli.arguments import NUMBER
from wsgi_app.cli.bar import Bar, human
from wsgi_app.cli.output import json_option, print_json
from wsgi_app.cli.place import as_owner, owned_here
from wsgi_app.cli.running import start
from wsgi_app.config import Config
from wsgi_app.core import presence
from wsgi_app.documents.reports.shown import printable
from wsgi_app.states import LogState

if TYPE_CHECKING:
    # all other subcommands are there without SQLAlchemy
    from wsgi_app.core.gateway import Gateway


@click.group()
def index() -> None:
    """Look after what is known of logs: digests, results, marks.

    These commands work on the data of this machine (TACKROOM_DATA, ./var, a lab controller's, or /var/lib/tackroom),
    whether Tackroom runs or not. Root does it as the owner of the data.
    """


@index.command(short_help="Say how far the indexer is.", epilog="Example: tackroom index status --json")
@json_option("the figures")
def status(as_json: bool) -> None:
    """Say how far the indexer is."""
    with _here() as (gateway, config):
        figures = gateway.census.take()
        value = {
            "running": presence.is_present(config.run),
            "unsettled": figures.unsettled,
            "oldest_unsettled": figures.oldest_unsettled if figures.unsettled else None,
            "late": sum(recipe.late for recipe in gateway.logs.survey().states),
            "logs": {state.value: figures.logs.get(state, 0) for state in LogState},
        }
    if as_json:
        print_json(value)
        return
    oldest = "" if value["oldest_unsettled"] is None else f", the oldest for {value['oldest_unsettled']:.0f} s"
    click.echo(f"indexer: {'runs' if value['running'] else 'does not run: ' + start() + ' starts it'}")
    click.echo(f"recipes that have finished and are not settled: {value['unsettled']}{oldest}")
    click.echo(f"recipes that were settled late and have logs to read: {value['late']}")
    click.echo("logs: " + ", ".join(f"{figures.logs.get(state, 0)} {state}" for state in LogState))


@index.command("rebuild", short_help="Read logs again.", epilog="Example: tackroom index rebuild 54 58")
@click.argument("recipes", metavar="[RECIPE...]", nargs=-1, type=NUMBER)
def rebuild_index(recipes: tuple[int, ...]) -> None:
    """Read the logs of these recipes again, or of all; say what is another than before.

    Results and marks that were found in a log are replaced when it holds others now. Verdicts that were told stand, and
    a log that is not what was declared stays damaged. It may run beside the indexer, be broken off and be repeated.
    Exit status 1 when a log could not be read.
    """
    from wsgi_app.indexer import rebuild

    read = changed = failed = 0
    with _here() as (gateway, config):
        total = None
        if sys.stderr.isatty():
            total = sum(candidate.size for candidate in rebuild.candidates(gateway, config, recipes))
        bar, done = Bar("reading", total, sys.stderr), 0
        for candidate in rebuild.candidates(gateway, config, recipes):
            outcome = rebuild.reread(gateway, config, candidate)
            name = f"recipe {outcome.recipe}: {printable(outcome.path)}"
            if outcome.trouble or outcome.changed:
                bar.close()
            if outcome.trouble:
                failed += 1
                click.echo(f"{name}: not read: {outcome.trouble}", err=True)
            elif outcome.changed:
                changed += 1
                click.echo(f"{name}: {outcome.changed}")
            read += not outcome.trouble
            done += outcome.size
            bar.update(done)
        bar.close()
    click.echo(f"{read} logs read ({human(done)}), {changed} of them changed")
    sys.exit(failed > 0)


@contextmanager
def _here() -> "Iterator[tuple[Gateway, Config]]":
    """Open this machine's data as its owner. Raises ClickException when there is none, or it is somebody else's."""
    from wsgi_app.core.gateway import open_gateway

    config = owned_here()
    with as_owner(config.data):
        gateway = open_gateway(config)
        try:
            yield gateway, config
        finally:
            gateway.close()

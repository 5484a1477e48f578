"""Events on the command line."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import click

from wsgi_app.cli.arguments import AMOUNT
from wsgi_app.cli.client import Client
from wsgi_app.cli.eventstream import follow as follow_stream
from wsgi_app.cli.output import flush_lines, json_option, print_json_line, when
from wsgi_app.core.topics import TOPICS
from wsgi_app.documents.reports.shown import printable


@click.command(
    short_help="Print what happened, and what happens.",
    epilog="""\b
Examples:
  tackroom events --follow --topic job --topic system
  tackroom events --after 4711 --json""",
)
@click.option("--follow", is_flag=True, help="Go on with what happens, until Ctrl-C.")
@click.option(
    "--after",
    metavar="ID",
    type=AMOUNT,
    help="Begin behind the event of this id; 0 is the beginning.  [default: 0, with --follow from now on]",
)
@click.option(
    "--topic", "topics", multiple=True, type=click.Choice([*TOPICS]), help="Only events of this topic; may be repeated."
)
@json_option("each event on a line of its own")
def events(follow: bool, after: int | None, topics: tuple[str, ...], as_json: bool) -> None:
    """Print what happened: id, time (UTC), topic, and what it tells, oldest first.

    With --follow it goes on where it broke off when the server restarts: no event is lost, none comes twice.
    """
    client = Client.from_environment()
    if follow:
        flush_lines()
        stream = follow_stream(client, after=after, topics=topics)
        found: Iterator[Any] = (event for event in stream if event is not None)
    else:
        query = urlencode([*(("topic", topic) for topic in topics), ("after", after or 0), ("limit", 1000)])
        found = client.pages(f"events?{query}", "events")
    for event in found:
        if as_json:
            print_json_line(event)
        else:
            click.echo(f"{event['id']:>7}  {when(event['time'])}  {event['topic']:<7}  {_told(event['data'])}")


def _told(data: dict[str, Any]) -> str:
    """Return what an event tells, as `name=value`."""
    return " ".join(f"{name}={_value(value)}" for name, value in data.items())


def _value(value: object) -> str:
    plain = isinstance(value, str) and value and not any(char in value for char in ' "=')
    return printable(value if plain else json.dumps(value, ensure_ascii=False))

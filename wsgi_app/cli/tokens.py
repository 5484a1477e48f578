"""Tokens on the command line."""

import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import click

from wsgi_app.cli.arguments import NUMBER, Span
from wsgi_app.cli.client import Client
from wsgi_app.cli.output import json_option, print_json, print_table, when
from wsgi_app.clock import rfc3339

SCOPES = ("read", "submit", "admin", "workers")
DAY = 86400
#: days after which nobody knows of a token any more
CENTURY = 36525


@click.group()
def token() -> None:
    """What people and scripts prove by who they are."""


@token.command(
    short_help="Make a token and print it, this once.",
    epilog="Example: tackroom token create nightly --scope submit --days 90 > nightly.token",
)
@click.argument("name")
@click.option("--user", metavar="USER", help="For this user; for others than yourself only an admin may.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(SCOPES),
    help="What it may do; may be repeated.  [default: read and submit]",
)
@click.option("--days", type=Span(0, CENTURY, min_open=True), metavar="N", help="It expires after N days.")
@click.option("--expires", metavar="TIME", help="It expires then, such as 2027-01-31 or 2027-01-31T12:00:00Z (UTC).")
@json_option("the token with all that is known of it")
def create(
    name: str, user: str | None, scopes: tuple[str, ...], days: float | None, expires: str | None, as_json: bool
) -> None:
    """Make a token and print it, this once: nobody can look it up later. NAME says for people what it is for.

    Without --days and --expires it does not expire. Others than admins can only make tokens that may do no more, and
    live no longer, than their own.
    """
    if days is not None and expires is not None:
        raise click.UsageError("--days and --expires both say when: give one of them")
    value: dict[str, Any] = {"name": name}
    if user is not None:
        value["user"] = user
    if scopes:
        value["scopes"] = list(scopes)
    if days is not None:
        value["expires"] = rfc3339(time.time() + days * DAY)
    elif expires is not None:
        value["expires"] = _time(expires)
    made = Client.from_environment().ask("POST", "tokens/", value=value)
    if as_json:
        print_json(made)
    else:
        click.echo(made["token"])


@token.command(name="list", short_help="List tokens, without what is secret.", epilog="Example: tackroom token list")
@click.option("--user", metavar="USER", help="Only this user's.")
@json_option("the tokens")
def list_tokens(user: str | None, as_json: bool) -> None:
    """List tokens, without what is secret: for an admin everybody's, for others their own. Times are in UTC."""
    only = "" if user is None else f"&user={quote(user, safe='')}"
    found = list(Client.from_environment().pages(f"tokens/?limit=1000{only}", "tokens"))
    if as_json:
        print_json(found)
        return
    rows = [
        (
            one["id"],
            one["user"],
            one["name"],
            " ".join(one["scopes"]),
            when(one["created"]),
            when(one["expires"]) or "never",
        )
        for one in found
    ]
    print_table(("ID", "USER", "NAME", "SCOPES", "CREATED", "EXPIRES"), rows)


@token.command(short_help="Make tokens void, at once.", epilog="Example: tackroom token revoke 12 13")
@click.argument("ids", metavar="ID...", nargs=-1, required=True, type=NUMBER)
def revoke(ids: tuple[int, ...]) -> None:
    """Make tokens void, at once and for good; 'tackroom token list' has their ids."""
    client = Client.from_environment()
    for number in ids:
        client.call("DELETE", f"tokens/{number}")


def _time(text: str) -> str | None:
    """Return a time as the API takes it; a time without a zone is UTC."""
    try:
        moment = datetime.fromisoformat(text)
        return rfc3339((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        raise click.UsageError(f"--expires reads 2027-01-31 or 2027-01-31T12:00:00Z, not {text!r}") from None

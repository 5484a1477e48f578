"""What is sent to receivers outside, and where users are reached, on the command line."""

from typing import Any
from urllib.parse import quote

import click

from wsgi_app.cli.arguments import AMOUNT, NUMBER
from wsgi_app.cli.client import Client, Refused
from wsgi_app.cli.output import json_option, print_json, print_table, when
from wsgi_app.cli.place import as_owner, owned_here
from wsgi_app.notification import DeliveryState, Method

_STATES = click.Choice([str(state) for state in DeliveryState])
_METHODS = click.Choice([str(method) for method in Method])
_HEAD = ("ID", "JOB", "RECIPE", "AT", "METHOD", "TARGET", "STATE", "ATTEMPTS", "DUE", "REASON")


@click.group()
def notify() -> None:
    """What others are sent of jobs: mails, callbacks."""


@notify.command(name="list", short_help="List deliveries.", epilog="Example: tackroom notify list --state failed")
@click.option("--state", "states", multiple=True, type=_STATES, help="Only those; may be repeated.")
@click.option("--method", "methods", multiple=True, type=_METHODS, help="Only those; may be repeated.")
@click.option("--job", "job_id", metavar="ID", type=NUMBER, help="Only those of this job.")
@click.option("--recipe", metavar="ID", type=NUMBER, help="Only those of this recipe.")
@click.option("-n", "--limit", metavar="N", type=AMOUNT, default=100, help="The newest N; 0: all.", show_default=True)
@json_option("the deliveries")
def list_deliveries(
    states: tuple[str, ...],
    methods: tuple[str, ...],
    job_id: int | None,
    recipe: int | None,
    limit: int,
    as_json: bool,
) -> None:
    """List what was sent, or is to be sent, of your jobs; an admin sees all. The newest first.

    AT: of which transition it tells. DUE, in UTC: when it is tried next. REASON: why it was not taken, last.
    """
    asked = [f"limit={min(limit or 1000, 1000)}"]
    asked += [f"state={state}" for state in states] + [f"method={method}" for method in methods]
    asked += [] if job_id is None else [f"job={job_id}"]
    asked += [] if recipe is None else [f"recipe={recipe}"]
    found: list[dict[str, Any]] = []
    for one in Client.from_environment().pages(f"deliveries/?{'&'.join(asked)}", "deliveries"):
        found.append(one)
        if limit and len(found) >= limit:
            break
    if as_json:
        print_json(found)
        return
    rows = [
        (
            one["id"],
            one["job"],
            one["recipe"],
            _moment(one),
            one["method"],
            one["target"],
            one["state"],
            one["attempts"],
            when(one["due"]),
            one["reason"],
        )
        for one in found
    ]
    print_table(_HEAD, rows)


@notify.command(short_help="Show a delivery and each attempt at it.", epilog="Example: tackroom notify show 12")
@click.argument("number", metavar="ID", type=NUMBER)
@json_option("the delivery")
def show(number: int, as_json: bool) -> None:
    """Show the delivery ID, and each attempt at it: when (UTC), how long it took, what the receiver said."""
    found = Client.from_environment().get(f"deliveries/{number}")
    if as_json:
        print_json(found)
        return
    _print(found)
    if found["log"]:
        click.echo()
        rows = [
            (one["number"], when(one["began"]), one["seconds"], one["outcome"], one["status"], one["reason"])
            for one in found["log"]
        ]
        print_table(("ATTEMPT", "BEGAN", "SECONDS", "OUTCOME", "STATUS", "REASON"), rows)


@notify.command(short_help="Send deliveries once more.", epilog="Example: tackroom notify redeliver 12 13")
@click.argument("numbers", metavar="ID...", nargs=-1, required=True, type=NUMBER)
@json_option("the new deliveries")
def redeliver(numbers: tuple[int, ...], as_json: bool) -> None:
    """Send the deliveries ID once more, as new ones, and print their ids: those that are over, delivered or failed.

    A receiver can tell them from the first: they have keys of their own.
    """
    client = Client.from_environment()
    made = [client.ask("POST", f"deliveries/{number}/redeliver") for number in numbers]
    if as_json:
        print_json(made)
        return
    for one in made:
        click.echo(one["id"])


@notify.command(
    short_help="Send a message that says that it is a test.",
    epilog="Example: tackroom notify test callback https://ci.example.org/hook",
)
@click.argument("method", type=_METHODS)
@click.argument("target")
@click.option("--http-method", type=click.Choice(["GET", "POST"]), help="Of a callback.  [default: POST]")
@click.option("--token", metavar="TEXT", help="Of a callback: the value of its header.")
@click.option("--header", metavar="NAME", help="Of a callback: the header's name.  [default: Authorization]")
@json_option("the delivery")
def test(
    method: str, target: str, http_method: str | None, token: str | None, header: str | None, as_json: bool
) -> None:
    """Send a message that says that it is a test to TARGET, and print the id of its delivery.

    TARGET: an address for email; HANDLE@SERVER for irc; a URL for callback. What came of it: 'tackroom notify show'.
    """
    given = {"method": http_method, "token": token, "header": header}
    callback = {name: value for name, value in given.items() if value is not None}
    if callback and method != Method.CALLBACK:
        raise click.UsageError("--http-method, --token and --header are of callbacks")
    value: dict[str, Any] = {"method": method, "target": target}
    if callback:
        value["callback"] = callback
    made = Client.from_environment().ask("POST", "deliveries/test", value=value)
    if as_json:
        print_json(made)
    else:
        click.echo(made["id"])


@notify.command(
    short_help="Show or say where a user is reached.",
    epilog="Example: tackroom notify address ann --email ann@example.org",
)
@click.argument("user")
@click.option("--email", metavar="ADDRESS", help="Where mail goes; '' for nowhere.")
@click.option("--irc-handle", metavar="NAME", help="The name on IRC; '' for none.")
@click.option("--irc-server", metavar="HOST", help="The server where that is, HOST or HOST:PORT; '' for none.")
@json_option("the addresses")
def address(user: str, email: str | None, irc_handle: str | None, irc_server: str | None, as_json: bool) -> None:
    """Show where USER is reached, or change what of that is said: your own, or as an admin anybody's."""
    client = Client.from_environment()
    url = f"users/{quote(user, safe='')}/address"
    given = {"email": email, "irc_handle": irc_handle, "irc_server": irc_server}
    said = {name: value or None for name, value in given.items() if value is not None}
    if said:
        known = _known(client, url)
        found = client.ask("PUT", url, value={**{name: known.get(name) for name in given}, **said})
    else:
        found = client.get(url)
    if as_json:
        print_json(found)
        return
    rows = [
        ("user", found["user"]),
        ("email", found["email"]),
        ("irc handle", found["irc_handle"]),
        ("irc server", found["irc_server"]),
    ]
    print_table(("ADDRESS", ""), rows)


@notify.command(
    short_help="Print the key by which receivers verify callbacks.", epilog="Example: tackroom notify secret"
)
def secret() -> None:
    """Print the key by which this machine's Tackroom signs callbacks, as libraries for Standard Webhooks take it.

    It is in DATA/callback.key. Who has it can make callbacks that look like ours. To have another one, remove the file
    and restart Tackroom.
    """
    config = owned_here()
    try:
        with as_owner(config.data):
            click.echo(config.callback_key.read_text(encoding="utf-8").strip())
    except OSError as error:
        raise click.ClickException(f"{config.callback_key}: {error.strerror}") from None


def _known(client: Client, url: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = client.get(url)
    except Refused as error:
        if error.code != "address.unknown":
            raise
        return {}
    return found


def _moment(one: dict[str, Any]) -> str:
    return "test" if one["test"] else one["transition"]


def _print(one: dict[str, Any]) -> None:
    callback = one["callback"] or {}
    rows = [
        ("id", one["id"]),
        ("key", one["key"]),
        ("job", one["job"]),
        ("recipe", one["recipe"]),
        ("at", _moment(one)),
        ("owner", one["owner"]),
        ("method", one["method"]),
        ("target", one["target"]),
        ("user", one["user"]),
        *((f"callback {name.replace('_', ' ')}", value) for name, value in callback.items()),
        ("state", one["state"]),
        ("attempts", one["attempts"]),
        ("due", when(one["due"])),
        ("created", when(one["created"])),
        ("ended", when(one["ended"])),
        ("status", one["status"]),
        ("reason", one["reason"]),
        ("copy of", one["copy_of"]),
    ]
    print_table(("DELIVERY", ""), rows)

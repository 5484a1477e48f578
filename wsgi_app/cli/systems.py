"""Systems on the command line."""

from typing import Any
from urllib.parse import quote

import click

from wsgi_app.cli.arguments import SYSTEM_NAME
from wsgi_app.cli.client import Client
from wsgi_app.cli.output import json_option, print_json, print_table, when
from wsgi_app.states import SystemHealth

_HEALTH = click.Choice([str(health) for health in SystemHealth])


@click.group()
def system() -> None:
    """The lab's machines."""


@system.command(
    short_help="Add a system and print its key.",
    epilog="Example: tackroom system add alpha --type kvm --tag x86_64 --tag 10gbe",
)
@click.argument("name", type=SYSTEM_NAME)
@click.option("--type", "kind", metavar="TYPE", help="What recipes may ask for as its type.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="What recipes may ask for; may be repeated.")
@click.option("--address", metavar="IP", help="From this address it may write its recipes' logs without a key.")
@json_option("the system and its key")
def add(name: str, kind: str | None, tags: tuple[str, ...], address: str | None, as_json: bool) -> None:
    """Add the system NAME and print the key that its harness claims recipes with.

    The key is shown this once; 'tackroom system key' makes another. Needs an admin's token.
    """
    client = Client.from_environment()
    value = {"name": name, "type": kind, "tags": list(tags), "address": address}
    made = client.ask("POST", "systems/", value=value)
    key = client.ask("POST", f"{_url(name)}/key")["key"]
    if as_json:
        print_json({**made, "key": key})
    else:
        click.echo(key)


@system.command(name="list", short_help="List the systems.", epilog="Example: tackroom system list")
@click.option("--all", "everything", is_flag=True, help="Retired ones, too.")
@json_option("the systems")
def list_systems(everything: bool, as_json: bool) -> None:
    """List the systems: what they do, how they are, which recipe they run.

    STATE: idle (asks for work), running, offline (has not asked for a while). LAST SEEN is when it asked, in UTC.
    """
    found = [
        one
        for one in Client.from_environment().pages("systems/?limit=1000", "systems")
        if everything or one["health"] != SystemHealth.RETIRED
    ]
    if as_json:
        print_json(found)
        return
    rows = [
        (
            one["name"],
            one["state"],
            one["health"],
            one["recipe"],
            one["type"],
            " ".join(one["tags"]),
            when(one["last_seen"]) or "never",
            one["reason"],
        )
        for one in found
    ]
    print_table(("NAME", "STATE", "HEALTH", "RECIPE", "TYPE", "TAGS", "LAST SEEN", "REASON"), rows)


@system.command(short_help="Show a system.", epilog="Example: tackroom system show bench")
@click.argument("name", type=SYSTEM_NAME)
@json_option("the system")
def show(name: str, as_json: bool) -> None:
    """Show the system NAME."""
    _print(Client.from_environment().get(_url(name)), as_json)


@system.command(
    name="set",
    short_help="Change a system.",
    epilog="Example: tackroom system set alpha --health maintenance --reason 'new fan'",
)
@click.argument("name", type=SYSTEM_NAME)
@click.option("--type", "kind", metavar="TYPE", help="What recipes may ask for as its type; '' for none.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Its tags from now on; may be repeated; '' for none.")
@click.option("--add-tag", "more", multiple=True, metavar="TAG", help="One more tag; may be repeated.")
@click.option("--remove-tag", "fewer", multiple=True, metavar="TAG", help="One tag less; may be repeated.")
@click.option("--address", metavar="IP", help="From there it may write its recipes' logs without a key; '' for none.")
@click.option("--health", type=_HEALTH, help="Those that are bad, in maintenance or retired get no recipes.")
@click.option("--reason", metavar="TEXT", help="Why it has that health, for people; '' for none.")
@click.option("--description", metavar="TEXT", help="What it is, for people; '' for none.")
@click.option("--owner", metavar="USER", help="Whose machine it is: jobs may have that user told; '' for nobody.")
@json_option("the system")
def change(
    name: str,
    kind: str | None,
    tags: tuple[str, ...],
    more: tuple[str, ...],
    fewer: tuple[str, ...],
    address: str | None,
    health: str | None,
    reason: str | None,
    description: str | None,
    owner: str | None,
    as_json: bool,
) -> None:
    """Change the system NAME: only what is said changes. Needs an admin's token."""
    if tags and (more or fewer):
        raise click.UsageError("--tag says all tags: it does not go with --add-tag and --remove-tag")
    given = {
        "type": kind,
        "address": address,
        "health": health,
        "reason": reason,
        "description": description,
        "owner": owner,
    }
    value: dict[str, Any] = {field: text or None for field, text in given.items() if text is not None}
    client = Client.from_environment()
    if tags:
        value["tags"] = [tag for tag in tags if tag]
    elif more or fewer:
        now = client.get(_url(name))["tags"]
        value["tags"] = [tag for tag in dict.fromkeys([*now, *more]) if tag not in fewer]
    if not value:
        raise click.UsageError("say what to change, such as --health good")
    _print(client.ask("PATCH", _url(name), value=value), as_json)


@system.command(short_help="Forget a system.", epilog="Example: tackroom system remove bench")
@click.argument("name", type=SYSTEM_NAME)
def remove(name: str) -> None:
    """Forget the system NAME; what it ran stays.

    Refused (exit status 4) while it runs a recipe: cancel the job, or wait. Needs an admin's token.
    """
    Client.from_environment().call("DELETE", _url(name))


@system.command(short_help="Make a new key for a system.", epilog="Example: tackroom system key bench")
@click.argument("name", type=SYSTEM_NAME)
@json_option("the key")
def key(name: str, as_json: bool) -> None:
    """Make a new key for the system NAME and print it; the key before is void from now on.

    A harness that uses the old one must be told: TACKROOM_TOKEN in its environment. Needs an admin's token.
    """
    made = Client.from_environment().ask("POST", f"{_url(name)}/key")
    if as_json:
        print_json(made)
        return
    click.echo(made["key"])
    click.echo(f"The key that system {made['system']} had before is void.", err=True)


def _url(name: str) -> str:
    return f"systems/{quote(name, safe='')}"


def _print(one: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(one)
        return
    rows = [
        ("name", one["name"]),
        ("state", one["state"]),
        ("health", one["health"]),
        ("reason", one["reason"]),
        ("description", one["description"]),
        ("recipe", one["recipe"]),
        ("type", one["type"]),
        ("tags", " ".join(one["tags"])),
        ("address", one["address"]),
        ("owner", one["owner"]),
        ("last seen", when(one["last_seen"]) or "never"),
    ]
    print_table(("SYSTEM", ""), rows)

"""Systems on the command line."""

import json

import click

from wsgi_app.cli.client import Client


@click.group()
def system() -> None:
    """The lab's machines."""


@system.command()
@click.argument("name")
@click.option("--type", "kind", metavar="TYPE", help="What recipes may ask for as its type.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="What recipes may ask for; may be repeated.")
@click.option("--address", metavar="IP", help="From this address it may write its recipes' logs without a key.")
@click.option("--json", "as_json", is_flag=True, help="Print the system and its key as JSON.")
def add(name: str, kind: str | None, tags: tuple[str, ...], address: str | None, as_json: bool) -> None:
    """Add the system NAME and print the key that its harness claims recipes with."""
    client = Client.from_environment()
    value = {"name": name, "type": kind, "tags": list(tags), "address": address}
    made = client.call("POST", "systems/", value=value).json()
    key = client.call("POST", f"systems/{name}/key").json()["key"]
    click.echo(json.dumps({**made, "key": key}, indent=2) if as_json else key)

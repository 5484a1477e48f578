"""Recipes on the command line: what a stock harness needs to know of one, and where its set meets."""

import json
import shlex
from typing import Any
from urllib.parse import urlsplit

import click

from wsgi_app.cli.client import Client
from wsgi_app.cli.tables import table

#: how a stock harness may be told its recipe, and the file in which it looks for that (harness-beaker.md 2.1)
FORMS = {
    "env": "/etc/profile.d/beaker-harness-env.sh",
    "cmdline": "words for the kernel command line",
    "config": "/etc/restraint/config.conf",
}


@click.group()
def recipe() -> None:
    """What a harness needs to know of a recipe, and how its set is getting on."""


@recipe.command()
@click.argument("recipe_id", metavar="R", type=int)
@click.option("--system", metavar="NAME", help="Assign the recipe to this system, if it names none.")
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMS)),
    default="env",
    show_default=True,
    help="; ".join(f"{name}: {place}" for name, place in FORMS.items()) + ".",
)
def env(recipe_id: int, system: str | None, form: str) -> None:
    """Print what tells a stock harness (restraint) to run recipe R, with a key in it.

    Makes one more key of the recipe, and assigns the recipe to its system.
    """
    client = Client.from_environment()
    path = f"recipes/{recipe_id}/key" + (f"?system={system}" if system else "")
    made = client.call("POST", path).json()
    click.echo(harness_environment(recipe_id, made["url"], form))


@recipe.command()
@click.argument("recipe_id", metavar="R", type=int)
@click.option("--json", "as_json", is_flag=True, help="Print the states as JSON.")
def sync(recipe_id: int, as_json: bool) -> None:
    """Show where the set of recipe R meets: who has reached which sync state, who waits, and for whom."""
    found = list(Client.from_environment().pages(f"recipes/{recipe_id}/sync/", "states"))
    click.echo(json.dumps(found, indent=2) if as_json else sync_table(found))


def harness_environment(recipe_id: int, url: str, form: str) -> str:
    """Return the recipe's address and key in one of `FORMS`."""
    if form == "config":
        return f"[restraint]\nrecipe_url={url}recipes/{recipe_id}/"
    values = {"BEAKER_LAB_CONTROLLER_URL": url, "BEAKER_RECIPE_ID": str(recipe_id)}
    if form == "cmdline":
        return " ".join(f"{name}={value}" for name, value in values.items())
    values["BEAKER_LAB_CONTROLLER"] = urlsplit(url).hostname or ""
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in values.items())


def sync_table(states: list[dict[str, Any]]) -> str:
    """Return the sync states of a recipe set as a table."""
    rows = [
        (
            state["state"],
            one["recipe"],
            one["system"],
            one["role"],
            one["status"],
            one["there"] or "not yet",
            "waits" if one["waiting"] else "",
            "" if one["said"] is None else json.dumps(one["said"]),
        )
        for state in states
        for one in state["recipes"]
    ]
    return table(("STATE", "RECIPE", "SYSTEM", "ROLE", "STATUS", "THERE SINCE", "", "SAID"), rows)

"""The lab itself on the command line."""

from typing import Any

import click

from wsgi_app.cli.client import Client
from wsgi_app.cli.output import json_option, print_json, print_table
from wsgi_app.states import LabHealth

_HEALTH = click.Choice([str(health) for health in LabHealth])


@click.group()
def lab() -> None:
    """Whether the lab gives out work, and how much."""


@lab.command(short_help="Show whether the lab gives out work.", epilog="Example: tackroom lab show")
@json_option("the lab")
def show(as_json: bool) -> None:
    """Show whether the lab gives out work, and how many recipes may have systems at a time."""
    _print(Client.from_environment().get("lab"), as_json)


@lab.command(
    name="set",
    short_help="Pause the lab, or let it go on.",
    epilog="Example: tackroom lab set --health maintenance --description 'new switch, back at noon'",
)
@click.option("--health", type=_HEALTH, help="Only an active lab gives out recipes.")
@click.option("--description", metavar="TEXT", help="For people, also for those who wait; '' for none.")
@click.option(
    "--most-recipes",
    metavar="NUMBER",
    type=click.IntRange(min=0),
    help="So many recipes may have systems at a time; 0: as many as there are systems.",
)
@json_option("the lab")
def change(health: str | None, description: str | None, most_recipes: int | None, as_json: bool) -> None:
    """Change the lab: only what is said changes. Recipes that have systems go on. Needs an admin's token."""
    value: dict[str, Any] = {"health": health, "description": description}
    value = {name: text for name, text in value.items() if text is not None}
    if most_recipes is not None:
        value["most_recipes"] = most_recipes or None
    if not value:
        raise click.UsageError("say what to change, such as --health maintenance")
    _print(Client.from_environment().ask("PATCH", "lab", value=value), as_json)


def _print(one: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(one)
        return
    most = one["most_recipes"]
    rows = [
        ("health", one["health"]),
        ("description", one["description"]),
        ("most recipes", "as many as there are systems" if most is None else most),
    ]
    print_table(("LAB", ""), rows)

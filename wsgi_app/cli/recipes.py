"""Recipes on the command line: what a stock harness needs to know of one, and where its set meets."""

import json
import shlex
from typing import Any
from urllib.parse import quote, urlsplit

import click

from wsgi_app.cli import jobtext
from wsgi_app.cli.arguments import NUMBER, SYSTEM_NAME
from wsgi_app.cli.client import Client
from wsgi_app.cli.names import system_names
from wsgi_app.cli.output import json_option, print_json, print_table, window
from wsgi_app.documents.reports.shown import printable

#: how a stock harness may be told its recipe, and the file in which it looks for that (harness-beaker.md 2.1)
FORMS = {
    "env": "/etc/profile.d/beaker-harness-env.sh",
    "cmdline": "words for the kernel command line",
    "config": "/etc/restraint/config.conf",
}


one_id = click.argument("recipe_id", metavar="R", type=NUMBER)


@click.group()
def recipe() -> None:
    """Look at recipes, tell stock harnesses of them."""


@recipe.command(short_help="Show a recipe and its tasks.", epilog="Example: tackroom recipe show 14")
@one_id
@json_option("the recipe")
def show(recipe_id: int, as_json: bool) -> None:
    """Show recipe R: its job, system, watchdog and tasks, and what its harness and its logs said of each."""
    client = Client.from_environment()
    found = client.get(f"recipes/{recipe_id}/")
    if as_json:
        print_json(found)
        return
    summary = client.get(f"jobs/{found['job']}/summary?sets=1&before={found['recipe_set'] + 1}")
    (said,) = (said for said in summary["recipes"] if said["recipe"] == recipe_id)
    click.echo(f"Of job {found['job']}, recipe set {found['recipe_set']}{_limits(found)}")
    click.echo(jobtext.recipe_text(found, said, window()))


@recipe.command(
    short_help="Print what a stock harness needs.",
    epilog="Example: tackroom recipe env 14 --system bench > /etc/profile.d/beaker-harness-env.sh",
)
@one_id
@click.option(
    "--system",
    metavar="NAME",
    type=SYSTEM_NAME,
    shell_complete=system_names,
    help="Assign the recipe to this system, if it names none.",
)
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
    path = f"recipes/{recipe_id}/key" + (f"?system={quote(system)}" if system else "")
    made = client.ask("POST", path)
    click.echo(harness_environment(recipe_id, made["url"], form))


@recipe.command(short_help="Show where its set meets.", epilog="Example: tackroom recipe sync 14")
@one_id
@json_option("the states")
def sync(recipe_id: int, as_json: bool) -> None:
    """Show where the set of recipe R meets: who has reached which sync state, who waits, and for whom."""
    found = list(Client.from_environment().pages(f"recipes/{recipe_id}/sync/", "states"))
    if as_json:
        print_json(found)
    else:
        print_table(("STATE", "RECIPE", "SYSTEM", "ROLE", "STATUS", "THERE SINCE", "", "SAID"), sync_rows(found))


def harness_environment(recipe_id: int, url: str, form: str) -> str:
    """Return the recipe's address and key in one of `FORMS`."""
    if form == "config":
        return f"[restraint]\nrecipe_url={url}recipes/{recipe_id}/"
    values = {"BEAKER_LAB_CONTROLLER_URL": url, "BEAKER_RECIPE_ID": str(recipe_id)}
    if form == "cmdline":
        return " ".join(f"{name}={value}" for name, value in values.items())
    values["BEAKER_LAB_CONTROLLER"] = urlsplit(url).hostname or ""
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in values.items())


def sync_rows(states: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Return a row for each sync state and each recipe of its set."""
    return [
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


def _limits(found: dict[str, Any]) -> str:
    """Return what ends a recipe, in words."""
    said = ""
    if found["role"]:
        said += f", role {printable(found['role'])}"
    if found["watchdog"] is not None and not found["settled"]:
        said += f", watchdog in {found['watchdog']} s"
    if found["max_seconds"] is not None:
        said += f", at most {found['max_seconds']} s"
    return said + (", ends when a task fails" if found["stop_on_fail"] else "")

"""The lab, over HTTP: jobs that wait for systems which do not ask for work."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from wsgi_app.cli.client import Client, Refused
from wsgi_app.cli.findings.finding import Finding

#: recipes that are looked at, from the head of the queue
MOST = 50


def lab(client: Client) -> Iterator[Finding]:
    """Look at what waits; the server answers."""
    systems = list(client.pages("systems/?limit=1000", "systems"))
    offline = {one["name"] for one in systems if one["state"] == "offline"}
    waiting = [number for entry in client.pages("queue", "queue") for number in entry["recipes"]]
    wanted: dict[str, int] = {}
    for recipe in islice(_recipes(client, waiting), MOST):
        names = _fitting(recipe, systems)
        # one that is there will do
        if names and names <= offline:
            wanted |= {name: recipe["job"] for name in sorted(names) if name not in wanted}
    for name, job in wanted.items():
        yield Finding(
            "systems",
            f"job {job} waits for system {name}, which is offline: it does not ask for work",
            f"start its harness there: tackroom harness --system {name}; or see why it cannot reach {client.url}",
        )
    if not wanted:
        yield Finding("systems", f"of {len(systems)} systems {len(offline)} are offline, and nothing waits for them")


def _recipes(client: Client, numbers: list[int]) -> Iterator[dict[str, Any]]:
    for number in numbers:
        try:
            yield client.get(f"recipes/{number}/")
        except Refused:
            # it is private, or gone by now
            continue


def _fitting(recipe: dict[str, Any], systems: list[dict[str, Any]]) -> set[str]:
    """Return the healthy systems that a recipe could run on."""
    asks = recipe["requires"]
    return {
        one["name"]
        for one in systems
        if one["health"] in ("good", "unknown")
        and recipe["system"] in (None, one["name"])
        and asks["type"] in (None, one["type"])
        and set(asks["tags"]) <= set(one["tags"])
    }

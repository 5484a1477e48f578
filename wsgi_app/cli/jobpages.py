"""Jobs with all their recipe sets: of a campaign, which may have made thousands, Tackroom gives so many at a time."""

from collections.abc import Iterator
from typing import Any

from wsgi_app.cli.client import Client

#: recipe sets of one call: the most that it gives
SETS = 1000


def pages(client: Client, number: int) -> Iterator[dict[str, Any]]:
    """Yield a job as often as it takes to have all its recipe sets, with the newest of them first."""
    page = client.get(f"jobs/{number}?sets={SETS}")
    yield page
    while page["earlier_sets"]:
        page = client.get(f"jobs/{number}?sets={SETS}&before={page['recipe_sets'][0]['id']}")
        yield page


def together(newest_first: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a job that was given in these pages as one."""
    sets = [group for page in reversed(newest_first) for group in page["recipe_sets"]]
    return {**newest_first[0], "earlier_sets": newest_first[-1]["earlier_sets"], "recipe_sets": sets}


def summary_of(client: Client, newest_first: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what was said of the recipes of a job that was given in these pages."""
    found = [client.get(f"jobs/{page['id']}/summary?sets={SETS}&before={_behind(page)}") for page in newest_first]
    return {**found[0], "recipes": [said for summary in reversed(found) for said in summary["recipes"]]}


def recipes_of(job: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the recipes that a job is given with."""
    for group in job["recipe_sets"]:
        yield from group["recipes"]


def _behind(page: dict[str, Any]) -> int:
    """Return below which id the recipe sets of a page are: what a campaign has made meanwhile is in no page."""
    return page["recipe_sets"][-1]["id"] + 1 if page["recipe_sets"] else 1

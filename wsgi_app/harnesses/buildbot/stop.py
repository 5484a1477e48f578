"""That the controller wants no more of a recipe, and what it says of one."""

from __future__ import annotations

from wsgi_app.harnesses.buildbot.controller import Controller, Refused
from wsgi_app.harnesses.document import BadDocument, RecipeDocument, parse


class Stop(Exception):
    """The controller has ended the recipe, or it is not ours (any more)."""


async def read(controller: Controller, recipe: int) -> RecipeDocument:
    """Read a recipe's document; raises Stop when it is not to be had."""
    try:
        return parse((await controller.get(f"/recipes/{recipe}/")).body)
    except (Refused, BadDocument) as error:
        raise Stop(f"recipe {recipe} is not to be had: {error}") from error


def stop_at_conflict(refusal: Refused) -> None:
    """Raise Stop for a refusal that says that the recipe or task has ended."""
    if refusal.status == 409:
        raise Stop(f"the controller has ended it: {refusal}") from refusal

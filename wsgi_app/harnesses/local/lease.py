"""That a recipe is ours: the controller is told that we live, and asked whether it still wants the recipe."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from wsgi_app.harnesses.document import BadDocument, RecipeDocument, parse
from wsgi_app.harnesses.local.controller import Controller, Refused

ASK_EVERY = 2.5  #: seconds between two looks whether the controller has ended the recipe
REARM_EVERY = 300.0
REARM_SECONDS = 1800


class Stop(Exception):
    """The controller has ended the recipe, or it is not ours (any more)."""


class Lease:
    """Our hold of recipe `recipe`, as long as its task `task` is worked on."""

    def __init__(self, controller: Controller, recipe: int, task: int, note: Callable[[str], None]) -> None:
        self._controller = controller
        self._recipe = recipe
        self._task = task
        self._note = note
        self._ask_at = time.monotonic() + ASK_EVERY
        self._rearm_at = time.monotonic() + REARM_EVERY

    def keep(self) -> None:
        """Do what is due, to be called again and again; raises Stop."""
        now = time.monotonic()
        if now >= self._rearm_at:
            self.rearm()
        if now >= self._ask_at:
            self._ask_at = now + ASK_EVERY
            self._ask()

    def rearm(self) -> None:
        """Set the recipe's watchdog anew; raises Stop."""
        self._rearm_at = time.monotonic() + REARM_EVERY
        try:
            self._controller.post(f"/recipes/{self._recipe}/watchdog", {"seconds": str(REARM_SECONDS)})
        except Refused as refusal:
            stop_at_conflict(refusal)
            self._note(f"watchdog refused: {refusal}")

    def look(self) -> None:
        """Read the recipe; raises Stop when it, or our task, has ended."""
        recipe = read(self._controller, self._recipe)
        if recipe.finished or any(task.id == self._task and task.finished for task in recipe.tasks):
            raise Stop(f"the controller has ended recipe {recipe.id}: {recipe.status}")

    def _ask(self) -> None:
        """Read the recipe only when it has no watchdog: an ended one has none, and that is cheap to see."""
        try:
            left = json.loads(self._controller.get(f"/recipes/{self._recipe}/watchdog").body)["seconds"]
        except (Refused, ValueError, KeyError, TypeError):
            left = False
        if left is False:
            self.look()


def read(controller: Controller, recipe: int) -> RecipeDocument:
    """Read a recipe's document; raises Stop when it is not to be had."""
    try:
        return parse(controller.get(f"/recipes/{recipe}/").body)
    except (Refused, BadDocument) as error:
        raise Stop(f"recipe {recipe} is not to be had: {error}") from error


def stop_at_conflict(refusal: Refused) -> None:
    """Raise Stop for a refusal that says that the recipe or task has ended."""
    if refusal.status == 409:
        raise Stop(f"the controller has ended it: {refusal}") from refusal

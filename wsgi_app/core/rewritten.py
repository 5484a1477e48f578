"""Jobs that were stored before their documents were, written as our own JSON. Source: design.md section 5."""

import json
from typing import Any

from attrs import asdict

from wsgi_app.submitted import Document, NewJob, NewRecipe, NewTask

KIND = "application/json"


def rewrite(new: NewJob) -> Document:
    """Return a job as a document that asks for the same; of a campaign it tells the plan, which nobody reads back."""
    value: dict[str, Any] = {"name": new.name, "priority": new.priority, "metadata": new.metadata}
    if new.visibility is not None:
        value["visibility"] = new.visibility
    if new.campaign is not None:
        value["campaign"] = asdict(new.campaign)
    else:
        value["recipe_sets"] = [
            {"stage": group.stage, "recipes": [_recipe(recipe) for recipe in group.recipes]}
            for group in new.recipe_sets
        ]
    return Document(KIND, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def _recipe(recipe: NewRecipe) -> dict[str, Any]:
    return {
        "system": recipe.system,
        "requires": {"type": recipe.requires.type, "tags": list(recipe.requires.tags)},
        "role": recipe.role,
        "max_seconds": recipe.max_seconds,
        "stop_on_fail": recipe.stop_on_fail,
        "tasks": [_task(task) for task in recipe.tasks],
    }


def _task(task: NewTask) -> dict[str, Any]:
    value: dict[str, Any] = {"name": task.name, "role": task.role, "params": task.params}
    if task.command is not None:
        value["command"] = list(task.command)
    if task.script is not None:
        value["script"] = task.script
    if task.fetch is not None:
        value["fetch"] = {"url": task.fetch}
    return value

"""What the controller says about a recipe: its JSON document as plain values (design.md section 5)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

FINISHED = ("Completed", "Aborted", "Cancelled")


class BadDocument(Exception):
    """The controller sent something that is not a recipe."""


@dataclass(frozen=True)
class TaskDocument:
    """One task; exactly one of `command`, `script` and `fetch` is set in a sound document."""

    id: int
    name: str
    position: int  #: 1 for the first task of the recipe
    role: str
    roles: dict[str, list[str]]  #: which systems play which role in the tasks at this position
    status: str
    result: str
    params: dict[str, str]
    command: list[str] | None
    script: str | None
    fetch: str | None  #: the URL of an archive

    @property
    def finished(self) -> bool:
        """True when nothing more can happen to the task."""
        return self.status in FINISHED

    @property
    def failed(self) -> bool:
        """True when the task has ended and is a reason to stop (`stop_on_fail`)."""
        return self.finished and (self.status != "Completed" or self.result in ("Fail", "Panic"))


@dataclass(frozen=True)
class RecipeDocument:
    """One recipe with its tasks, in order."""

    id: int
    job: str
    recipe_set: str
    system: str
    role: str
    roles: dict[str, list[str]]  #: which systems play which role in the recipe set; none while that is not known
    status: str
    max_seconds: int
    stop_on_fail: bool
    tasks: list[TaskDocument]

    @property
    def finished(self) -> bool:
        """True when the controller expects nothing more of this recipe."""
        return self.status in FINISHED

    @property
    def early(self) -> bool:
        """True while other recipes of the set have no system yet: they all start together."""
        return self.status in ("Queued", "Scheduled")


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _roles(value: Any) -> dict[str, list[str]]:
    return {str(role): [str(system) for system in systems] for role, systems in (value or {}).items()}


def _task(data: dict[str, Any], position: int) -> TaskDocument:
    command, script, fetch = data.get("command"), data.get("script"), data.get("fetch")
    if isinstance(command, str):
        command, script = None, command
    return TaskDocument(
        id=int(data["id"]),
        name=_text(data.get("name")),
        position=position,
        role=_text(data.get("role")),
        roles=_roles(data.get("roles")),
        status=_text(data.get("status")),
        result=_text(data.get("result")),
        params={str(name): _text(value) for name, value in (data.get("params") or {}).items()},
        command=None if command is None else [str(word) for word in command],
        script=None if script is None else str(script),
        fetch=None if not fetch else str(fetch["url"]),
    )


def parse(body: bytes) -> RecipeDocument:
    """Read a recipe; raises BadDocument."""
    try:
        data = json.loads(body)
        return RecipeDocument(
            id=int(data["id"]),
            job=_text(data.get("job")),
            recipe_set=_text(data.get("recipe_set")),
            system=_text(data.get("system")),
            role=_text(data.get("role")),
            roles=_roles(data.get("roles")),
            status=_text(data.get("status")),
            max_seconds=int(data.get("max_seconds") or 0),
            stop_on_fail=bool(data.get("stop_on_fail")),
            tasks=[_task(task, place) for place, task in enumerate(data["tasks"], 1)],
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadDocument(f"not a recipe: {error!r}") from error


def parse_claim(body: bytes) -> tuple[int, str]:
    """Read the answer to a claim: the recipe's id and the key for it; raises BadDocument."""
    recipe = parse(body)
    key = json.loads(body).get("key")
    if not isinstance(key, str) or not key:
        raise BadDocument("the claim was answered without a key")
    return recipe.id, key

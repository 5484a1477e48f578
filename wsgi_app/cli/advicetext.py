"""What would await a job, in words."""

from collections.abc import Iterator
from typing import Any

from wsgi_app.documents.reports.shown import printable


def describe(advice: list[dict[str, Any]]) -> Iterator[str]:
    """Yield a line for all recipes that ask for the same: what they ask for, and what there is."""
    for one in advice:
        counts = _counted(one["recipes"], "recipe")
        yield f"{_whose(one)}{counts} for {_wanted(one)}: {one['reason'] or _there(one)}"


def _there(one: dict[str, Any]) -> str:
    fit = "1 system fits" if one["systems"] == 1 else f"{one['systems']} systems fit"
    behind = f"{_counted(one['ahead'], 'set')} before it" if one["ahead"] else "nothing waits before it"
    return f"{fit}, {one['healthy']} healthy, {one['idle']} idle; {behind}"


def _whose(one: dict[str, Any]) -> str:
    return f"role {printable(one['role'])}: " if one["role"] else ""


def _wanted(one: dict[str, Any]) -> str:
    """Return what a recipe asks for."""
    requires = one["requires"]
    words = [f"system {one['system']}"] if one["system"] else []
    words += [f"type {requires['type']}"] if requires["type"] else []
    words += [f"tag {tag}" for tag in requires["tags"]]
    return printable(" and ".join(words) or "any system")


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"

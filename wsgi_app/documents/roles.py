"""Who plays which role in a recipe set: what harnesses put into role variables. Source: harness-beaker.md 1.6."""

from collections.abc import Iterable, Sequence

from wsgi_app.model import Recipe
from wsgi_app.states import RecipeStatus

#: the roles of recipes and tasks that name none
RECIPE_MEMBERS = "RECIPE_MEMBERS"
STANDALONE = "STANDALONE"

Roles = dict[str, list[str]]


def recipe_roles(recipe: Recipe, peers: Sequence[Recipe]) -> Roles | None:
    """Return role to systems over all recipes of the set, sorted by role; None until the set has its systems."""
    if not _known(recipe):
        return None
    return _by_role((peer.role or RECIPE_MEMBERS, peer.system) for peer in peers)


def task_roles(recipe: Recipe, position: int, peers: Sequence[Recipe]) -> Roles | None:
    """Return role to systems over the tasks at one position (from 0) in each recipe of the set; None as above."""
    if not _known(recipe):
        return None
    return _by_role(
        (peer.tasks[position].role or STANDALONE, peer.system) for peer in peers if len(peer.tasks) > position
    )


def _known(recipe: Recipe) -> bool:
    return recipe.status not in (RecipeStatus.QUEUED, RecipeStatus.SCHEDULED)


def _by_role(members: Iterable[tuple[str, str | None]]) -> Roles:
    found: Roles = {}
    for role, system in members:
        systems = found.setdefault(role, [])
        if system is not None:
            systems.append(system)
    return {role: found[role] for role in sorted(found)}

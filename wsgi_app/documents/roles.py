"""Who plays which role in a recipe set: what harnesses put into role variables. Source: harness-beaker.md 1.6."""

from collections.abc import Iterable, Sequence

from attrs import frozen

from wsgi_app.model import RECIPE_MEMBERS, STANDALONE, Peer, Recipe
from wsgi_app.states import RecipeStatus

#: role to systems, sorted by role
Roles = dict[str, list[str]]


@frozen
class SetRoles:
    """The roles of a set's recipes, and of their tasks at each position (from 0)."""

    recipes: Roles
    tasks: tuple[Roles, ...]

    @classmethod
    def of(cls, peers: Sequence[Peer | Recipe]) -> "SetRoles":
        """Return the roles of a set with these recipes."""
        longest = max(len(peer.task_roles) for peer in peers)
        return cls(
            _by_role((peer.role or RECIPE_MEMBERS, peer.system) for peer in peers),
            tuple(
                _by_role(
                    (peer.task_roles[position] or STANDALONE, peer.system)
                    for peer in peers
                    if len(peer.task_roles) > position
                )
                for position in range(longest)
            ),
        )


def known(recipe: Recipe) -> bool:
    """Return whether a recipe's set has its systems: until then nobody is told of roles."""
    waits = recipe.status in (RecipeStatus.QUEUED, RecipeStatus.SCHEDULED)
    return recipe.assigned is not None and not waits


def _by_role(members: Iterable[tuple[str, str | None]]) -> Roles:
    found: Roles = {}
    for role, system in members:
        systems = found.setdefault(role, [])
        if system is not None:
            systems.append(system)
    return {role: found[role] for role in sorted(found)}

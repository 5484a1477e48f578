"""Which systems fit which recipes, and a choice of one for each. Source: design.md section 6, What to run."""

from collections.abc import Iterable, Sequence

from wsgi_app.model import Recipe, System


def fits(recipe: Recipe, system: System) -> bool:
    """Return whether a system is what the recipe asks for, whatever it does at the moment."""
    if recipe.system not in (None, system.name):
        return False
    return recipe.requires.type in (None, system.type) and set(recipe.requires.tags) <= set(system.tags)


def match(recipes: Sequence[Recipe], free: Iterable[System]) -> dict[int, System]:
    """Return a system for as many of the recipes as can have one, all different, by recipe id."""
    systems = list(free)
    wishes = [[system for system in systems if fits(recipe, system)] for recipe in recipes]
    chosen: dict[int, System] = {}
    for number in range(len(wishes)):
        _choose(number, wishes, chosen)
    return {recipes[number].id: system for number, system in chosen.items()}


def _choose(number: int, wishes: list[list[System]], chosen: dict[int, System]) -> None:
    """Find a system for one recipe more, moving others to other systems where that helps.

    An augmenting path of bipartite matching: trying all choices takes for ever with a dozen systems.
    """
    takers = {system.name: taker for taker, system in chosen.items()}
    reached: dict[str, int] = {}
    queue = [number]
    for asking in queue:
        for system in wishes[asking]:
            if system.name in reached:
                continue
            reached[system.name] = asking
            if system.name in takers:
                queue.append(takers[system.name])
                continue
            found: System | None = system
            while found is not None:
                taker = reached[found.name]
                before = chosen.get(taker)
                chosen[taker] = found
                found = before
            return

"""The largest matching, whatever is free: what tests compare with all choices there are."""

from collections.abc import Iterable, Sequence

from wsgi_app.core.matching import Matching, Pool
from wsgi_app.model import Recipe, System


def match(recipes: Sequence[Recipe], free: Iterable[System]) -> dict[int, System]:
    """Return a system for as many of the recipes as can have one, all different, by recipe id."""
    pool = Pool(free)
    return Matching(pool, recipes, pool.places()).chosen()

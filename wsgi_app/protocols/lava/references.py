"""Ids as clients send them: numbers, and texts that say of what. Source: readers-lava.md sections 0 and 6.1."""

import re

from wsgi_app.core.selection import Place, Reference
from wsgi_app.errors import NoSuchRecipe

_KINDS = {"": "any", "R": "recipe", "J": "job", "RS": "set", "T": "task"}
_ID = re.compile(r"(?:(R|J|RS|T):)?([1-9][0-9]{0,9})(?:\.(0|[1-9][0-9]{0,9}))?", re.ASCII)
_SHOWN = 60


def parse(given: int | str) -> Reference | Place:
    """Return what an id means: 123, "123", "R:123", "J:9", "RS:5", "T:77" or "P.n". Raises `NoSuchRecipe`."""
    found = _ID.fullmatch(str(given))
    if found is None or (found[1] and found[3]):
        raise NoSuchRecipe(f"there is no job {str(given)[:_SHOWN]!r}")
    if found[3]:
        return Place(int(found[2]), int(found[3]))
    return Reference(_KINDS[found[1] or ""], int(found[2]))

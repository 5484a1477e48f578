"""What recipes ask for and systems have not, in words: for those who ask why a job waits, or would."""

from wsgi_app.core.excerpt import short
from wsgi_app.core.matching import Pool, Wish
from wsgi_app.model import System


def lack_of(pool: Pool, wish: Wish, kind: str) -> str | None:
    """Return what no system of these has, or None when one would do; `kind` says what systems these are."""
    if pool.fitting(wish):
        return None
    if wish.system is not None:
        system = next((one for one in pool.systems if one.name == wish.system), None)
        return f"there is no system {short(wish.system)!r}" if system is None else unlike(system, wish)
    if wish.type is not None and not pool.fitting(Wish(None, wish.type, frozenset())):
        return f"no {kind} has type {short(wish.type)}"
    for tag in sorted(wish.tags):
        if not pool.fitting(Wish(None, None, frozenset((tag,)))):
            return f"no {kind} has tag {short(tag)}"
    if wish.type is None and not wish.tags:
        return f"there is no {kind}"
    wanted = [*([f"type {wish.type}"] if wish.type else []), *(f"tag {tag}" for tag in sorted(wish.tags))]
    return f"no {kind} has {short(' and '.join(wanted))} together"


def unlike(system: System, wish: Wish) -> str:
    """Return what a system has not that is not as a recipe asks for."""
    if wish.type not in (None, system.type):
        return f"system {system.name} does not have type {short(wish.type or '')}"
    lacking = sorted(wish.tags - set(system.tags))
    return f"system {system.name} does not have tag {short(lacking[0])}"

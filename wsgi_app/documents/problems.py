"""What is wrong with a document that cattrs could not structure, in words for whoever wrote it."""

from collections.abc import Iterator

from attrs import frozen
from cattrs.errors import BaseValidationError, ClassValidationError, ForbiddenExtraKeysError, IterableValidationError


@frozen
class Problem:
    """A place in a document, as `recipe_sets[0].recipes[0].tasks`, and what is wrong there."""

    field: str
    message: str


def problems(error: BaseValidationError, place: str = "") -> Iterator[Problem]:
    """Yield what is wrong, from a converter with detailed validation; `place` is of what was structured."""
    for inner, below in _members(error, place):
        if isinstance(inner, BaseValidationError):
            yield from problems(inner, below)
        elif isinstance(inner, ForbiddenExtraKeysError):
            yield from (Problem(_member(below, name), "there is no such field") for name in sorted(inner.extra_fields))
        else:
            yield Problem(below, said(inner))


def _members(error: BaseValidationError, place: str) -> Iterator[tuple[Exception, str]]:
    """Yield the errors below one of a whole, each with its place."""
    if isinstance(error, IterableValidationError):
        members, others = error.group_exceptions()
        yield from ((inner, f"{place}[{note.index!r}]") for inner, note in members)
    elif isinstance(error, ClassValidationError):
        fields, others = error.group_exceptions()
        yield from ((inner, _member(place, note.name)) for inner, note in fields)
    else:
        raise TypeError("cattrs has another kind of error now") from error
    yield from ((inner, place) for inner in others)


def said(error: Exception) -> str:
    """Return what is wrong with one value, wherever it is."""
    if isinstance(error, ForbiddenExtraKeysError):
        return f"there is no field {min(error.extra_fields)}"
    return "is missing" if isinstance(error, KeyError) else str(error)


def _member(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name

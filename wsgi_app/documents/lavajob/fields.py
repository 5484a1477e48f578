"""Mappings of a LAVA job, field by field; what nobody asks for is told at the end."""

import re
from collections.abc import Iterable
from typing import Any

from attrs import define, field

from wsgi_app.core.excerpt import short
from wsgi_app.documents.lavajob.limits import MOST_WARNINGS
from wsgi_app.errors import BadLavaJob

Path = tuple[str | int, ...]

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)

_KINDS: dict[type, str] = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "a mapping",
    type(None): "nothing",
}


@define
class Reading:
    """One reading of a job: whether it is strict, and what of the document has no effect."""

    strict: bool = False
    _warnings: dict[str, None] = field(factory=dict)
    _more: int = 0

    def warn(self, path: Path, sentence: str) -> None:
        """Note what has no effect."""
        place = BadLavaJob(path=path).field
        warning = f"{short(place)}: {sentence}" if place else sentence
        if warning in self._warnings:
            return
        if len(self._warnings) < MOST_WARNINGS:
            self._warnings[warning] = None
        else:
            self._more += 1

    def warnings(self) -> tuple[str, ...]:
        """Return what was noted, in its order."""
        more = [f"{self._more} more of its fields have no effect"] if self._more else []
        return (*self._warnings, *more)


class Fields:
    """A mapping at a place; each field is read once."""

    def __init__(self, value: Any, path: Path) -> None:
        """Raises `BadLavaJob` when it is no mapping."""
        self.path = path
        self._left = dict(exactly(dict, value, path))

    def __contains__(self, name: str) -> bool:
        """Return whether a field is there that was not read."""
        return name in self._left

    def at(self, *names: str | int) -> Path:
        """Return the place of what is below."""
        return (*self.path, *names)

    def any(self, name: str) -> Any:
        """Return a field whatever it is; None when it is not there."""
        return self._left.pop(name, None)

    def needed(self, name: str) -> Any:
        """Return a field whatever it is. Raises `BadLavaJob` when it is not there."""
        if name not in self._left:
            raise BadLavaJob("it is missing", path=self.at(name))
        return self._left.pop(name)

    def text(self, name: str) -> str | None:
        """Return a text that is not empty; None when it is not there."""
        return None if name not in self._left else self.needed_text(name)

    def needed_text(self, name: str, most: int = 2000) -> str:
        """Return a text of 1 to `most` letters."""
        text: str = exactly(str, self.needed(name), self.at(name))
        if not text.strip():
            raise BadLavaJob("it is empty", path=self.at(name))
        if len(text) > most:
            raise BadLavaJob(f"it has more than {most} letters", path=self.at(name))
        return text

    def number(self, name: str, *, least: int, most: int) -> int | None:
        """Return a whole number; None when it is not there."""
        if name not in self._left:
            return None
        number: int = exactly(int, self._left.pop(name), self.at(name))
        if not least <= number <= most:
            raise BadLavaJob(f"expected a whole number from {least} to {most}", path=self.at(name))
        return number

    def flag(self, name: str) -> bool:
        """Return true or false; false when it is not there."""
        return name in self._left and bool(exactly(bool, self._left.pop(name), self.at(name)))

    def section(self, name: str) -> "Fields":
        """Return a mapping; an empty one when it is not there."""
        return Fields(self._left.pop(name, {}), self.at(name))

    def mapping(self, name: str) -> dict[str, Any]:
        """Return a mapping as it is; an empty one when it is not there."""
        found: dict[str, Any] = exactly(dict, self._left.pop(name, {}), self.at(name))
        return found

    def array(self, name: str) -> list[Any]:
        """Return a list as it is; an empty one when it is not there."""
        found: list[Any] = exactly(list, self._left.pop(name, []), self.at(name))
        return found

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts."""
        return tuple(exactly(str, value, self.at(name, place)) for place, value in enumerate(self.array(name)))

    def one_or_more(self, name: str) -> tuple[str, ...]:
        """Return a text, or a list of texts; none when it is not there."""
        value = self._left.get(name)
        if type(value) is str:
            return (self.needed_text(name),)
        return self.texts(name)

    def scalars(self, name: str) -> dict[str, str]:
        """Return a mapping of texts and numbers, each as the text that Python makes of it, as LAVA does."""
        return {key: scalar(value, self.at(name, key)) for key, value in self.mapping(name).items()}

    def environment(self, name: str) -> dict[str, str]:
        """Return a mapping of environment variables."""
        found = self.scalars(name)
        for variable in found:
            if not _VARIABLE.fullmatch(variable):
                raise BadLavaJob("that is no name of an environment variable", path=self.at(name, variable))
        return found

    def ignore(self, reading: Reading, names: Iterable[str], why: str) -> None:
        """Pass over the fields that are known and have no effect, with a warning."""
        for name in names:
            if name in self._left:
                del self._left[name]
                reading.warn(self.at(name), why)

    def rest(self) -> dict[str, Any]:
        """Return all fields that were not read: somebody else does."""
        found, self._left = self._left, {}
        return found

    def close(self, reading: Reading) -> None:
        """Tell what nobody has asked for. Raises `BadLavaJob` when the reading is strict."""
        for name in self._left:
            if reading.strict:
                raise BadLavaJob("there is no such field", path=self.at(name))
            reading.warn(self.at(name), "there is no such field: it has no effect")


def scalar(value: Any, path: Path) -> str:
    """Return a text or number as the text that Python makes of it. Raises `BadLavaJob`."""
    if type(value) in (dict, list) or value is None:
        raise BadLavaJob(f"expected a text or a number, not {_KINDS[type(value)]}", path=path)
    return str(value)


def exactly(kind: type, value: Any, path: Path) -> Any:
    """Return a value of that kind. Raises `BadLavaJob` for others; true is no number."""
    if type(value) is not kind:
        raise BadLavaJob(f"expected {_KINDS[kind]}, not {_KINDS[type(value)]}", path=path)
    return value

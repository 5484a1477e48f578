"""Objects of a descriptor, field by field, as Go decodes them into its structures.

Names match whatever their case, null is as if the field were not there, and what is not asked for is passed over.
"""

from typing import Any

from attrs import frozen

from wsgi_app.core.campaign import duration
from wsgi_app.core.excerpt import short
from wsgi_app.documents.descriptor.jsontext import Number, text_of
from wsgi_app.documents.descriptor.wording import quoted
from wsgi_app.errors import BadDescriptor

_KINDS = {
    type(None): "null",
    bool: "true or false",
    Number: "a number",
    str: "a string",
    list: "an array",
    dict: "an object",
}


@frozen
class Raw:
    """A field that is decoded later, by whoever knows what it is."""

    value: Any
    there: bool
    place: str

    def fields(self) -> "Fields":
        """Return it as an object. Raises `BadDescriptor`, in Go's words when the field is not there at all."""
        if not self.there:
            raise BadDescriptor("unexpected end of JSON input", field=self.place)
        return Fields(self.value, self.place)


class Fields:
    """An object at a place, such as `TestDescriptors[0]`; null is one without fields. Each field is read once."""

    def __init__(self, value: Any, place: str) -> None:
        """Raises `BadDescriptor` when it is no object, or a name is there twice in it."""
        self.place = place
        self._given: dict[str, Any] = {} if value is None else _exactly(dict, value, place)
        self._values = {name.lower(): inner for name, inner in self._given.items()}
        if len(self._values) < len(self._given):
            raise self._twice()

    def raw(self, name: str) -> Raw:
        """Return a field as it is."""
        there = name.lower() in self._values
        return Raw(self._take(name), there, self._at(name))

    def unread(self) -> list[str]:
        """Return the places of the fields that nobody has asked for."""
        return [self._at(short(name)) for name in self._given if name.lower() in self._values] if self._values else []

    def any(self, name: str) -> Any:
        """Return the value of a field, whatever it is; None when it is not there."""
        return self._take(name)

    def text(self, name: str) -> str:
        """Return a string; "" when it is not there."""
        value = self._take(name)
        return value if type(value) is str else _text(value, self._at(name))

    def texts(self, name: str) -> tuple[str, ...]:
        """Return an array of strings."""
        place = self._at(name)
        return tuple(
            value if type(value) is str else _text(value, f"{place}[{index}]")
            for index, value in enumerate(_array(self._take(name), place))
        )

    def flag(self, name: str) -> bool:
        """Return true or false; false when it is not there."""
        value = self._take(name)
        return value is not None and bool(_exactly(bool, value, self._at(name)))

    def count(self, name: str, most: int) -> int:
        """Return a whole number from 0 to `most`; 0 when it is not there."""
        value = self._take(name)
        if value is None:
            return 0
        number = _exactly(Number, value, self._at(name))
        if not number.isdigit() or len(number) > len(str(most)) or int(number) > most:
            raise _wrong(self._at(name), f"expected a whole number from 0 to {most}, not {short(number)}")
        return int(number)

    def duration(self, name: str, *, optional: bool = False) -> float | None:
        """Return the seconds of a length of time, None when it is not there. It may be null where it is `optional`."""
        found = self.raw(name)
        if not found.there or (optional and found.value is None):
            return None
        try:
            return duration.parse(_in_quotes(found.value, found.place))
        except ValueError as error:
            raise _wrong(found.place, str(error)) from None

    def uri(self, name: str) -> str | None:
        """Return a URI; None when it is not there."""
        value = self._take(name)
        return None if value is None else _in_quotes(value, self._at(name))

    def section(self, name: str) -> "Fields":
        """Return an object."""
        return Fields(self._take(name), self._at(name))

    def sections(self, name: str) -> "list[Fields | None]":
        """Return an array of objects; None for each null."""
        place = self._at(name)
        return [
            None if value is None else Fields(value, f"{place}[{index}]")
            for index, value in enumerate(_array(self._take(name), place))
        ]

    def parameters(self, name: str) -> dict[str, tuple[str, ...]]:
        """Return an object of arrays: a string as it is, null as "", anything else as its JSON text."""
        place = self._at(name)
        return {
            key: tuple(_parameter(value) for value in _array(values, place, key))
            for key, values in _object(self._take(name), place).items()
        }

    def mapping(self, name: str) -> dict[str, str]:
        """Return an object of strings."""
        place = self._at(name)
        return {key: _text(value, place, key) for key, value in _object(self._take(name), place).items()}

    def _take(self, name: str) -> Any:
        return self._values.pop(name.lower(), None)

    def _at(self, name: str) -> str:
        return f"{self.place}.{name}" if self.place else name

    def _twice(self) -> BadDescriptor:
        names: dict[str, str] = {}
        for name in self._given:
            other = names.setdefault(name.lower(), name)
            if other != name:
                return _wrong(self.place, f"{quoted(other)} and {quoted(name)} are one name")
        raise AssertionError("names that are one are there")


def _array(value: Any, *place: str) -> list[Any]:
    return [] if value is None else _exactly(list, value, *place)


def _object(value: Any, *place: str) -> dict[str, Any]:
    return {} if value is None else _exactly(dict, value, *place)


def _text(value: Any, *place: str) -> str:
    return "" if value is None else _exactly(str, value, *place)


def _in_quotes(value: Any, place: str) -> str:
    if type(value) is not str:
        raise _wrong(place, "not a properly double-quoted string")
    return str(value)


def _parameter(value: Any) -> str:
    # Go decodes null into a string, and leaves it empty
    return "" if value is None else value if type(value) is str else text_of(value)


def _exactly(kind: type, value: Any, *place: str) -> Any:
    if type(value) is not kind:
        raise _wrong(".".join(filter(None, map(short, place))), f"expected {_KINDS[kind]}, not {_KINDS[type(value)]}")
    return value


def _wrong(place: str, what: str) -> BadDescriptor:
    return BadDescriptor(f"{place}: {what}" if place else what, field=place or None)

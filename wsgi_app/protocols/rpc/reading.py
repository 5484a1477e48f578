"""A call read from XML within bounds: no document types and so no entities but XML's own, limits on depth and number.

Read with expat, as `documents/xmltree.py` is, but straight into values: of a large document nothing is kept but those.
"""

import base64
import binascii
import math
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from xml.parsers import expat

from attrs import define, field, frozen

from wsgi_app.documents import xmltree
from wsgi_app.protocols.rpc.faults import INVALID_REQUEST, Fault

#: how deep arrays and structs may lie in one another, and how many values there may be, in a call
DEEPEST = 20
MOST_VALUES = 20_000
#: the largest whole number: they have 32 bits
LARGEST_INT = 2**31 - 1

#: bytes that expat gets at once
_CHUNK = 65536
_INT = re.compile(r"[+-]?[0-9]{1,10}")
_BLANK = " \t\r\n"

#: element to the elements that it may stand in
_PARENTS: dict[str, tuple[str, ...]] = {
    "methodCall": ("",),
    "methodName": ("methodCall",),
    "params": ("methodCall",),
    "param": ("params",),
    "value": ("param", "data", "member"),
    "array": ("value",),
    "data": ("array",),
    "struct": ("value",),
    "member": ("struct",),
    "name": ("member",),
}


@frozen
class MethodCall:
    """What is asked for: a method's name and its parameters."""

    method: str
    params: tuple[Any, ...]


@define(slots=True, eq=False)
class _Open:
    """An element that has not ended: its text so far, and what its children came to."""

    tag: str
    text: list[str] = field(factory=list)
    items: list[Any] = field(factory=list)

    @property
    def only(self) -> Any:
        """What the one child came to. Raises ValueError unless there is one."""
        if len(self.items) != 1:
            raise ValueError(f"{self.tag} has {len(self.items)} elements, not one")
        return self.items[0]


def read_call(body: bytes) -> MethodCall:
    """Return the call in a document. Raises `Fault`, and nothing else."""
    return _Reader().read(body)


class _Reader:
    """Reads one document."""

    def __init__(self) -> None:
        self._open = [_Open("")]
        self._values = 0

    def read(self, body: bytes) -> MethodCall:
        parser = expat.ParserCreate()
        parser.buffer_size = _CHUNK
        parser.buffer_text = True
        handlers: dict[str, Callable[..., None]] = {
            "XmlDeclHandler": self._declaration,
            "DefaultHandler": self._other,
            "StartElementHandler": self._start,
            "EndElementHandler": self._end,
            "CharacterDataHandler": self._text,
        }
        for name, handler in handlers.items():
            setattr(parser, name, handler)
        try:
            for first in range(0, len(body), _CHUNK):
                parser.Parse(body[first : first + _CHUNK], False)
            parser.Parse(b"", True)
            call: MethodCall = self._open[0].only
        except expat.ExpatError as error:
            raise _refusal(f"not XML: {expat.ErrorString(error.code)}", parser) from None
        except ValueError as error:
            raise _refusal(str(error), parser) from None
        finally:
            # a circle: without this all would live until the next full garbage collection
            for name in handlers:
                setattr(parser, name, None)
        return call

    def _declaration(self, version: str, encoding: str | None, standalone: int) -> None:
        if encoding is not None and encoding.upper() not in xmltree.ENCODINGS:
            raise ValueError(f"the encoding {xmltree.shown(encoding)} is not known")

    def _other(self, piece: str) -> None:
        if piece == "<!DOCTYPE":
            raise ValueError("a document type declaration (DOCTYPE) is not accepted")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        parents = ("value",) if tag in _SCALARS else _PARENTS.get(tag, ())
        parent = self._open[-1].tag
        if parent not in parents:
            raise ValueError(f"{xmltree.shown(tag)} is not expected {f'in {parent}' if parent else 'here'}")
        if tag == "value":
            self._values += 1
            if self._values > MOST_VALUES:
                raise ValueError(f"more than {MOST_VALUES} values")
            if sum(element.tag == "value" for element in self._open) > DEEPEST:
                raise ValueError(f"more than {DEEPEST} values in one another")
        self._open.append(_Open(tag))

    def _text(self, piece: str) -> None:
        self._open[-1].text.append(piece)

    def _end(self, tag: str) -> None:
        element = self._open.pop()
        self._open[-1].items.append(_meaning(element))


def _meaning(element: _Open) -> Any:
    """Return what an element comes to. Raises ValueError."""
    text = "".join(element.text)
    tag = element.tag
    if tag in _SCALARS:
        return _SCALARS[tag](text)
    if tag in ("name", "methodName"):
        return text
    if tag == "value" and not element.items:
        return text
    if text.strip(_BLANK):
        raise ValueError(f"text is not expected in {tag}")
    if tag in ("params", "data"):
        return element.items
    if tag in ("param", "value", "array"):
        return element.only
    if tag == "member":
        if len(element.items) != 2 or not isinstance(element.items[0], str):
            raise ValueError("a member has a name and a value")
        return tuple(element.items)
    if tag == "struct":
        members = dict(element.items)
        if len(members) != len(element.items):
            raise ValueError("a struct has a name twice")
        return members
    return _call(element.items)


def _call(items: list[Any]) -> MethodCall:
    if not items or not isinstance(items[0], str) or len(items) > 2:
        raise ValueError("a methodCall has a methodName, and perhaps params")
    if len(items) == 2 and not isinstance(items[1], list):
        raise ValueError("what follows the methodName is params")
    return MethodCall(items[0].strip(_BLANK), tuple(items[1] if len(items) == 2 else ()))


def _int(text: str) -> int:
    plain = text.strip(_BLANK)
    if _INT.fullmatch(plain) is None or not -LARGEST_INT - 1 <= int(plain) <= LARGEST_INT:
        raise ValueError(f"{xmltree.shown(plain)!r} is no whole number of 32 bits")
    return int(plain)


def _boolean(text: str) -> bool:
    plain = text.strip(_BLANK)
    if plain not in ("0", "1"):
        raise ValueError("a boolean is 0 or 1")
    return plain == "1"


def _double(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise ValueError(f"{xmltree.shown(text)!r} is no number")
    return found


def _time(text: str) -> datetime:
    plain = text.strip(_BLANK)
    for form in ("%Y%m%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S"):
        try:
            return datetime.strptime(plain, form)
        except ValueError:
            continue
    raise ValueError(f"{xmltree.shown(plain)!r} is no time as 20261122T04:41:11")


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error:
        raise ValueError("this is not base64") from None


def _nil(text: str) -> None:
    if text.strip(_BLANK):
        raise ValueError("nil is empty")


_SCALARS: dict[str, Callable[[str], Any]] = {
    "int": _int,
    "i4": _int,
    "boolean": _boolean,
    "string": lambda text: text,
    "double": _double,
    "dateTime.iso8601": _time,
    "base64": _bytes,
    "nil": _nil,
}


def _refusal(problem: str, parser: expat.XMLParserType) -> Fault:
    line, column = parser.CurrentLineNumber, parser.CurrentColumnNumber + 1
    return Fault(INVALID_REQUEST, f"This is no XML-RPC call: {xmltree.place(line, column)}: {problem}")

"""Answers as XML, in ASCII: whatever a client takes the encoding to be, it reads the same."""

import base64
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from attrs import frozen

from wsgi_app.protocols.rpc.faults import Fault
from wsgi_app.protocols.rpc.reading import LARGEST_INT

_HEAD = "<?xml version='1.0'?>\n<methodResponse>\n"
_TAIL = "</methodResponse>\n"
#: bytes of an answer that go out together
_BLOCK = 65536
#: bytes that make a line of base64, a multiple of three
_LINE = 12288
#: what XML 1.0 cannot hold, however it is written
_NO_CHARACTER = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})


@frozen
class ByteStream:
    """Bytes of any length, piece by piece: they are asked for while the answer goes out, as base64."""

    pieces: Iterable[bytes]


@frozen
class TextStream:
    """A text of any length, piece by piece: they are asked for while the answer goes out, as a string."""

    pieces: Iterable[str]


@frozen
class ArrayStream:
    """Values of any number, one by one: they are asked for while the answer goes out, as an array."""

    items: Iterable[Any]


Struct: TypeAlias = Mapping[str, Any]
Stream: TypeAlias = ByteStream | TextStream | ArrayStream
#: what a method answers; whole numbers have 32 bits, times are in UTC, with no zone and no fraction
Value: TypeAlias = bool | int | float | str | bytes | datetime | Sequence[Any] | Struct | Stream | None


def value_blocks(value: Value) -> Iterator[bytes]:
    """Yield the answer of a call that went well. Raises OverflowError, TypeError for what XML-RPC cannot say."""
    held: list[bytes] = []
    size = 0
    for piece in _answer(value):
        held.append(piece)
        size += len(piece)
        if size >= _BLOCK:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)


def fault_bytes(fault: Fault) -> bytes:
    """Return the answer of a call that is refused."""
    body = b"".join(_value(fault_struct(fault)))
    return f"{_HEAD}<fault>\n".encode() + body + f"</fault>\n{_TAIL}".encode()


def fault_struct(fault: Fault) -> dict[str, Any]:
    """Return a refusal as the value that a multicall has in its place."""
    return {"faultCode": fault.code, "faultString": fault.message}


def _answer(value: Value) -> Iterator[bytes]:
    yield f"{_HEAD}<params>\n<param>\n".encode()
    yield from _value(value)
    yield f"</param>\n</params>\n{_TAIL}".encode()


def _value(value: Any) -> Iterator[bytes]:
    if isinstance(value, Mapping):
        yield b"<value><struct>\n"
        for name, member in value.items():
            yield b"<member>\n<name>" + _text(name) + b"</name>\n"
            yield from _value(member)
            yield b"</member>\n"
        yield b"</struct></value>\n"
    elif isinstance(value, list | tuple | ArrayStream):
        yield b"<value><array><data>\n"
        for item in value.items if isinstance(value, ArrayStream) else value:
            yield from _value(item)
        yield b"</data></array></value>\n"
    elif isinstance(value, ByteStream):
        yield b"<value><base64>\n"
        yield from _base64(value.pieces)
        yield b"</base64></value>\n"
    elif isinstance(value, TextStream):
        yield b"<value><string>"
        yield from map(_text, value.pieces)
        yield b"</string></value>\n"
    else:
        yield b"<value>" + _scalar(value) + b"</value>\n"


def _scalar(value: Any) -> bytes:
    if value is None:
        return b"<nil/>"
    if isinstance(value, bool):
        return b"<boolean>%d</boolean>" % value
    if isinstance(value, int):
        if not -LARGEST_INT - 1 <= value <= LARGEST_INT:
            raise OverflowError("whole numbers of XML-RPC have 32 bits")
        return b"<int>%d</int>" % value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise OverflowError("XML-RPC has no such number")
        return f"<double>{value!r}</double>".encode()
    if isinstance(value, str):
        return b"<string>" + _text(value) + b"</string>"
    if isinstance(value, bytes):
        return b"<base64>\n" + base64.encodebytes(value) + b"</base64>"
    if isinstance(value, datetime):
        return f"<dateTime.iso8601>{value:%Y%m%dT%H:%M:%S}</dateTime.iso8601>".encode()
    raise TypeError(f"XML-RPC has no {type(value).__name__}")


def _text(text: str) -> bytes:
    return _NO_CHARACTER.sub("\ufffd", text).translate(_MARKUP).encode("ascii", "xmlcharrefreplace")


def _base64(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines of base64 of bytes that come in pieces of any length."""
    held = bytearray()
    for piece in pieces:
        held += piece
        if len(held) >= _LINE:
            # three bytes make four letters: what is left over waits for more
            whole = len(held) - len(held) % _LINE
            yield base64.b64encode(bytes(held[:whole])) + b"\n"
            del held[:whole]
    if held:
        yield base64.b64encode(bytes(held)) + b"\n"

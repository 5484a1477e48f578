"""YAML that is to be JSON: plain values, each key a text and there once. Sources: YAML 1.2.2 section 10.3, PyYAML.

It is read event by event within bounds: nothing recurses, and what is larger than it looks is seen before it is made.
"""

import math
import re
from collections.abc import Iterator
from typing import Any

import yaml
from attrs import define, field

from wsgi_app.documents.yamlterms import JSON_WORDS, MERGE, PYYAML_WORDS, WIDE, BadYAML, Limits, Words, place

__all__ = ["JSON_WORDS", "PYYAML_WORDS", "WIDE", "BadYAML", "Limits", "Words", "parse"]

#: the same events, a twentieth of the time: PyYAML is built with libyaml nearly everywhere
_LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader

_PREFIX = "tag:yaml.org,2002:"
_STRING = "str"
_TAGS = {_PREFIX + name: name for name in ("map", "seq", "str", "null", "bool", "int", "float", "merge")}
#: what no YAML text has in it: YAML 1.2.2 section 5.1
_UNPRINTABLE = re.compile(r"[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


#: libyaml compares each with all before it
_MOST_HANDLES = 100
_HANDLE = re.compile(r"^%TAG", re.MULTILINE)
_START = re.compile(r"[-+0-9~nNtTfFyYoO<]")


def parse(text: bytes, limits: Limits = WIDE, words: Words = JSON_WORDS) -> Any:
    """Return the value of the one document in a YAML text, None when it has none. Raises `BadYAML`.

    What aliases stand for is there once, and several times in the value: copy what you change.
    """
    letters = _letters(text, limits)
    try:
        return _Builder(limits, words).build(yaml.parse(letters, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise BadYAML(f"{place(mark)}{error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise BadYAML(" ".join(str(error).split())) from None


def _letters(text: bytes, limits: Limits) -> str:
    if len(text) > limits.size:
        raise BadYAML(f"it has more than {limits.size} bytes")
    try:
        letters = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadYAML(f"it is not UTF-8, from byte {error.start} on") from None
    odd = _UNPRINTABLE.search(letters)
    if odd is not None:
        before = letters[: odd.start()]
        line, column = before.count("\n") + 1, odd.start() - before.rfind("\n")
        raise BadYAML(f"line {line}, column {column}: the character #x{ord(odd[0]):04x} is in no YAML")
    if "%TAG" in letters and len(_HANDLE.findall(letters)) > _MOST_HANDLES:
        raise BadYAML(f"it has more than {_MOST_HANDLES} %TAG directives")
    return letters


@define
class _Node:
    """A value: how many values it stands for, how many letters they have, how deep it is."""

    value: Any
    values: int = 1
    letters: int = 0
    depth: int = 0


@define
class _Frame:
    """A list or mapping that is being read."""

    node: _Node
    mark: yaml.Mark
    anchor: str | None
    #: of a mapping: the key whose value comes next, and what is merged
    key: str | None = None
    merging: bool = False
    merged: list[dict[str, Any]] = field(factory=list)


class _Builder:
    """Makes a value of events."""

    def __init__(self, limits: Limits, words: Words) -> None:
        self._limits = limits
        self._words = words
        #: by name; a frame as long as it is open
        self._anchors: dict[str, _Node | _Frame] = {}
        self._open: list[_Frame] = []
        self._root: _Node | None = None
        self._documents = 0
        self._seen = 0

    def build(self, events: Iterator[yaml.Event]) -> Any:
        """Return the value of the one document. Raises `BadYAML`, and what the parser of the events raises."""
        for event in events:
            kind = type(event)
            if kind is yaml.ScalarEvent:
                self._scalar(event)
            elif kind is yaml.SequenceStartEvent or kind is yaml.MappingStartEvent:
                self._begin(event, [] if kind is yaml.SequenceStartEvent else {})
            elif kind is yaml.SequenceEndEvent or kind is yaml.MappingEndEvent:
                self._end()
            elif kind is yaml.AliasEvent:
                self._alias(event)
            elif kind is yaml.DocumentStartEvent:
                self._documents += 1
                if self._documents > 1:
                    raise BadYAML(f"{place(event.start_mark)}there is another document")
        return None if self._root is None else self._root.value

    def _begin(self, event: Any, value: Any) -> None:
        wanted = "seq" if type(value) is list else "map"
        if event.tag is not None and event.tag != "!" and _TAGS.get(event.tag) != wanted:
            raise _no_json(event, event.tag.replace(_PREFIX, "!!")[:100])
        if self._open and type(self._open[-1].node.value) is dict and not self._has_key(self._open[-1]):
            raise BadYAML(f"{place(event.start_mark)}a key must be a text: put it between quotes")
        if len(self._open) >= self._limits.depth:
            raise BadYAML(f"{place(event.start_mark)}it is nested too deeply")
        self._count(event)
        frame = _Frame(_Node(value, depth=1), event.start_mark, event.anchor)
        if event.anchor is not None:
            self._anchors[event.anchor] = frame
        self._open.append(frame)

    def _end(self) -> None:
        frame = self._open.pop()
        if frame.merged:
            merged: dict[str, Any] = {}
            # the first that has a key counts, and above all the mapping itself
            for other in (frame.node.value, *frame.merged):
                for key, value in other.items():
                    merged.setdefault(key, value)
            frame.node.value.clear()
            frame.node.value.update(merged)
        if frame.anchor is not None:
            self._anchors[frame.anchor] = frame.node
        self._put(frame.node, frame.mark)

    def _alias(self, event: Any) -> None:
        name = event.anchor
        node = self._anchors.get(name)
        if node is None:
            raise BadYAML(f"{place(event.start_mark)}there is no anchor for the alias {name[:100]!r}")
        if isinstance(node, _Frame):
            raise BadYAML(f"{place(node.mark)}it is a part of itself")
        if len(self._open) + node.depth > self._limits.depth:
            raise BadYAML(f"{place(event.start_mark)}it is nested too deeply")
        if self._open and type(self._open[-1].node.value) is dict and not self._has_key(self._open[-1]):
            if type(node.value) is not str:
                raise BadYAML(f"{place(event.start_mark)}a key must be a text: put it between quotes")
            self._key(node.value, event)
            return
        self._put(node, event.start_mark)

    def _scalar(self, event: Any) -> None:
        self._count(event)
        kind = self._kind(event)
        frame = self._open[-1] if self._open else None
        if frame is not None and type(frame.node.value) is dict and not self._has_key(frame):
            if kind == MERGE:
                frame.merging = True
                return
            if kind != _STRING:
                raise BadYAML(f"{place(event.start_mark)}a key must be a text: put it between quotes")
            if event.anchor is not None:
                self._anchors[event.anchor] = _Node(event.value, letters=len(event.value))
            self._key(event.value, event)
            return
        node = _Node(self._value(kind, event), letters=len(event.value))
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        self._put(node, event.start_mark)

    def _kind(self, event: Any) -> str:
        if event.tag is not None and event.tag != "!":
            kind = _TAGS.get(event.tag)
            if kind is None:
                raise _no_json(event, event.tag.replace(_PREFIX, "!!")[:100])
            return kind
        text = event.value
        if not event.implicit[0] or (text and not _START.match(text)):
            return _STRING
        return next((kind for kind, pattern in self._words.kinds if pattern.match(text)), _STRING)

    def _value(self, kind: str, event: Any) -> Any:
        text = event.value
        if kind == _STRING:
            if "\0" in text:
                raise BadYAML(f"{place(event.start_mark)}a NUL cannot be in a text")
            return text
        pattern = next((pattern for name, pattern in self._words.kinds if name == kind), None)
        # a tag may say that a word is a number, and there is no merging but by a key
        if pattern is None or kind == MERGE or not pattern.match(text):
            raise _no_json(event, repr(text[:100]))
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() in self._words.true
        try:
            number = float(text) if kind == "float" else int(text, 16 if text.startswith("0x") else 10)
        except ValueError:
            raise BadYAML(f"{place(event.start_mark)}a number has too many digits") from None
        if type(number) is float and math.isinf(number):
            raise _no_json(event, repr(text[:100]))
        return number

    def _has_key(self, frame: _Frame) -> bool:
        return frame.key is not None or frame.merging

    def _key(self, key: str, event: Any) -> None:
        frame = self._open[-1]
        if key in frame.node.value:
            raise BadYAML(f"{place(event.start_mark)}{key[:100]!r} is there twice")
        if "\0" in key:
            raise BadYAML(f"{place(event.start_mark)}a NUL cannot be in a text")
        frame.node.letters += len(key)
        frame.key = key

    def _put(self, node: _Node, mark: yaml.Mark) -> None:
        """Put a value that is whole where it belongs."""
        if not self._open:
            self._root = node
            return
        frame = self._open[-1]
        outer = frame.node
        outer.values += node.values
        outer.letters += node.letters
        outer.depth = max(outer.depth, node.depth + 1)
        if outer.values > self._limits.values or outer.letters > self._limits.letters:
            raise BadYAML(f"{place(frame.mark)}its aliases make more than {self._limits.values} values of it")
        if type(outer.value) is list:
            outer.value.append(node.value)
        elif frame.merging:
            frame.merging = False
            frame.merged += _mappings(node.value, mark)
        else:
            outer.value[frame.key] = node.value
            frame.key = None

    def _count(self, event: Any) -> None:
        self._seen += 1
        if self._seen > self._limits.values:
            raise BadYAML(f"{place(event.start_mark)}it has more than {self._limits.values} values")


def _mappings(value: Any, mark: yaml.Mark) -> list[dict[str, Any]]:
    """Return what is merged by `<<`: a mapping, or those in a list."""
    found = value if type(value) is list else [value]
    if not all(type(one) is dict for one in found):
        raise BadYAML(f"{place(mark)}only mappings can be merged")
    return found


def _no_json(event: Any, what: str) -> BadYAML:
    return BadYAML(f"{place(event.start_mark)}{what} is nothing that JSON has")

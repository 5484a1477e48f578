"""YAML that is to be JSON: plain values, each key a text and there once. Sources: YAML 1.2.2 section 10.3, PyYAML."""

import math
import re
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

#: values that a document may have when all its aliases are followed: the most that Tackroom reads in one job
MOST_VALUES = 500_000

_PREFIX = "tag:yaml.org,2002:"
_MERGE = f"{_PREFIX}merge"
_STRING = f"{_PREFIX}str"
_FLOAT = f"{_PREFIX}float"
#: what a plain word is, else it is a text: JSON's words and numbers, not the dates, `yes` and `1:30` of YAML 1.1
_WORDS = (
    ("null", r"~|null|Null|NULL|", ["", *"~nN"]),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?", "-+0123456789"),
    ("merge", r"<<", "<"),
)
_PATTERNS = {_PREFIX + name: re.compile(rf"(?:{pattern})\Z") for name, pattern, _ in _WORDS}
_TAGS = {_PREFIX + name for name in ("map", "seq", "str", *(name for name, _, _ in _WORDS))}


class BadYAML(Exception):
    """It is not YAML, or not such as can be JSON; the message names the line."""


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the words of `_WORDS`."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}


for _name, _, _first in _WORDS:
    _Loader.add_implicit_resolver(_PREFIX + _name, _PATTERNS[_PREFIX + _name], [*_first])


def parse(text: bytes) -> Any:
    """Return the value of the one document in a YAML text. Raises `BadYAML`."""
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _count(node, {}, [])
        return loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise BadYAML(f"{_place(mark)}{error.problem or error.context}") from None
    except yaml.YAMLError as error:
        # of characters: it has no line
        raise BadYAML(" ".join(str(error).split())) from None
    except UnicodeDecodeError as error:
        raise BadYAML(f"it is not UTF-8, from byte {error.start} on") from None
    except RecursionError:
        raise BadYAML("it is nested too deeply") from None
    except ValueError as error:
        raise BadYAML(str(error)) from None


def _count(node: Node, counted: dict[int, int], above: list[Node]) -> int:
    """Return how many values a node stands for, aliases followed. Raises `BadYAML` for what cannot be JSON."""
    if id(node) in counted:
        return counted[id(node)]
    if any(node is one for one in above):
        raise BadYAML(f"{_place(node.start_mark)}it is a part of itself")
    if node.tag not in _TAGS:
        raise BadYAML(f"{_place(node.start_mark)}{node.tag.replace(_PREFIX, '!!')} is nothing that JSON has")
    above.append(node)
    total = 1
    if isinstance(node, ScalarNode):
        _check_word(node)
    elif isinstance(node, SequenceNode):
        total += sum(_count(one, counted, above) for one in node.value)
    elif isinstance(node, MappingNode):
        _check_keys(node)
        total += sum(_count(one, counted, above) for _, one in node.value)
    above.pop()
    if total > MOST_VALUES:
        raise BadYAML(f"{_place(node.start_mark)}its aliases make more than {MOST_VALUES} values of it")
    counted[id(node)] = total
    return total


def _check_word(node: ScalarNode) -> None:
    pattern = _PATTERNS.get(node.tag)
    # a tag may say that a word is a number, and there is no merging but by a key
    fits = node.tag == _STRING or (pattern is not None and pattern.match(node.value) is not None)
    if not fits or node.tag == _MERGE or (node.tag == _FLOAT and math.isinf(float(node.value))):
        raise BadYAML(f"{_place(node.start_mark)}{node.value!r} is nothing that JSON has")


def _check_keys(node: MappingNode) -> None:
    seen: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, ScalarNode) or key.tag not in (_STRING, _MERGE):
            raise BadYAML(f"{_place(key.start_mark)}a key must be a text: put it between quotes")
        if key.value in seen:
            raise BadYAML(f"{_place(key.start_mark)}{key.value!r} is there twice")
        seen.add(key.value)


def _place(mark: yaml.Mark | None) -> str:
    return "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: "

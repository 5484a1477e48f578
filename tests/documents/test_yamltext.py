"""YAML as Tackroom reads it: what JSON can say, and nothing else."""

import json
import re
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from wsgi_app.documents.yamltext import PYYAML_WORDS, BadYAML, Limits, parse

TEXTS = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn", "Co"]), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)

#: nine of nine of nine ...: a list, and a mapping by merging
BOMB = b"a: &a [1,1,1,1,1,1,1,1,1]\n" + b"".join(
    b"%c: &%c [%s]\n" % (place, place, b",".join([b"*%c" % (place - 1)] * 9)) for place in range(98, 108)
)
MERGING = b"a: &a {k: 1}\n" + b"".join(
    b"%c: &%c {<<: [%s]}\n" % (place, place, b",".join([b"*%c" % (place - 1)] * 9)) for place in range(98, 108)
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"", None),
        (b"# nothing\n", None),
        (b'{"a": [1, true, null, "x", 1.5, -2e3]}', {"a": [1, True, None, "x", 1.5, -2000.0]}),
        (b"a: 1\nb: ~\nc:\nd: 0x1F\ne: 1e3\n", {"a": 1, "b": None, "c": None, "d": 31, "e": 1000.0}),
        # what YAML 1.1 made something of
        (
            b"a: no\nb: 1:30\nc: 2026-01-01\nd: 017\ne: on\nf: 1_000\ng: =\nh: .inf",
            {"a": "no", "b": "1:30", "c": "2026-01-01", "d": "017", "e": "on", "f": "1_000", "g": "=", "h": ".inf"},
        ),
        (b"a: !!str 1\nb: '1'\nc: |\n  x\n  y\n", {"a": "1", "b": "1", "c": "x\ny\n"}),
        (b"a: &t {ID: T1}\nb: [*t, *t]\nc: {<<: *t, x: 2}", {
            "a": {"ID": "T1"}, "b": [{"ID": "T1"}] * 2, "c": {"ID": "T1", "x": 2},
        }),
        ("ä: ö".encode(), {"ä": "ö"}),
    ],
)  # fmt: skip
def test_values(text: bytes, value: Any) -> None:
    """Plain values of YAML 1.2's core, aliases, merging."""
    assert parse(text) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"a: [\nb: 1\n- c", r"line [2-4], column \d: "),
        (b"a:\n\t- b", r"line 2, column 1: "),
        (b"a: 1\n---\nb: 2", r"line 2, column 1: .*another document"),
        (b"a: 1\nb: 2\na: 3", r"line 3, column 1: 'a' is there twice"),
        (b"a: 1\n2: 3", r"line 2, column 1: a key must be a text"),
        (b"a: 1\n? [b]\n: 3", r"line 2, column 3: a key must be a text"),
        (b"a: *b", r"line 1, column 4: .*alias"),
        (b"a: &a\n  b: *a", r"line 1, column 4: it is a part of itself"),
        (b"&a [*a]", r"line 1, column 1: it is a part of itself"),
        (b"a: 1e999", r"line 1, column 4: '1e999' is nothing that JSON has"),
        (b"a: !!int x", r"line 1, column 4: 'x' is nothing that JSON has"),
        (b"a: <<", r"line 1, column 4: '<<' is nothing that JSON has"),
        (b"a: !!binary aGk=", r"line 1, column 4: !!binary is nothing that JSON has"),
        (b"a: !!python/object/apply:os.system ['id']", r"line 1, column 4: !!python/object/apply:os.system is nothing"),
        (b"a: " + b"1" * 5000, r"digits"),
        (b"a: 1\nb: \0", r"line 2, column 4: the character #x0000 is in no YAML"),
        (b"a: \xff", r"it is not UTF-8, from byte 3 on"),
        (b"[" * 2000, r"nested too deeply"),
        (BOMB, r"line \d+, column 4: its aliases make more than 500000 values of it"),
        (MERGING, r"line \d+, column \d+: its aliases make more than 500000 values of it"),
    ],
    ids=range(20),
)
def test_what_is_refused(text: bytes, said: str) -> None:
    """What is no YAML, no JSON, or larger than it looks is refused with its line."""
    with pytest.raises(BadYAML) as caught:
        parse(text)
    assert re.search(said, str(caught.value)), caught.value


@given(JSON)
def test_json_is_yaml(value: Any) -> None:
    """What JSON says, it says here."""
    assert parse(json.dumps(value, ensure_ascii=False).encode()) == value


@given(JSON, st.booleans())
def test_as_pyyaml_writes(value: Any, twice: bool) -> None:
    """What PyYAML writes in blocks, with quotes, tags and aliases, is read."""
    wanted = [value, value] if twice else [value]
    assert parse(yaml.safe_dump(wanted, default_style='"', allow_unicode=True).encode()) == wanted


@given(
    st.binary(max_size=100)
    | TEXTS.map(str.encode)
    | st.text(st.sampled_from("\t\n -:[]{}&*!|>%@a1\"'?#,<")).map(str.encode)
)
def test_any_bytes(text: bytes) -> None:
    """Any bytes are a value that is JSON, or refused."""
    try:
        value = parse(text)
    except BadYAML as error:
        assert str(error)
    else:
        json.dumps(value, allow_nan=False)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"[yes, No, ON, off, true, y]", [True, False, True, False, True, "y"]),
        (b"a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc: {<<: [*a, *b], x: 5}", {
            "a": {"x": 1, "y": 2}, "b": {"y": 3, "z": 4}, "c": {"x": 5, "y": 2, "z": 4},
        }),
        (b"a: &k key\n*k : 1", {"a": "key", "key": 1}),
        (b"a: &x 1\nb: &x 2\nc: *x", {"a": 1, "b": 2, "c": 2}),
        (b"%YAML 1.1\n---\n- !!int '3'\n- !!str 4\n...\n", [3, "4"]),
        (b"a: |-\n  x\n   y\nb: >\n  x\n  y\n", {"a": "x\n y", "b": "x y\n"}),
    ],
)  # fmt: skip
def test_as_pyyaml_reads(text: bytes, value: Any) -> None:
    """Its words for yes and no, merging in its order, aliases of keys, anchors made again, tags, blocks."""
    assert parse(text, words=PYYAML_WORDS) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"x" * 101, "it has more than 100 bytes"),
        (b"[" * 9 + b"]" * 9, "line 1, column 9: it is nested too deeply"),
        (b"- &a [[[[]]]]\n- [[[[*a]]]]", "line 2, column 7: it is nested too deeply"),
        (b"[1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1]", "line 1, column 40: it has more than 20 values"),
        (b"- &a 0123456789012345678901234567890\n- *a\n- *a\n- *a", "line 1, column 1: its aliases make more than"),
    ],
)
def test_limits(text: bytes, said: str) -> None:
    """Each bound is kept, aliases followed."""
    with pytest.raises(BadYAML, match=said):
        parse(text, Limits(size=100, values=20, letters=100, depth=8))

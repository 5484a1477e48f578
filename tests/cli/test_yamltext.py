"""YAML as the command reads it: what JSON can say, and nothing else."""

import re
from typing import Any

import pytest

from wsgi_app.cli.yamltext import BadYAML, parse

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
        (b"a: [\nb: 1\n- c", r"line [23], column \d: "),
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
        (b"a: \0", r"unacceptable character #x0000"),
        (b"a: \xff", r"unacceptable character #x00ff"),
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

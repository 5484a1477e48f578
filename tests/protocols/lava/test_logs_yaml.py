"""Log lines as YAML: what any text becomes, and what readers make of it."""

import json
from itertools import pairwise

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wsgi_app.core.record import CaseSaid, Level, Record
from wsgi_app.protocols.lava.blocks import blocks
from wsgi_app.protocols.lava.records import json_lines, yaml_lines
from wsgi_app.signals import CaseSignal

EDGES = (0xD7FF, 0xE000, 0xFEFF, 0xFFFD, 0xFFFE, 0xFFFF, 0x10000, 0x1F600, 0x10FFFF)
#: what a console's bytes may become: no surrogates
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
RECORDS = st.lists(
    st.one_of(
        st.builds(
            lambda time, level, text: Record(0, time, level, text), st.floats(0, 4e9), st.sampled_from(Level), TEXT
        ),
        st.builds(
            lambda time, task, texts: Record(0, time, Level.RESULT, None, CaseSaid(3, task, CaseSignal(*texts))),
            st.floats(0, 4e9),
            TEXT,
            st.tuples(TEXT.filter(bool), st.sampled_from(["pass", "fail", "skip", "odd"]), st.just("1.5"), TEXT),
        ),
    ),
    max_size=5,
)


@settings(deadline=None, max_examples=40)
@given(RECORDS)
@example([Record(0, 0.0, Level.OUTPUT, "".join(map(chr, [*range(0x300), *range(0x2000, 0x2070), *EDGES])))])
def test_any_text_comes_back(records: list[Record]) -> None:
    """Item 32: each record is one line of ASCII, and says the same to two readers of YAML as to one of JSON."""
    lines = list(yaml_lines(records))
    text = b"".join(lines).decode("ascii")
    assert all(line.endswith(b"\n") and line[:-1].isascii() for line in lines)
    assert not any((letter < " " and letter != "\n") or letter == "\x7f" for letter in text)
    assert text.count("\n") == len(records)
    fast, slow = yaml.load(text, yaml.CSafeLoader), yaml.safe_load(text)
    assert fast == slow == (json.loads(b"".join(json_lines(records))) or None)
    for record, told in zip(records, fast or [], strict=True):
        assert list(told) == ["dt", "lvl", "msg"]
        if record.said is None:
            assert told["msg"] == record.text


@given(st.lists(st.binary(max_size=60_000), max_size=8))
def test_blocks(lines: list[bytes]) -> None:
    """Lines go out together in blocks that are neither small nor without bound."""
    found = list(blocks(lines))
    assert b"".join(found) == b"".join(lines)
    assert all(len(block) < 130_000 for block in found)
    assert all(len(one) + len(other) > 65_536 for one, other in pairwise(found))

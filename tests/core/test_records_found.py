"""Records that are looked for, and secrets that nobody finds."""

from typing import Any

import pytest
from recorded import Recorded, recorded

from wsgi_app.core.linefile import LONGEST_LINE
from wsgi_app.core.masking import MASK, Mask
from wsgi_app.core.record import Level
from wsgi_app.core.records import MOST_TAIL
from wsgi_app.errors import Invalid

CASE = b"<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=%s RESULT=%s>\n"
SECRET = "correct-horse"
KEY = "-----BEGIN KEY-----\nAAAABBBBCCCC\nDDDD\n}\n-----END KEY-----\n"


@pytest.fixture
def one(bench: Any) -> Recorded:
    """A recipe of one task, on its system."""
    (found,) = recorded(bench.gateway, bench.admin, f"task of {SECRET}", secrets=(SECRET, KEY))
    found.begin(0)
    return found


def searched(one: Recorded, **what: Any) -> list[int]:
    """Return the numbers of the records that a search finds."""
    return [record.number for record in one.gateway.records.search(one.admin, [one.recipe], **what).records]


def test_tail_levels_and_text(one: Recorded) -> None:
    """A search has the last records, those of some levels, those that have a text, and all of it together."""
    one.write(0, b"".join(CASE % (b"c%d" % number, b"pass") + b"line %d\n" % number for number in range(100)))
    assert searched(one) == list(range(201))
    assert searched(one, tail=3) == [198, 199, 200]
    assert searched(one, tail=0) == []
    assert searched(one, tail=500, start=190, end=195) == list(range(190, 195))
    assert searched(one, levels={Level.RESULT}) == list(range(1, 201, 2))
    assert searched(one, levels={Level.RESULT}, tail=2) == [197, 199]
    assert searched(one, levels=set()) == []
    assert searched(one, grep="line 4") == [10, *range(82, 102, 2)]
    assert searched(one, grep="c99 pass") == [199]
    assert searched(one, grep="line 4", levels={Level.OUTPUT}, tail=1, end=90) == [88]
    assert searched(one, grep="nothing", tail=5) == []
    with pytest.raises(Invalid):
        searched(one, tail=MOST_TAIL + 1)


def test_no_record_has_a_secret(one: Recorded) -> None:
    """Item 36: no record has a secret in it, in whatever field, nor does a search or the raw log."""
    one.write(0, f"a {SECRET}{SECRET} b\ncorrect\x1b-horse\n{KEY}".encode())
    one.write(0, CASE % (SECRET.encode(), f"pass MEASUREMENT=1 UNITS={SECRET}".encode()))
    one.append("logs/" + SECRET, b"x")
    one.gateway.recipes.abort(one.admin, one.recipe, f"it was {SECRET}")
    one.indexed(0)
    one.index("logs/" + SECRET)
    one.settle()
    words = one.words()
    assert words == [
        f"task of {MASK}",
        f"a {MASK}{MASK} b",
        MASK,
        MASK,
        MASK,
        MASK,
        "}",
        MASK,
        f"{MASK} pass 1 {MASK}",
        f"task of {MASK}",
        f"log logs/{MASK} (1 bytes)",
        f"it was {MASK}",
    ]
    for part in (SECRET, "correct", "horse", "BBBB", "DDDD"):
        assert searched(one, grep=part) == []
    raw = b"".join(one.gateway.records.raw(one.admin, [one.recipe])).decode()
    assert raw.splitlines()[0] == f"a {MASK}{MASK} b"
    assert all(part not in raw for part in (SECRET, "BBBB", "DDDD", "END KEY"))


def test_a_secret_where_a_line_is_cut(one: Recorded) -> None:
    """Where a very long line is cut off, no part of a secret is left."""
    for place in range(len(SECRET) + 1):
        one.write(0, b"x" * (LONGEST_LINE + len(KEY) - place) + SECRET.encode() + b"y" * 10 * place + b"\n")
    assert all("cor" not in words for words in one.words(1))


def test_a_line_that_has_no_end_hides_what_it_begins_with(one: Recorded) -> None:
    """Half a secret at the end of a growing log is in neither stream."""
    one.write(0, b"whole\n" + SECRET.encode()[:8])
    assert one.words(1) == ["whole"]
    assert b"".join(one.gateway.records.raw(one.admin, [one.recipe])) == b"whole\n"


def test_masks_in_blocks() -> None:
    """However bytes are cut into blocks, what is masked is what is masked in all of them together."""
    mask = Mask(["abcabd", "ab", "xyz"])
    text = b"abcabcabdxyabxyzzababcabd--" * 5
    for size in range(1, 40):
        blocks = [text[begin : begin + size] for begin in range(0, len(text), size)]
        assert b"".join(mask.blocks(blocks)) == mask.line(text), size
    assert mask.line(b"abcabd ab") == b"[MASKED] [MASKED]"


def test_no_secrets() -> None:
    """Without secrets nothing is masked; nothing and blanks are no secrets."""
    mask = Mask(["", "  ", "\n\n"])
    assert (mask.text("a b"), list(mask.blocks([b"x", b"y"])), mask.longest) == ("a b", [b"x", b"y"], 0)

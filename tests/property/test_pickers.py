"""Quick ways to find the lines that matter find every line that the plain expression finds, and no other."""

import re
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from wsgi_app.indexer.formats import FORMATS, picker
from wsgi_app.indexer.formats.format import Format
from wsgi_app.indexer.formats.picker import Picker
from wsgi_app.indexer.formats.sieve import Sieve

PICKERS = {
    f"{format_.name}-{place}-{which}": found
    for place, format_ in enumerate(FORMATS)
    if isinstance(format_, Format)
    for which, found in (("interesting", format_.interesting), ("more", format_.more))
    if found is not None
}
SIEVED = [name for name, found in PICKERS.items() if found.sieve is not None]
EXAMPLES = settings(deadline=None, max_examples=50, suppress_health_check=list(HealthCheck))

#: what stands between words that are made after an expression: much of it is nearly such a word
BETWEEN = [
    b"\n", b"\n", b"\n\n", b" ", b"\r", b"ok 1", b"# x", b":: [", b"[    1.000000] ", b"K", b"B", b"-",
    b"DEBUG: ", b"KUG: ", b"BUG", b"<LAVA_SIGNAL_x", b"Received signal: ",
    b"INFO: all is well", b"[#x]", b"Oops", b"WARNING: none", b"Kernel pan", b"FAILEDX", b": command not found",
    b"error: ", b"fatal: ", b"\0", b"\xff", b"x" * 40,
]  # fmt: skip


def words(found: Picker) -> st.SearchStrategy[bytes]:
    """Make what the expression fits, without a newline in it but the one before a line."""
    fitting = st.from_regex(found.expression).map(lambda data: data[:1] + data[1:].replace(b"\n", b" "))
    return fitting | st.sampled_from(BETWEEN)


def picked(found: Picker, data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the lines that are picked: where each begins, and where what fits it does."""
    picking, position = found.over(data, len(data)), 0
    while match := picking.next(position):
        yield data.rfind(b"\n", 0, match.end()) + 1, match.start()
        position = data.find(b"\n", match.end())
        if position < 0:
            return


def plainly(expression: re.Pattern[bytes], data: bytes) -> Iterator[tuple[int, int]]:
    """Yield what the expression says of each line by itself."""
    begin = 0
    for line in data[1:].split(b"\n"):
        if match := expression.search(b"\n" + line):
            yield begin + 1, begin + match.start()
        begin += len(line) + 1


@pytest.mark.parametrize("name", SIEVED)
@EXAMPLES
@given(data=st.data(), vain=st.sampled_from([0, 1, 256]))
def test_nothing_is_hidden(name: str, data: st.DataObject, vain: int) -> None:
    """Whatever the expression fits is picked where it stands, also when too much was shown in vain."""
    found = PICKERS[name]
    content = b"\n" + b"".join(data.draw(st.lists(words(found), max_size=12)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(picker, "_MOST_VAIN", vain)
        assert list(picked(found, content)) == list(plainly(found.expression, content))


@pytest.mark.parametrize("name", PICKERS)
@EXAMPLES
@given(pieces=st.lists(st.sampled_from(BETWEEN) | st.binary(max_size=20), max_size=40))
@example(pieces=[b"\rok 1\n", b"okBUG: x\n", b"ok BUG: x"])
def test_each_line_by_itself(name: str, pieces: list[bytes]) -> None:
    """No expression looks over a line's end: run over many lines, it picks those that it fits one by one."""
    content = b"\n" + b"".join(pieces)
    assert list(picked(PICKERS[name], content)) == list(plainly(PICKERS[name].expression, content))


def test_words_are_found_among_those_that_look_alike() -> None:
    """A sieve may find more than its words; of words that begin alike it finds each, and a digit is any digit."""
    sieve = Sieve.of(b"BUG: ", b"BUG at ", b"Oops", b"#0]")
    for said, shown in ((b"a BUG: ", 2), (b"BUG at ", 0), (b"DEBUG", None), (b"xOops", 1), (b"[#7]", 1), (b"#]", None)):
        match = sieve.search(sieve.sifted(said), 0, len(said))
        assert (match and match.start()) == shown, said

"""Whatever bytes a log has, each format reads them without a word, says only what can be stored, and in linear time."""

import io
import itertools
import re
import time
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from subunit.v2 import StreamResultToBytes

from wsgi_app.indexer import index
from wsgi_app.indexer.formats import FORMATS, detect
from wsgi_app.indexer.formats.format import ByteFormat, Format, Found
from wsgi_app.model import LogIndex, Mark, ParsedResult

CORPUS = Path(__file__).parents[1] / "indexer" / "corpus"
LOGS = {f"{path.parent.name}/{path.stem}": path.read_bytes() for path in sorted(CORPUS.glob("*/*.log"))}
EXAMPLES = settings(deadline=None, suppress_health_check=list(HealthCheck))

Read = Callable[..., LogIndex]

WORDS = [
    b"ok 1 a", b"not ok 2 - b # TODO c", b"ok 3 # SKIP", b"1..3", b"1..0 # skip", b"    ", b"\t", b"# Subtest: s",
    b"# ", b"TAP version 14", b"KTAP version 1", b"  ---", b"message: x", b"error: |", b"  ...", b"Bail out!",
    b"pragma +strict", b"\\", b"\\#", b"[    1.000000] ", b"<3>",
    b"Kernel panic - not syncing: x", b"Oops: 0000 [#1]", b"BUG: x", b"------------[ cut here ]------------",
    b"WARNING: CPU: 1 PID: 2 at a.c:3", b"INFO: task a:1 blocked for more than 1 seconds", b"\n", b"\r\n", b"\0" * 70,
    b"\xff\xfe", b"error: ", b"Unable to handle k", b"kernel BUG at /x/mm/y.c:1!",
    b"<testsuite name='s'>", b"<testsuites>", b"<testcase name='c'>", b"<failure message='m'>", b"<skipped/>",
    b"</failure>", b"</testcase>", b"</testsuite>", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"&#x1b;", b"&lt;",
    b"<?xml ", b"encoding='utf-16'?>", b"\xb3\x29", b"\xb3\x29\x01\x08", b"\xc2\x9b", b"\xe2\x80\xa8", b"\xef\xbf\xbf",
    b"<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=a RESULT=pass>", b"<LAVA_SIGNAL_STARTRUN a>", b"<LAVA_SIGNAL_ENDTC a>",
    b":: [   FAIL   ] :: ", b"::   TEST PROTOCOL", b"FAIL: a", b"PASS: b", b"XFAIL: c", b"# TOTAL: 3",
    b"REASON: r", b"\x1b[1;31m", b"\x1b[0m", b"'", b"Unhandled 64-bit el1h", b"# selftests: a: b", b"ok",
    b"Test t PASS", b"=== ", b":: [ 10:00:00 ] :: [  BEGIN   ] :: ",
]  # fmt: skip
STRUCK = [b"\0", b"\x1b[31m", b"\n", b"\r", b"\xff", b"<", b"\xb3", b'"', b"\xc2"]
NAMES = ["console.log", "a.xml", "test-suite.log", "vmcore"]
made = st.one_of(st.binary(max_size=2000), st.lists(st.sampled_from(WORDS), max_size=60).map(b"".join))


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Make a log that is nearly one of the corpus: cut, doubled, shuffled, struck by other bytes."""
    content = draw(st.sampled_from(list(LOGS.values())))
    for _ in range(draw(st.integers(1, 4))):
        begin, end = sorted((draw(st.integers(0, len(content))), draw(st.integers(0, len(content)))))
        piece = content[begin:end]
        match draw(st.sampled_from(["cut", "end", "double", "move", "lines", "strike", "other"])):
            case "cut":
                content = content[:begin] + content[end:]
            case "end":
                content = content[:end]
            case "double":
                content = (content[:end] + piece * draw(st.integers(1, 3)) + content[end:])[:100_000]
            case "move":
                content = piece + content[:begin] + content[end:]
            case "lines":
                content = b"\n".join(draw(st.permutations(content.split(b"\n")[:40])))
            case "strike":
                struck = draw(st.sampled_from(STRUCK))
                content = content[:begin] + struck + content[begin + draw(st.integers(0, 1)) :]
            case "other":
                content = content[:begin] + draw(made) + content[end:]
    return content


def texts_of(found: Found) -> list[str]:
    """Return what a log says in one place."""
    if isinstance(found, ParsedResult):
        return [found.path, found.message or ""]
    return [found.title if isinstance(found, Mark) else found.text]


def check(found: Found, lines: int) -> None:
    """Fail when this cannot be stored, shown or found again."""
    texts = texts_of(found)
    assert 1 <= found.line <= lines
    for text in texts:
        assert len(text) <= 1000
        assert not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in text), text
        text.encode()
    if isinstance(found, ParsedResult):
        assert found.path.startswith("/")


def blocks(content: bytes, size: int) -> Iterator[bytes]:
    """Cut a log."""
    return iter([content[place : place + size] for place in range(0, len(content), size)])


def parsed(format_: Format | ByteFormat, content: bytes, size: int = 1 << 20) -> list[Found]:
    """Return what the format finds when it gets everything; no more than 3,000 things."""
    if isinstance(format_, ByteFormat):
        said = format_.parse(blocks(content, size))
    else:
        said = format_.parse(iter(enumerate(content.removesuffix(b"\n").split(b"\n"), 1)))
    return list(itertools.islice(said, 3000))


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Read:
    """Indexes a log with the given content."""
    path = tmp_path_factory.mktemp("logs") / "log"

    def read(content: bytes, name: str = "taskout.log", max_results: int = 3000) -> LogIndex:
        path.write_bytes(content)
        return index.read(path, name, max_results)

    return read


@pytest.mark.parametrize("format_", FORMATS, ids=lambda format_: str(format_.name))
@EXAMPLES
@given(content=made | mutated(), size=st.integers(1, 100))
@example(content=b"    # Subtest: a\n1..2\n", size=1)
@example(content=b"<testsuite><testcase name='a'><failure> \n", size=1)
@example(content=b"<results><test><name>01_a</name><state>FAIL\x1b[31m</state></test>", size=1)
def test_no_format_raises(format_: Format | ByteFormat, content: bytes, size: int) -> None:
    """Each format reads whatever it gets, its own or not."""
    lines = content.count(b"\n") + 1
    for found in parsed(format_, content):
        check(found, lines)
    if isinstance(format_, ByteFormat):
        assert parsed(format_, content, size) == parsed(format_, content)


@EXAMPLES
@given(content=made | mutated(), name=st.text(max_size=20) | st.sampled_from(NAMES))
def test_any_log_is_read(content: bytes, name: str, read: Read) -> None:
    """Any log has a format, and what is found in it lies in it."""
    found = read(content, name)
    assert found.size == len(content)
    everything: list[Found] = [*found.results, *found.marks]
    for item in everything:
        check(item, found.lines)


@EXAMPLES
@given(content=made | mutated(), size=st.integers(1, 500))
@example(content=b"<?" + b"\0" * 70 + b"?><testsuite>\n" + b"\0" * 70, size=1)
def test_blocks_do_not_show(content: bytes, size: int, read: Read) -> None:
    """However the blocks fall, the same is found."""
    with pytest.MonkeyPatch.context() as patch:
        whole = read(content)
        patch.setattr(index, "BLOCK", size)
        assert read(content) == whole


@EXAMPLES
@given(content=made | mutated())
@example(content=b"::\x1b[m::::::::::::::::::::\n::   a\n" + b":" * 22 + b"\n:: [00:00:00] :: [ PASS ] :: b\n")
@example(content=b"\rREASON: !\nFAIL: 00_+_neg.test")
@example(content=b"PASS: a\n\r\r\r\r\rFAIL: b\nPASS: c\nPASS: d\n# TOTAL: 4\n")
def test_picked_lines_suffice(content: bytes, read: Read) -> None:
    """The quick expressions pick every line that matters: reading all lines finds nothing else."""
    format_ = detect(content[: 1 << 16], "taskout.log")
    if isinstance(format_, ByteFormat):
        return
    found, everything = read(content), parsed(format_, content)
    if format_.name == "console":
        picked = {(mark.kind, mark.line) for mark in found.marks if mark.kind != "hole"}
        assert picked == {(mark.kind, mark.line) for mark in everything if isinstance(mark, Mark)}
    elif format_.name is not None:
        assert list(found.results) == [item for item in everything if isinstance(item, ParsedResult)]


def repeated(piece: bytes, begin: bytes = b"", end: bytes = b"") -> Callable[[int], bytes]:
    """Return what makes a log of any size."""
    return lambda size: begin + piece * (size // len(piece)) + end


def stairs(size: int) -> bytes:
    """Make subtests in one another, to a depth that nobody has."""
    lines = (b"    " * (n % 40) + b"# Subtest: s\n" + b"    " * (n % 37) + b"ok %d\n" % n for n in itertools.count(1))
    log = bytearray(b"TAP version 13\n")
    while len(log) < size:
        log += next(lines)
    return bytes(log)


def packets(size: int) -> bytes:
    """Make tests that begin and never end."""
    log = io.BytesIO()
    stream = StreamResultToBytes(log)
    for number in range(size // 100):
        stream.status(test_id=f"{number}", test_status="inprogress", file_name="traceback", file_bytes=b"x" * 70)
    return log.getvalue()


STAMP = b"[    1.000000] "
KERNEL = STAMP + b"Linux version 6\n" + b"TAP version 13\n"
SUITE = b"<testsuite name='s'>"
HOSTILE: dict[str, Callable[[int], bytes]] = {
    "tap-comments": repeated(b"# " * 40 + b"x\n", b"1..2\n"),
    "tap-indents": repeated(b" " * 128 + b"ok 1\n", b"1..2\n"),
    "tap-columns": repeated(b"".join(b" " * depth + b"ok 1\n" for depth in range(120)), b"TAP version 13\n"),
    "tap-stairs": stairs,
    "tap-yaml": repeated(b"not ok 1 - x\n  ---\n  message: |\n", b"1..2\n"),
    "tap-open-yaml": repeated(b"    message: |\n", b"not ok 1\n  ---\n"),
    "tap-escapes": repeated(b"\\", b"1..2\nok 1 - ", b"# TODO\n"),
    "tap-signs": repeated(b" # x\\#", b"1..2\nok 1 - ", b"\n"),
    "tap-strict": repeated(b"chatter\n", b"TAP version 14\npragma +strict\n"),
    "tap-plans": repeated(b"1..1\nok 1\n"),
    "tap-names": repeated(b"# Subtest: " + b"n" * 900 + b"\n", b"1..2\n"),
    "console-stamps": repeated(STAMP * 8 + b"\n", KERNEL),
    "console-bugs": repeated(b"BUG: \n", KERNEL),
    "console-warnings": repeated(b"WARNING: " + b"a/" * 90 + b"\n", KERNEL),
    "console-locks": repeated(b"INFO: " + b"A" * 3000 + b"\n", KERNEL),
    "console-paths": repeated(b"kernel BUG at " + b"/x" * 400 + b"\n", KERNEL),
    "console-titles": repeated(b"BUG: " + b"1 2 " * 200 + b"\n", KERNEL),
    "console-oopses": repeated(b"Internal error: x Oops: 0000 a_b general protection \n", KERNEL),
    "console-words": repeated(b"Oops: " + b"x" * 5000 + b"\n", KERNEL),
    "console-dies": repeated(b"Oops: " + b"a b " * 1500 + b"#1]\n", KERNEL),
    "console-colours": repeated(b"\x1b[1;1;1" * 700 + b"mBUG: x\n", KERNEL),
    "console-tests": repeated(b"    # Subtest: s\n        not ok 1 - x\n", KERNEL),
    "junit-elements": repeated(b"<testcase/>", SUITE),
    "junit-depth": repeated(b"<testsuite>"),
    "junit-attributes": lambda size: b"<testsuite " + b" ".join(b"a%d=''" % n for n in range(size // 8)) + b">",
    "junit-attribute": repeated(b"x", b"<testsuite name='"),
    "junit-comment": repeated(b"- -", SUITE + b"<!--"),
    "junit-instruction": repeated(b"? ", SUITE + b"<?x "),
    "junit-data": repeated(b"]]", SUITE + b"<testcase><failure><![CDATA["),
    "junit-references": repeated(b"&lt;", SUITE + b"<testcase><failure>"),
    "junit-empty-lines": repeated(b" \r\n", SUITE + b"<testcase><failure>"),
    "junit-failures": repeated(b"<failure>x</failure>", SUITE + b"<testcase>"),
    "junit-comments-first": repeated(b"<!---->", b"", b"<testsuite/>"),
    "junit-declaration": repeated(b" a='b'", b"<?xml version='1.0'", b"?><testsuite/>"),
    "junit-names": lambda size: SUITE + b"".join(b"<n%d/>" % n for n in range(size // 8)),
    "subunit-signatures": repeated(b"\xb3\x29"),
    "subunit-lengths": repeated(b"\xb3\x29\x01\xbf\xff\xff"),
    "subunit-half-lengths": repeated(b"\xb3\x29\x01\x80\x7f\xff" + b"x" * 50),
    "subunit-text": repeated("dół \n".encode(), b"\xb3\x29"),
    "subunit-tests": packets,
    "lava-signals": repeated(b"<LAVA_SIGNAL_STARTRUN a><LAVA_SIGNAL_STARTTC b>\n"),
    "lava-open": repeated(b"<LAVA_SIGNAL_TESTCASE ", b"<LAVA_SIGNAL_STARTRUN a>\n"),
    "lava-cases": repeated(b"<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=a RESULT=" + b"p " * 90 + b">\n"),
    "beakerlib-bars": repeated(b":" * 200 + b"\n::   \n", b":: [   FAIL   ] :: a\n"),
    "beakerlib-begins": repeated(b":: [ 10:00:00 ] :: [  BEGIN   ] :: a :: b (Expected 1 (\n"),
    "beakerlib-phases": repeated(b":: [   PASS   ] :: a\n::   RESULT: PASS (a)\n"),
    "automake-tests": repeated(b"FAIL: a\n", b"# TOTAL: 1\n"),
    "automake-rules": repeated(b"=" * 80 + b"\n", b"FAIL: a\n"),
    "xm-test-reasons": repeated(b"REASON: x\nFAIL: 01_a\n"),
    "xm-test-lines": repeated(b"Test 01_a_pos \n"),
    **{f"corpus-{name}": repeated(log) for name, log in LOGS.items() if not name.startswith("plain")},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_time_is_linear(name: str, read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four times as much of what is hard to read takes no more than six times as long."""
    # smaller than they are, so that what is cut by them is in there
    monkeypatch.setattr(index, "BLOCK", 1 << 14)

    def seconds(content: bytes) -> float:
        begun = time.process_time()
        read(content, max_results=10**6)
        return time.process_time() - begun

    small, large = HOSTILE[name](40_000), HOSTILE[name](160_000)
    short = long = float("inf")
    for _ in range(6):
        short, long = min(short, seconds(small)), min(long, seconds(large))
        if long < 6 * short + 0.005:
            break
    assert long < 6 * short + 0.005
    assert long < 1


@pytest.mark.parametrize("name", HOSTILE)
def test_a_megabyte_takes_seconds(name: str, read: Read) -> None:
    """A megabyte of what is hard to read, without a newline or with, takes less than two seconds for 100 results."""
    content = HOSTILE[name](1_000_000)
    for log in (content, re.sub(rb"\n", b" ", content)):
        begun = time.process_time()
        read(log[:1_000_000], max_results=100)
        assert time.process_time() - begun < 2


@pytest.mark.parametrize("piece", [b"<testsuite name='", b"<testsuite><!-- ", b"<testsuite><?x "])
def test_a_tag_that_does_not_end_is_given_up(piece: bytes, read: Read) -> None:
    """expat reads what is not complete again with every block: after a megabyte that is no report any more."""
    begun = time.process_time()
    found = read(piece + b"x\n" * (8 << 20))
    assert time.process_time() - begun < 3
    assert [(item.line, item.message) for item in found.results] == [
        (1, "the report is not read from here on: a tag or comment does not end")
    ]

"""XML as a tree with positions: any document within bounds, and for all others an error with its place."""

import time
from collections.abc import Callable

import pytest

from wsgi_app.documents import xmltree
from wsgi_app.errors import BadDocument

UTF_16 = '<?xml version="1.0" encoding="UTF-16"?>\n<a>é\U0001f600<b/></a>'


@pytest.mark.parametrize(
    ("body", "line", "column"),
    [
        (b"<a><b/></a>", 1, 4),
        ("<a>é\U0001f600\t<b/></a>".encode(), 1, 7),
        ("\ufeff<a><b/></a>".encode(), 1, 4),
        ("\ufeff<a>\n <b/></a>".encode(), 2, 2),
        ("<a><b/></a>".encode("utf-16"), 1, 4),
        (UTF_16.encode("utf-16"), 2, 6),
        (UTF_16.encode("utf-16-le"), 2, 6),
        (UTF_16.encode("utf-16-be"), 2, 6),
        (b'<?xml version="1.0" encoding="iso-8859-1"?><a>\xe9<b/></a>', 1, 48),
        (b'<?xml version="1.0" encoding="us-ascii"?><a>&#233;<b/></a>', 1, 51),
        (b"<a>\r\n\r \n<b/></a>", 4, 1),
        pytest.param(b"<a>" + b"\r\n" * 300_000 + b"<b/></a>", 300_001, 1, id="many lines"),
        pytest.param(b"<aa>" + b"\r\n" * 300_000 + b" <b/></aa>", 300_001, 2, id="many lines, cut elsewhere"),
        pytest.param(("<a>" + "é" * 400_000 + "<b/></a>").encode(), 1, 400_004, id="a long line"),
    ],
)
def test_positions(body: bytes, line: int, column: int) -> None:
    """Lines and columns count from 1, in characters of whatever encoding, without a byte order mark."""
    (element,) = xmltree.parse(body).children
    assert (element.tag, element.line, element.column) == ("b", line, column)


def test_tree() -> None:
    """Elements have attributes, children and their own text: without comments, instructions, and text of others."""
    root = xmltree.parse(
        b'<a x="1&amp;2" xmlns:p="u"> b<!-- c --><?d e?><p:f>g</p:f><![CDATA[<!DOCTYPE h>&]]>&lt;&#x69;</a>'
    )
    assert (root.tag, root.attributes, root.text) == ("a", {"x": "1&2"}, " b<!DOCTYPE h>&<i")
    assert [(child.tag, child.text, child.children) for child in root.children] == [("p:f", "g", [])]


NOT_XML = "this is not XML"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "line 1, column 1: the document is empty"),
        (b" \n ", f"line 2, column 2: {NOT_XML}: no element found"),
        (b"\xef\xbb\xbf", f"line 1, column 1: {NOT_XML}: no element found"),
        (b"a", f"line 1, column 1: {NOT_XML}: syntax error"),
        ("\ufeff a".encode(), f"line 1, column 2: {NOT_XML}: syntax error"),
        (b'{"name": "a"}', f"line 1, column 1: {NOT_XML}: not well-formed (invalid token)"),
        (b"<a>\n <b", f"line 2, column 2: {NOT_XML}: unclosed token"),
        (b"<a>\n <b>", f"line 2, column 5: {NOT_XML}: no element found"),
        (b"<a>\n</b></a>", f"line 2, column 3: {NOT_XML}: mismatched tag"),
        (b"<a>\n<b c='1' c='2'/></a>", f"line 2, column 10: {NOT_XML}: duplicate attribute"),
        (b"<a/>\n<b/>", f"line 2, column 1: {NOT_XML}: junk after document element"),
        (b"<a>\n &nbsp;</a>", f"line 2, column 2: {NOT_XML}: undefined entity"),
        (b"<a>\n &#0;</a>", f"line 2, column 2: {NOT_XML}: reference to invalid character number"),
        (b"<a>\n &#xD800;</a>", f"line 2, column 2: {NOT_XML}: reference to invalid character number"),
        (b"<a>\n \x00</a>", f"line 2, column 2: {NOT_XML}: not well-formed (invalid token)"),
        (b"<a>\n \xff</a>", f"line 2, column 2: {NOT_XML}: not well-formed (invalid token)"),
        (b"<a>\n \xed\xa0\x80</a>", f"line 2, column 2: {NOT_XML}: not well-formed (invalid token)"),
        (
            b'<?xml version="1.0" encoding="UTF-16"?><a/>',
            f"line 1, column 31: {NOT_XML}: encoding specified in XML declaration is incorrect",
        ),
        *(
            (
                f'<?xml version="1.0" encoding="{name}"?><a/>'.encode(),
                f"line 1, column 1: the encoding {name} is not known; known are UTF-8, UTF-16, ISO-8859-1, US-ASCII",
            )
            for name in ("bogus", "utf8", "cp1252", "UTF-7", "unicode_escape", "rot13", "idna", "undefined", "gbk")
        ),
        *(
            (
                f"<?xml version='1.0'?><!-- <!DOCTYPE -->\n <!DOCTYPE {rest}".encode(encoding),
                "line 2, column 2: a document type declaration (DOCTYPE) is not accepted",
            )
            for rest in ("a><a/>", "a SYSTEM 'file:///etc/passwd'><a/>", "a [<!ENTITY b 'c'>]><a>&b;</a>")
            for encoding in ("utf-8", "utf-16")
        ),
        (b"<a>" * 101 + b"</a>" * 101, "line 1, column 301: more than 100 elements in one another"),
    ],
)
def test_refusals(body: bytes, problem: str) -> None:
    """What is no XML, or more than we read, is refused with line and column of where it is so."""
    with pytest.raises(BadDocument) as refused:
        xmltree.parse(body)
    assert refused.value.message == problem


def test_depth() -> None:
    """A hundred elements in one another are read."""
    assert xmltree.parse(b"<a>" * 100 + b"</a>" * 100).tag == "a"


LARGE = 10 * 1024 * 1024


def many(end: bytes, *, between: bytes = b"\n") -> bytes:
    """A hundred thousand elements in 10 MB, and an end."""
    line = b'<param name="N%06d" value="' + b"v" * 64 + b'"/>' + between
    return b"<a>" + b"".join(line % number for number in range(100_000)) + end


def bomb(padding: int) -> bytes:
    """Entities that would become 10^10 times a word, behind a comment."""
    entities = b"".join(b'<!ENTITY e%d "%s">' % (level + 1, b"&e%d;" % level * 10) for level in range(10))
    return b"<!--" + b"x" * padding + b'--><!DOCTYPE a [<!ENTITY e0 "word">' + entities + b"]><a>&e10;</a>"


NO_TYPE = "a document type declaration (DOCTYPE) is not accepted"


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        pytest.param(lambda: many(b"</b>"), f"line 100001, column 3: {NOT_XML}: mismatched tag", id="lines"),
        pytest.param(
            lambda: many(b"<", between=b" "), f"line 1, column 9700004: {NOT_XML}: unclosed token", id="one line"
        ),
        pytest.param(
            lambda: b"<a>" * (LARGE // 3), "line 1, column 301: more than 100 elements in one another", id="deep"
        ),
        pytest.param(
            lambda: b"<a>" + b"<b/>" * (LARGE // 4), "line 1, column 1200000: more than 300000 elements", id="elements"
        ),
        pytest.param(
            lambda: b"<a " + b"".join(b"b%x='' " % number for number in range(LARGE // 10)) + b"/>",
            "line 1, column 1: more than 1000 attributes",
            id="attributes",
        ),
        pytest.param(lambda: b"<!--" + b"x" * LARGE, f"line 1, column 1: {NOT_XML}: unclosed token", id="comment"),
        pytest.param(lambda: b"<a b='" + b"x" * LARGE, f"line 1, column 1: {NOT_XML}: unclosed token", id="value"),
        pytest.param(
            lambda: b"<a>" + b"&lt;" * (LARGE // 4),
            f"line 1, column {4 + LARGE}: {NOT_XML}: no element found",
            id="references",
        ),
        pytest.param(lambda: bomb(0), f"line 1, column 8: {NO_TYPE}", id="bomb"),
        pytest.param(lambda: bomb(LARGE), f"line 1, column {LARGE + 8}: {NO_TYPE}", id="bomb at the end"),
    ],
)
def test_large(make: Callable[[], bytes], problem: str) -> None:
    """Ten MiB of anything take seconds at most, and an error at their end has its place."""
    body = make()
    began = time.process_time()
    with pytest.raises(BadDocument) as refused:
        xmltree.parse(body)
    assert time.process_time() - began < 10
    assert refused.value.message == problem


def test_large_tree() -> None:
    """A hundred thousand elements are read in seconds, each with its place."""
    body = many(b"</a>")
    began = time.process_time()
    children = xmltree.parse(body).children
    assert time.process_time() - began < 10
    assert len(children) == 100_000
    assert (children[-1].line, children[-1].column) == (100_000, 1)
    assert children[-1].attributes["name"] == "N099999"

"""XML as a tree whose elements know their line and column, which lxml's do not.

Read with expat, within bounds: no document types and thus no entities but the five of XML, and limits on depth and
on the numbers of elements and attributes. Comments and processing instructions are passed over. Names keep their
prefixes: a namespace is no more to us than a part of a name, and its declaration is no attribute.
"""

import codecs
from xml.parsers import expat

from attrs import Factory, define

from wsgi_app.errors import BadDocument

#: how deep elements may nest, how many there may be, and how many attributes each may have
DEEPEST = 100
MOST_ELEMENTS = 300_000
MOST_ATTRIBUTES = 1000

#: what expat reads without help
ENCODINGS = ("UTF-8", "UTF-16", "ISO-8859-1", "US-ASCII")

#: characters of a name or value that a message repeats
_SHOWN = 60

#: bytes that expat gets at once: it goes to their end even after we have refused something in them, and it reads a
#: name, tag or comment that is cut again from its start
_CHUNK = 262144


@define(slots=True, eq=False)
class Element:
    """An element: `text` is all that stands directly in it, `line` and `column` (in characters) count from 1."""

    tag: str
    attributes: dict[str, str]
    line: int
    column: int
    children: list["Element"] = Factory(list)
    text: str = ""

    @property
    def place(self) -> str:
        """Where its start tag begins, as messages say it."""
        return place(self.line, self.column)

    def wrong(self, problem: str, *, attribute: str | None = None) -> BadDocument:
        """Return the refusal of this element, or of one of its attributes."""
        tag = shown(self.tag)
        field = tag if attribute is None else f"{tag}/@{shown(attribute)}"
        return BadDocument(f"{self.place}: {tag}: {problem}", field=field)

    def required(self, attribute: str, *, empty: bool = False) -> str:
        """Return an attribute that must be there, and unless `empty` is allowed say something."""
        value = self.attributes.get(attribute)
        if value is None:
            raise self.wrong(f"the attribute {attribute} is missing", attribute=attribute)
        if not value and not empty:
            raise self.wrong(f"the attribute {attribute} is empty", attribute=attribute)
        return value


def parse(body: bytes) -> Element:
    """Return the root of a document. Raises `BadDocument` with line and column, and nothing else."""
    if not body:
        raise BadDocument(f"{place(1, 1)}: the document is empty")
    return _Builder(body).build()


def place(line: int, column: int) -> str:
    """Return a position as messages say it."""
    return f"line {line}, column {column}"


def shown(text: str) -> str:
    """Return a name or value as messages repeat it: not at any length."""
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


class _Builder:
    """Makes the tree of one document out of expat's events."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._root: Element | None = None
        self._open: list[tuple[Element, list[str]]] = []
        self._count = 0
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._handlers = {
            "XmlDeclHandler": self._declaration,
            "DefaultHandler": self._other,
            "StartElementHandler": self._start,
            "EndElementHandler": self._end,
            "CharacterDataHandler": self._text,
        }

    def build(self) -> Element:
        body = self._body
        for name, handler in self._handlers.items():
            setattr(self._parser, name, handler)
        try:
            for first in range(0, len(body), _CHUNK):
                self._parser.Parse(body[first : first + _CHUNK], first + _CHUNK >= len(body))
        except expat.ExpatError as error:
            raise self._refusal(f"this is not XML: {expat.ErrorString(error.code)}") from None
        except ValueError as error:
            raise self._refusal(f"this is not XML: {error}") from None
        finally:
            # a circle: without this the tree would live until the next full garbage collection
            for name in self._handlers:
                setattr(self._parser, name, None)
            self._handlers.clear()
        if self._root is None:
            raise self._refusal("there is no element")
        return self._root

    def _declaration(self, version: str, encoding: str | None, standalone: int) -> None:
        if encoding is not None and encoding.upper() not in ENCODINGS:
            raise self._refusal(f"the encoding {shown(encoding)} is not known; known are {', '.join(ENCODINGS)}")

    def _other(self, piece: str) -> None:
        # not StartDoctypeDeclHandler: that comes after the declaration's head, and its position with it
        if piece == "<!DOCTYPE":
            raise self._refusal("a document type declaration (DOCTYPE) is not accepted")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MOST_ELEMENTS:
            raise self._refusal(f"more than {MOST_ELEMENTS} elements")
        if len(self._open) == DEEPEST:
            raise self._refusal(f"more than {DEEPEST} elements in one another")
        if len(attributes) > MOST_ATTRIBUTES:
            raise self._refusal(f"more than {MOST_ATTRIBUTES} attributes")
        given = {name: value for name, value in attributes.items() if not _of_xml(name)}
        element = Element(tag, given, *self._position())
        if self._open:
            self._open[-1][0].children.append(element)
        else:
            self._root = element
        self._open.append((element, []))

    def _end(self, tag: str) -> None:
        element, pieces = self._open.pop()
        element.text = "".join(pieces)

    def _text(self, piece: str) -> None:
        self._open[-1][1].append(piece)

    def _refusal(self, problem: str) -> BadDocument:
        return BadDocument(f"{place(*self._position())}: {problem}")

    def _position(self) -> tuple[int, int]:
        """Return line and column, from 1, of the event or error that expat is at."""
        line, column = self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber
        # expat counts a byte order mark
        marked = line == 1 and self._body.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return line, column if marked and column else column + 1


def _of_xml(attribute: str) -> bool:
    return attribute == "xmlns" or attribute.startswith(("xmlns:", "xml:"))

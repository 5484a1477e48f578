"""Templates, read: Go's text/template without control flow, variables and definitions.

Source: documentation of Go's package text/template. Every character is looked at a bounded number of times.
"""

import math
import re
from collections.abc import Iterator
from contextlib import suppress

from attrs import define, frozen

#: parentheses within parentheses
DEEPEST = 50
#: characters of the text that an error repeats
LONGEST_WORDS = 100

_KEYWORDS = frozenset(["block", "break", "continue", "define", "else", "end", "if", "range", "template", "with"])
#: what Go takes for white space in a template
_SPACE = " \t\r\n"
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", '"': '"'}
_ESCAPE = re.compile(r'\\(?:([abfnrtv\\"])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3}))')
_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
    |(?P<string>"(?:[^"\\\n]|\\[^\n])*")
    |(?P<raw>`[^`]*`)
    |(?P<number>[+-]?[0-9][0-9a-zA-Z_.]*)
    |(?P<field>\.[^\W\d]\w*)
    |(?P<name>[^\W\d]\w*)
    |(?P<sign>[.|()])""",
    re.VERBOSE,
)
_SIGN_MEANS = {"$": "variables", "=": "assignments", ":": "assignments", "'": "characters", ",": "declarations"}


class BadTemplate(Exception):
    """A template that cannot be expanded, and why."""


@frozen
class Literal:
    """A text or a number, and where it stands."""

    value: str | int | float
    said: str
    at: int


@frozen
class Field:
    """The target, or what a value has under such names: `.`, `.ID`, `(...).ID`."""

    names: tuple[str, ...]
    said: str
    at: int
    of: "Pipeline | None" = None


@frozen
class Function:
    """A function by its name."""

    name: str
    at: int

    @property
    def said(self) -> str:
        """How it was written."""
        return self.name


Operand = Literal | Field | Function


@frozen
class Command:
    """A value, or a function and its arguments."""

    words: "tuple[Operand | Pipeline, ...]"
    said: str
    at: int


@frozen
class Pipeline:
    """Commands, each of which gets what the one before it made as its last argument."""

    commands: tuple[Command, ...]
    said: str
    at: int


Part = str | Pipeline


def parse(text: str, functions: frozenset[str]) -> list[Part]:
    """Return a template's parts in order: text, and what is to be put in its place. Raises BadTemplate."""
    parts: list[Part] = []
    at, trim = 0, False
    while True:
        begin = text.find("{{", at)
        plain = text[at:] if begin < 0 else text[at:begin]
        if trim:
            plain = plain.lstrip(_SPACE)
        if begin < 0:
            return [*parts, plain]
        inside = begin + 2
        if text[inside : inside + 1] == "-" and text[inside + 1 : inside + 2] in tuple(_SPACE):
            plain = plain.rstrip(_SPACE)
            inside += 2
        parts.append(plain)
        comment = _comment(text, inside)
        if comment is None:
            action = _Action(text, inside, functions)
            parts.append(action.read())
            at, trim = action.at, action.trims
        else:
            at, trim = comment


def place(text: str, at: int) -> tuple[int, int]:
    """Return line (from 1) and byte of the line (from 0) of a place, as Go counts them."""
    line = text.count("\n", 0, at) + 1
    return line, len(text[text.rfind("\n", 0, at) + 1 : at].encode("utf-8", "replace"))


def shortened(words: str) -> str:
    """Return words as an error repeats them."""
    return words if len(words) <= LONGEST_WORDS else words[:LONGEST_WORDS] + "..."


def _comment(text: str, at: int) -> tuple[int, bool] | None:
    """Return where a comment that begins here ends, and whether it trims what follows; None when there is none."""
    begin = at
    if text[at - 1] in _SPACE:
        # behind a trim marker, there may be more space
        while text[begin : begin + 1] in tuple(_SPACE):
            begin += 1
    if not text.startswith("/*", begin):
        return None
    end = text.find("*/", begin + 2)
    if end < 0:
        raise _bad(text, begin, "unclosed comment")
    end += 2
    if text.startswith("}}", end):
        return end + 2, False
    if text[end : end + 1] in tuple(_SPACE) and text.startswith("-}}", end + 1):
        return end + 4, True
    raise _bad(text, begin, "comment ends before closing delimiter")


def _bad(text: str, at: int, why: str) -> BadTemplate:
    return BadTemplate(f"template: :{place(text, at)[0]}: {why}")


@frozen
class _Token:
    kind: str
    said: str
    at: int


@define
class _Action:
    """What stands between {{ and }}; `at` is behind it when it was read."""

    text: str
    at: int
    functions: frozenset[str]
    trims: bool = False

    def read(self) -> Pipeline:
        tokens = list(self._tokens())
        if len(tokens) == 1:
            raise _bad(self.text, tokens[0].at, "missing value for command")
        reader = _Reader(self.text, tokens, self.functions)
        pipeline = reader.pipeline(0)
        if reader.next.kind != "end":
            raise _bad(self.text, reader.next.at, "unexpected right paren")
        return pipeline

    def _tokens(self) -> Iterator[_Token]:
        while True:
            at = self.at
            if self.text.startswith("}}", at):
                self.at = at + 2
                yield _Token("end", "}}", at)
                return
            if self.text[at : at + 1] in tuple(_SPACE) and self.text.startswith("-}}", at + 1):
                self.at, self.trims = at + 4, True
                yield _Token("end", "}}", at)
                return
            found = _TOKEN.match(self.text, at)
            if found is None:
                raise self._unknown(at)
            kind, said = found.lastgroup or "", found[0]
            # the marker takes one space of those before it
            self.at = found.end()
            if kind == "space":
                if self.text.startswith("-}}", self.at):
                    self.at -= 1
                    continue
                yield _Token(kind, said, at)
                continue
            yield _Token(said if kind == "sign" else kind, said, at)

    def _unknown(self, at: int) -> BadTemplate:
        sign = self.text[at : at + 1]
        if not sign:
            why = "unclosed action"
        elif sign == '"':
            why = "unterminated quoted string"
        elif sign == "`":
            why = "unterminated raw quoted string"
        elif sign in _SIGN_MEANS:
            why = f"{_SIGN_MEANS[sign]} are not supported: unexpected {sign!r}"
        else:
            why = f"unrecognized character in action: U+{ord(sign):04X} {sign!r}"
        return _bad(self.text, at, why)


@define
class _Reader:
    """Makes a pipeline of tokens; the last of them is the end."""

    _text: str
    _tokens: list[_Token]
    _functions: frozenset[str]
    _place: int = 0

    @property
    def next(self) -> _Token:
        return self._tokens[self._place]

    def pipeline(self, depth: int) -> Pipeline:
        if depth > DEEPEST:
            raise self._bad(f"more than {DEEPEST} parentheses within one another")
        begin = self.next.at
        commands: list[Command] = []
        while True:
            commands.append(self._command(depth, stage=len(commands) + 1))
            if self.next.kind != "|":
                return Pipeline(tuple(commands), self._said(begin), begin)
            self._place += 1

    def _command(self, depth: int, stage: int) -> Command:
        self._skip_space()
        begin = self.next.at
        words: list[Operand | Pipeline] = []
        while self.next.kind not in ("|", ")", "end"):
            words.append(self._operand(depth))
            if self.next.kind not in ("|", ")", "end", "space"):
                raise self._bad(f"unexpected {shortened(self.next.said)!r} in operand")
            end = self.next.at
            self._skip_space()
        if not words:
            raise self._bad("missing value for command" if stage == 1 else "missing value for command behind '|'")
        first = words[0]
        if stage > 1 and not isinstance(first, (Function, Field)):
            raise self._bad(f"non executable command in pipeline stage {stage}")
        return Command(tuple(words), shortened(self._text[begin : min(end, begin + LONGEST_WORDS + 1)]), begin)

    def _operand(self, depth: int) -> Operand | Pipeline:
        token = self.next
        self._place += 1
        if token.kind == "string":
            return Literal(self._unquoted(token), shortened(token.said), token.at)
        if token.kind == "raw":
            return Literal(token.said[1:-1].replace("\r", ""), shortened(token.said), token.at)
        if token.kind == "number":
            return Literal(self._number(token), shortened(token.said), token.at)
        if token.kind in (".", "field"):
            names = [token.said[1:]] if token.kind == "field" else []
            return self._field(names, token.at, None)
        if token.kind == "(":
            inner = self.pipeline(depth + 1)
            if self.next.kind != ")":
                raise self._bad("unclosed left paren")
            self._place += 1
            return self._field([], token.at, inner) if self.next.kind == "field" else inner
        if token.kind == "name":
            return self._named(token)
        raise self._bad(f"unexpected {token.said!r} in operand", token.at)

    def _named(self, token: _Token) -> Operand:
        if token.said in _KEYWORDS:
            raise self._bad(f"control flow is not supported: {token.said}", token.at)
        if token.said in self._functions:
            return Function(token.said, token.at)
        raise self._bad(f'function "{shortened(token.said)}" not defined', token.at)

    def _field(self, names: list[str], at: int, of: Pipeline | None) -> Field:
        while self.next.kind == "field":
            names.append(self.next.said[1:])
            self._place += 1
        return Field(tuple(names), self._said(at), at, of)

    def _unquoted(self, token: _Token) -> str:
        words = token.said[1:-1]

        def plain(found: re.Match[str]) -> str:
            letter, *codes = found.groups()
            if letter is not None:
                return _ESCAPES[letter]
            octal = codes.pop()
            code = int(octal, 8) if octal else int(next(code for code in codes if code), 16)
            if code > 0x10FFFF or 0xD800 <= code < 0xE000:
                raise self._bad(f"invalid syntax: {shortened(token.said)}", token.at)
            return chr(code)

        # every backslash is to belong to an escape
        if "\\" in _ESCAPE.sub("", words):
            raise self._bad(f"invalid syntax: {shortened(token.said)}", token.at)
        return _ESCAPE.sub(plain, words)

    def _number(self, token: _Token) -> int | float:
        words = token.said
        number: int | float = math.inf
        if len(words) <= LONGEST_WORDS:
            with suppress(ValueError):
                number = float(words)
            with suppress(ValueError):
                number = int(words, 0)
        if not math.isfinite(number) or (isinstance(number, int) and abs(number) >= 1 << 63):
            raise self._bad(f"bad number syntax: {shortened(words)!r}", token.at)
        return number

    def _skip_space(self) -> None:
        if self.next.kind == "space":
            self._place += 1

    def _said(self, begin: int) -> str:
        return shortened(self._text[begin : min(self.next.at, begin + LONGEST_WORDS + 1)].rstrip())

    def _bad(self, why: str, at: int | None = None) -> BadTemplate:
        return _bad(self._text, self.next.at if at is None else at, why)

"""The lines of TAP: how each is written, whatever stands around it."""

import re

from wsgi_app.indexer.formats.format import text
from wsgi_app.indexer.formats.prefix import PREFIX
from wsgi_app.states import ResultValue

#: columns; what stands further right is no TAP
_MAX_INDENT = 128
_WORDS = rb"(?:(?:not )?ok\b|1\.\.\d|#|---|\.\.\.|(?:message|error):|pragma [+-]|(?i:bail out!)|K?TAP version \d)"
INTERESTING = rb"\n\r*+" + PREFIX + rb"[ \t]{0,%d}+" % _MAX_INDENT + _WORDS
#: a line of YAML whose value begins in the next one
CONTINUED = rb"(?:message|error):[ \t]*[|>][-+0-9]{0,3}[ \t]*\r?$"

WORDS = re.compile(_WORDS)
VERSION = re.compile(rb"(K?)TAP version (\d{1,9})")
SUBTEST = re.compile(rb"# (?:Subtest: +|(?=selftests: ))(.+)")
PLAN = re.compile(rb"1\.\.(\d{1,9})\s*(?:#\s*(.*))?$")
TEST = re.compile(rb"(not )?ok\b(?: +(\d{1,9})\b)?(?: +-(?= |$))?(?: +|$)(.*)$")
PRAGMA = re.compile(rb"pragma ([+-])([\w-]+)$")
BAIL = re.compile(rb"bail out!", re.IGNORECASE)
SKIPPED = re.compile(rb"(?i:skip)\S*\s*")
_BLOCK = re.compile(CONTINUED)
_MESSAGE = re.compile(rb"(?:message|error):\s*(.*)$")
_NESTED = re.compile(
    rb"((?:# ){1,32})(?=[ \t]{0,128}(?:(?:not )?ok \d|1\.\.\d|K?TAP version \d|# (?:Subtest|selftests): ))"
)
#: a number sign that separates: behind a space or an escaped backslash, and not escaped itself
_SIGN = re.compile(rb"(?:^|(?<=\s)|(?<!\\)(?P<escaped>(?:\\\\)+))#")
_DIRECTIVE = re.compile(rb"\s*(SKIP|TODO|XFAIL)\S*\s*(.*)$", re.IGNORECASE)
_ESCAPED = re.compile(rb"\\([#\\])")


def indented(line: bytes) -> tuple[int, bytes]:
    """Return the line's indentation and the rest; kselftest's `# ` before a nested line counts as two columns."""
    content = line.strip(b"\r").lstrip(b" \t")
    blank = line.strip(b"\r")[: len(line.strip(b"\r")) - len(content)]
    if len(blank) > _MAX_INDENT:
        return 0, b""
    indent = len(blank) + 3 * blank.count(b"\t")
    if match := _NESTED.match(content):
        content = content[match.end() :]
        inner = content.lstrip(b" \t")
        indent += match.end() + len(content) - len(inner)
        content = inner
    return indent, content.rstrip()


def judge(passed: bool, rest: bytes) -> tuple[str, ResultValue, str | None]:
    """Return name, result and message of a test line, from what follows its number."""
    value = ResultValue.PASS if passed else ResultValue.FAIL
    match = _SIGN.search(rest)
    if match is None:
        return plain(rest), value, None
    name, remark = plain(rest[: match.end() - 1]), rest[match.end() :]
    directive = _DIRECTIVE.match(remark)
    if directive is None:
        if not remark.startswith(b" "):
            return plain(rest), value, None
        return name, value, plain(remark) or None
    word, reason = directive[1].upper(), plain(directive[2])
    if word == b"SKIP":
        return name, ResultValue.SKIP, reason or None
    message = f"{word.decode()}: {reason}" if reason else word.decode()
    return name, ResultValue.PASS if passed else ResultValue.NONE, message


def plain(data: bytes) -> str:
    """Return a name or reason without its escapes."""
    return text(_ESCAPED.sub(rb"\1", data))


def message(content: bytes) -> str | None:
    """Return the message that a line of YAML gives, empty when it begins in the next line; None: it gives none."""
    if _BLOCK.match(content):
        return ""
    match = _MESSAGE.match(content)
    if match is None:
        return None
    value = match[1]
    if len(value) >= 2 and value[:1] == value[-1:] and value[:1] in b"\"'":
        value = value[1:-1]
    return text(value) or None

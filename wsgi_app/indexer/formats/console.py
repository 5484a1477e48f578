"""Kernel consoles: panics, oopses, BUGs, sanitizer reports, warnings, lockdep, RCU stalls and hung tasks.

Each crash is told once, with the line that names it and a title without what differs between runs. An oops takes in
the lines that lead to it and those that follow it; a panic after it is told by itself. What comes again with the same
title says nothing new. TAP in the log is read too, once a `TAP version` line has announced it (or its head shows it).
"""

import re
from collections.abc import Iterator

from attrs import define, field, frozen

from wsgi_app.indexer.formats import tap
from wsgi_app.indexer.formats.format import Format, Found, Line, text
from wsgi_app.indexer.formats.prefix import STAMPED, strip
from wsgi_app.indexer.formats.title import title
from wsgi_app.model import Mark, ParsedResult
from wsgi_app.states import ResultValue


@frozen
class _Issue:
    """A kind of crash. `role`: a `lead` announces the oops that a `die` line is, and a `sequel` may come of it."""

    kind: str
    result: ResultValue
    role: str
    pattern: re.Pattern[bytes]


#: the first one that fits a line counts
_ISSUES = (
    _Issue("panic", ResultValue.PANIC, "panic", re.compile(rb"(?<!end )Kernel panic - not syncing")),
    _Issue("kasan", ResultValue.FAIL, "other", re.compile(rb"(?<![A-Za-z])BUG: KASAN: ")),
    _Issue(
        "oops",
        ResultValue.FAIL,
        "lead",
        re.compile(
            rb"(?<![A-Za-z])BUG: (?:unable to handle|Unable to handle|kernel NULL pointer)|kernel BUG at |"
            rb"Unable to handle kernel|Unhandled fault: "
        ),
    ),
    _Issue(
        "oops",
        ResultValue.FAIL,
        "die",
        re.compile(
            rb"Internal error: |Oops(?=: | - |\[#\d)|"
            rb"[a-z][a-z _-]{2,40}(?:, [^\n]{1,80})?(?=: [0-9a-f]{1,8}(?: ilc:\d)? \[#\d{1,4}\])"
        ),
    ),
    _Issue("bug", ResultValue.FAIL, "sequel", re.compile(rb"(?<![A-Za-z])BUG: (?:sleeping function|scheduling while)")),
    _Issue("bug", ResultValue.FAIL, "other", re.compile(rb"(?<![A-Za-z])BUG: |UBSAN: ")),
    _Issue(
        "lockdep",
        ResultValue.WARN,
        "other",
        re.compile(
            rb"(?:INFO|WARNING): (?:possible (?:circular|recursive|irq|deadlock)|inconsistent lock|bad unlock|"
            rb"Nested lock|held lock|lock held|[A-Z]+-safe)"
        ),
    ),
    _Issue(
        "rcu",
        ResultValue.WARN,
        "other",
        re.compile(rb"(?:INFO|WARNING): (?:suspicious RCU|rcu[a-z_]* [^\n]{0,40}stall)"),
    ),
    _Issue("warning", ResultValue.WARN, "other", re.compile(rb"INFO: task (?=[^\n]{1,64} blocked for more than)")),
    _Issue("warning", ResultValue.WARN, "sequel", re.compile(rb"WARNING: (?:CPU: |at |[\w./-]{1,200}:\d+ at )")),
)

_SPLATS = rb"(?:possible |suspicious |inconsistent |bad |Nested |held |lock |[A-Z]+-safe"
#: must let through whatever _ISSUES fit. Its branches begin with few letters, all of them rare: the expression engine
#: skips what begins with none of them, and gives up after one comparison on most of the rest
_INTERESTING = (
    rb"B(?<![A-Za-z]B)UG(?:: | at )|Kernel panic - |Oops(?::| -|\[)|"
    rb"IN(?:FO: " + _SPLATS + rb"|task |rcu))|Internal error: |"
    rb"U(?:nable to handle k|nhandled fault: |BSAN: )|"
    rb"WARNING: " + _SPLATS + rb"|CPU: |at |[\w./-]{1,200}:\d+ at )|"
    rb"TAP version \d|#\d{1,4}\]|-\[ (?:cut here|end trace)"
)
#: an oops's text is seldom longer; after that many lines something else has gone wrong
_REACH = 64
_MAX_LINES = 1000
#: how far its announcement may stand before an oops
_LEAD = 16


@define
class _Console:
    """What has been seen so far."""

    _told: set[tuple[str, str]] = field(factory=set)
    #: lines that need not be looked at again: making a title takes long
    _lines: set[bytes] = field(factory=set)
    #: line of the oops that is being printed, or of what announces it; 0: none
    _since: int = 0
    _died: bool = False

    def feed(self, number: int, line: bytes) -> Iterator[Found]:
        """Take a line, without prefix; yield what it tells."""
        if b"[ cut here ]" in line or b"[ end trace " in line:
            self._since = 0
            return
        for issue in _ISSUES:
            if match := issue.pattern.search(line):
                if not self._belongs(number, issue.role):
                    yield from self._tell(number, issue, line[match.start() :])
                return

    def _belongs(self, number: int, role: str) -> bool:
        """Whether a line of this role is part of the oops before it; keeps track of that oops."""
        open_ = self._since > 0 and number - self._since <= (_REACH if self._died else _LEAD)
        if open_ and role == "die" and not self._died:
            self._died = True
            return True
        if open_ and role == "sequel" and self._died:
            return True
        if role in ("lead", "die", "panic"):
            self._since = 0 if role == "panic" else number
            self._died = role == "die"
        return False

    def _tell(self, number: int, issue: _Issue, line: bytes) -> Iterator[Found]:
        if line in self._lines:
            return
        if len(self._lines) < _MAX_LINES:
            self._lines.add(line)
        raw = text(line)
        name = title(raw)
        if (issue.kind, name) in self._told:
            return
        self._told.add((issue.kind, name))
        yield Mark(issue.kind, number, name)
        yield ParsedResult(f"/kernel/{name}", issue.result, number, raw)


def _parse(lines: Iterator[Line]) -> Iterator[Found]:
    console = _Console()
    parser = tap.Tap(kernel=True)
    for number, line in lines:
        stripped = strip(line)
        yield from console.feed(number, stripped)
        yield from parser.feed(number, stripped)
    yield from parser.finish()


_NAME = re.compile(r"(?:^|[/_.-])(?:console|dmesg|kmsg|kernel|serial|netconsole)", re.IGNORECASE)


def _detect(head: bytes, name: str) -> bool:
    return len(STAMPED.findall(head)) >= 3 or b"Linux version " in head or _NAME.search(name) is not None


def _detect_with_tap(head: bytes, name: str) -> bool:
    return _detect(head, name) and tap.has_tap(head)


_MORE = re.compile(_INTERESTING + b"|" + tap.INTERESTING)

FORMAT = Format("console", _detect, re.compile(_INTERESTING), _parse, b"TAP version ", _MORE)
FORMAT_WITH_TAP = Format("console", _detect_with_tap, _MORE, _parse)

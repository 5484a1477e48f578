"""Kernel consoles: panics, oopses, BUGs, sanitizer reports, lockups, warnings, lockdep, RCU stalls, OOM kills.

Each crash is told once, with the line that names it and a title without what differs between runs. An oops takes in
the lines that lead to it and those that follow it; a panic after it is told by itself. What comes again with the same
title says nothing new. Where printk tells its callers, processors that print at once are kept apart.

Tests that print into a console are read too: LAVA signals anywhere, TAP once a `TAP version` line has announced it, and
TAP and beakerlib where the log's head shows them.
"""

import re
from collections.abc import Iterator

from attrs import define, field, frozen

from wsgi_app.indexer.formats import beakerlib, lava, tap
from wsgi_app.indexer.formats.format import Format, Found, Line, path, text
from wsgi_app.indexer.formats.picker import Picker
from wsgi_app.indexer.formats.prefix import STAMPED, split, uncoloured
from wsgi_app.indexer.formats.sieve import Sieve
from wsgi_app.indexer.formats.title import title
from wsgi_app.model import Mark, ParsedResult
from wsgi_app.states import ResultValue


@frozen
class _Issue:
    """A kind of crash.

    `role`: a `lead` announces the oops that a `die` line is; a `sequel` may be printed by it, and the `aftermath` may
    come shortly behind its end. A corrupt `list` and a `lockup` may have a twin: see `_TWINS`.
    """

    kind: str
    result: ResultValue
    role: str
    pattern: re.Pattern[bytes]


_BUG = rb"(?<![A-Za-z])BUG: "
#: a slab cache's name, perhaps with the memory group that it belongs to
_CACHE = rb"[\w.:/-]{1,64}(?:\([^)\n]{1,80}\))? \("
_SPLATS = rb"possible |suspicious |inconsistent |bad |Nested |held |lock |trying to reg|[A-Z]+-safe"

#: the first one that fits a line counts
_ISSUES = (
    _Issue("panic", ResultValue.PANIC, "panic", re.compile(rb"(?<!end )Kernel panic - not syncing")),
    _Issue("kasan", ResultValue.FAIL, "other", re.compile(_BUG + rb"KASAN: ")),
    _Issue("kfence", ResultValue.FAIL, "other", re.compile(_BUG + rb"KFENCE: ")),
    _Issue("kcsan", ResultValue.FAIL, "other", re.compile(_BUG + rb"KCSAN: ")),
    _Issue("kmsan", ResultValue.FAIL, "other", re.compile(_BUG + rb"KMSAN: ")),
    _Issue("ubsan", ResultValue.FAIL, "other", re.compile(rb"UBSAN: (?=[^\n]{1,200} in )")),
    _Issue(
        "slab",
        ResultValue.FAIL,
        "other",
        re.compile(rb"(?<![A-Za-z])BUG " + _CACHE + rb"[^)\n]{1,80}\): "),
    ),
    _Issue(
        "bug",
        ResultValue.FAIL,
        "list",
        re.compile(rb"list_(?:add|del) corruption[^\n]{1,120}?->(?:next|prev) (?:should|is )"),
    ),
    _Issue(
        "oops",
        ResultValue.FAIL,
        "lead",
        re.compile(
            _BUG + rb"(?:[Uu]nable to handle|[Kk]ernel NULL pointer|(?:[A-Z#_]{2,20} )?stack guard page)|"
            rb"kernel BUG at (?=[^\s:]{1,300}:\d)|Unable to handle kernel|"
            rb"Unhandled (?:prefetch abort: |fault: |\d\d-bit el\d)|Unexpected kernel BRK|PANIC: double fault|"
            rb"Insufficient stack space to handle|Kernel stack overflow|SError Interrupt on (?=[^\n]{0,80} -- SError)|"
            rb"Bad mode in [^\n]{1,60} detected"
        ),
    ),
    _Issue(
        "oops",
        ResultValue.FAIL,
        "die",
        re.compile(
            rb"(?:Internal error: |Oops: )(?=[^\n]{0,200}\[#\d)|Oops(?=: [0-9a-f]{4}\b|(?: - [^\n]{1,60})? ?\[#\d)|"
            rb"(?<![a-z_-])(?<![a-z_-] )[a-z][a-z _-]{2,120}(?: \([a-z _-]{1,20}\))?(?:, [^\n]{1,80})?"
            rb"(?=: [0-9a-f]{1,8}(?: ilc:\d)? \[#\d{1,4}\])|"
            rb"(?:Kernel [A-Za-z ]{2,24}|[A-Z][a-z]{2,10} instruction in kernel code|[Uu]nhandled kernel [a-z ]{2,24})"
            rb"(?= ?\[#\d{1,4}\])"
        ),
    ),
    _Issue(
        "lockup",
        ResultValue.FAIL,
        "lockup",
        re.compile(_BUG + rb"(?:soft|workqueue) lockup|(?:Watchdog detected )?[Hh]ard LOCKUP"),
    ),
    _Issue("bug", ResultValue.FAIL, "aftermath", re.compile(_BUG + rb"(?:sleeping function|scheduling while)")),
    _Issue(
        "lockdep",
        ResultValue.WARN,
        "other",
        re.compile(
            rb"(?:INFO|WARNING): (?:possible (?:circular|recursive|irq|deadlock)|inconsistent lock|bad unlock|"
            rb"bad contention|Nested lock|held lock|lock held|[A-Z]+-safe|trying to register non-static key)|"
            + _BUG
            + rb"(?:Invalid wait context|held lock|bad unlock|lock held|circular locking)"
        ),
    ),
    _Issue("bug", ResultValue.FAIL, "other", re.compile(_BUG)),
    _Issue(
        "rcu",
        ResultValue.WARN,
        "other",
        re.compile(rb"(?:INFO|WARNING): (?:suspicious RCU|rcu[a-z_]* [^\n]{0,40}stall)"),
    ),
    _Issue("hung", ResultValue.WARN, "other", re.compile(rb"INFO: task (?=[^\n]{1,64} blocked for more than)")),
    _Issue(
        "oom",
        ResultValue.WARN,
        "other",
        re.compile(rb"(?:(?:Memory cgroup o|O)ut of memory(?: \([a-z_]{1,32}\))?: )?Killed process (?=\d{1,10} \()"),
    ),
    _Issue(
        "warning",
        ResultValue.WARN,
        "sequel",
        re.compile(rb"WARNING: (?:CPU: |at [\w./-]{1,200}:\d|[\w./-]{1,200}:\d+ at )"),
    ),
)
#: before a crash's words: they are quoted, or part of an expression that looks for them
_QUOTES = frozenset((b'"', b"'", b"`", b"|", b"(", b"/", b"^", b"\\"))

#: must let through whatever _ISSUES fit. Its branches begin with few letters, all of them rare: the expression engine
#: skips what begins with none of them, and gives up after one comparison on most of the rest. Hence it knows some lines
#: by what stands in their middle: `LOCKUP`, `PANIC: double fault`, `<LAVA_SIGNAL_`, `prev->next`, `-- SError`. An `m`
#: before `BUG` may end a colour
_INTERESTING = (
    rb"B(?:(?<![A-Za-ln-z]B)UG(?:: | at | " + _CACHE + rb")|ad mode in )|"
    rb"K(?:ernel (?:panic - |stack ov)|illed process \d)|O(?:ops(?::| -| ?\[)|CKUP)|"
    rb"I(?:NFO: (?:" + _SPLATS + rb"|task |rcu)|n(?:ternal error: |sufficient stack )|C: double f|GNAL_[A-Z])|"
    rb"U(?:n(?:able to handle k|handled (?:fault|pref|\d\d-bit el)|expected kernel B)|BSAN: )|"
    rb"WARNING: (?:" + _SPLATS + rb"|CPU: |at |[\w./-]{1,200}:\d+ at )|"
    rb"TAP version \d|#\d{1,4}\]|-(?:\[ (?:cut here|end trace)|-- cut here|- SError|>(?:next|prev) (?:should|is ))"
)
_PICKED = re.compile(_INTERESTING)
#: one of these is in whatever that fits. Few letters begin them
_SIEVE = Sieve.of(
    *(b"BUG: ", b"BUG at ", b"BUG ", b"Bad mode in ", b"Kernel panic - ", b"Kernel stack ov", b"Killed process 0"),
    *(b"Oops:", b"Oops -", b"Oops[", b"Oops [", b"OCKUP", b"INFO: ", b"Internal error: ", b"Insufficient stack "),
    *(b"IC: double f", b"IGNAL_", b"Unable to handle k", b"Unhandled fault", b"Unhandled pref", b"Unhandled 00-bit el"),
    *(b"Unexpected kernel B", b"UBSAN: ", b"WARNING: ", b"TAP version 0", b"#0]", b"#00]", b"#000]", b"#0000]"),
    *(b"-[ cut here", b"-[ end trace", b"--- cut here", b"-- SError", b"->next should", b"->next is "),
    *(b"->prev should", b"->prev is "),
)
_CUT = re.compile(rb"-(?:\[ (cut here|end trace)|-- cut here)")
#: what is told twice: by a line of this role, and by a BUG or WARNING at this place; in either order
_TWINS = {"list": b"lib/list_debug.c", "lockup": b"kernel/watchdog"}
#: an oops's text is seldom longer; after that many lines something else has gone wrong
_REACH = 64
_MAX_LINES = 1000
#: how far its announcement may stand before an oops
_LEAD = 16
#: how far behind its end its aftermath may stand
_AFTERMATH = 40
#: how far apart twins may stand
_TWIN_REACH = 8
_MAX_CALLERS = 1000


@define
class _Oops:
    """The oops that a caller prints: the line at which it, or what announces it, or its end, stands. 0: none."""

    since: int = 0
    died: bool = False
    ended: bool = False

    def takes_in(self, number: int, role: str) -> bool:
        """Whether a line of this role is part of it; keeps track of it."""
        reach = _AFTERMATH if self.ended else _REACH if self.died else _LEAD
        open_ = self.since > 0 and number - self.since <= reach
        if open_ and role == "die" and not self.died:
            self.died = True
            return True
        if open_ and self.died and (role == "aftermath" or (role == "sequel" and not self.ended)):
            return True
        if role in ("lead", "list", "die", "panic"):
            self.since = 0 if role == "panic" else number
            self.died, self.ended = role == "die", False
        return False

    def cut(self, number: int, *, end: bool) -> None:
        """Take a line that begins or ends a report."""
        if end and self.died:
            self.since, self.ended = number, True
        elif end or self.died:
            self.since = 0


@define
class _Console:
    """What has been seen so far."""

    _told: set[tuple[str, str]] = field(factory=set)
    #: lines that need not be looked at again: making a title takes long
    _lines: set[bytes] = field(factory=set)
    _oopses: dict[bytes, _Oops] = field(factory=dict)
    #: for each twin's role where its last line stood, and whether it was the one that names the place
    _twins: dict[str, tuple[int, bool]] = field(factory=dict)

    def feed(self, number: int, caller: bytes, line: bytes) -> Iterator[Found]:
        """Take a line, without prefix; yield what it tells."""
        if not _PICKED.search(line):
            # picked for what else is in it: a colour within the words of a crash is no reason to
            return
        line = uncoloured(line)
        if len(self._oopses) > _MAX_CALLERS:
            self._oopses.clear()
        oops = self._oopses.setdefault(caller, _Oops())
        if cut := _CUT.search(line):
            oops.cut(number, end=cut[1] == b"end trace")
            return
        for issue in _ISSUES:
            match = issue.pattern.search(line)
            if match and line[match.start() - 1 : match.start()] not in _QUOTES:
                if not oops.takes_in(number, issue.role) and not self._is_twin(number, issue.role, line):
                    yield from self._tell(number, issue, line[match.start() :])
                return

    def _is_twin(self, number: int, role: str, line: bytes) -> bool:
        """Whether the line tells what its twin told just before."""
        for twin, place in _TWINS.items():
            placed = place in line
            if placed or role == twin:
                before, was_placed = self._twins.pop(twin, (0, placed))
                if was_placed != placed and number - before <= _TWIN_REACH:
                    return True
                self._twins[twin] = (number, placed)
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
        yield ParsedResult(path("kernel", name), issue.result, number, raw)


def _parse(lines: Iterator[Line]) -> Iterator[Found]:
    console = _Console()
    embedded = (tap.Tap(kernel=True), lava.Signals(), beakerlib.Journal())
    for number, line in lines:
        caller, stripped = split(line)
        yield from console.feed(number, caller, stripped)
        for parser in embedded:
            yield from parser.feed(number, stripped)
    for parser in embedded:
        yield from parser.finish()


_NAME = re.compile(
    r"(?:^|[/_.-])(?:console|dmesg|kmsg|kernel|serial|netconsole|journalctl|messages|syslog)", re.IGNORECASE
)


def _detect(head: bytes, name: str) -> bool:
    return len(STAMPED.findall(head)) >= 3 or b"Linux version " in head or _NAME.search(name) is not None


def _detect_with_tap(head: bytes, name: str) -> bool:
    return _detect(head, name) and (tap.has_tap(head) or beakerlib.has_journal(head))


_TESTS = tap.INTERESTING + b"|" + beakerlib.INTERESTING
_MORE = Picker(re.compile(_INTERESTING + b"|" + _TESTS), _SIEVE, re.compile(_TESTS))

FORMAT = Format("console", _detect, Picker(_PICKED, _SIEVE), _parse, b"TAP version ", _MORE)
FORMAT_WITH_TESTS = Format("console", _detect_with_tap, _MORE, _parse)

"""Records as LAVA's log lines: readers-lava.md section 5."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from wsgi_app.core.record import CaseSaid, Level, Phase, Record
from wsgi_app.errors import Invalid
from wsgi_app.protocols.lava.suites import suite_name

#: all words that LAVA has for a level; for most of them there is nothing here
LEVELS = ("exception", "error", "warning", "info", "debug", "target", "input", "feedback", "results")
_WORD = {Level.ERROR: "error", Level.INFO: "info", Level.OUTPUT: "target", Level.RESULT: "results"}
_LEVEL = {word: level for level, word in _WORD.items()}
#: the words that LAVA has for what becomes of a case
_RESULTS = ("pass", "fail", "skip")
#: how a task's parameters tell which of its document's actions it is, from 1
ACTION = "LAVA_ACTION"

# pure ASCII, since old clients read answers as Latin-1; no control character, for YAML has none; surrogates are none
_ESCAPES = {
    **{code: f"\\u{code:04x}" for code in (*range(0x20), *range(0x7F, 0x100))},
    ord('"'): '\\"',
    ord("\\"): "\\\\",
    ord("\t"): "\\t",
    ord("\n"): "\\n",
    ord("\r"): "\\r",
}


def yaml_lines(records: Iterable[Record]) -> Iterator[bytes]:
    """Yield each record as one line of YAML in ASCII, an element of a list."""
    time, level, head = -1.0, Level.INFO, ""
    for record in records:
        # many records have the time of the one before
        if record.time != time or record.level is not level:
            time, level = record.time, record.level
            head = f'- {{"dt": "{_time(time)}", "lvl": "{_WORD[level]}", "msg": '
        if record.said is None:
            yield f"{head}{quoted(_text(record))}}}\n".encode()
        else:
            pairs = ", ".join(f"{quoted(key)}: {quoted(value)}" for key, value in _case(record.said).items())
            yield f"{head}{{{pairs}}}}}\n".encode()


def json_lines(records: Iterable[Record]) -> Iterator[bytes]:
    """Yield a JSON array of the records, in as many pieces as there are records."""
    yield b"["
    comma = b""
    for record in records:
        yield comma + json.dumps(_value(record)).encode()
        comma = b",\n"
    yield b"]\n"


def quoted(text: str) -> str:
    """Return a text as a double-quoted scalar of YAML in ASCII."""
    # most lines are plain, and looking costs a tenth of writing
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + text.translate(_ESCAPES).encode("ascii", "backslashreplace").decode() + '"'


def levels(words: Iterable[str]) -> frozenset[Level] | None:
    """Return what LAVA's words for levels mean, None when there are none. Raises `Invalid` for words that are none."""
    wanted = {part for word in words for part in word.split(",") if part}
    if unknown := sorted(wanted - set(LEVELS)):
        raise Invalid(f"{unknown[0]!r} is no level: {', '.join(LEVELS)}", field="level")
    return frozenset(_LEVEL[word] for word in wanted & set(_LEVEL)) if wanted else None


def _value(record: Record) -> dict[str, Any]:
    said: str | Mapping[str, str] = _text(record) if record.said is None else _case(record.said)
    return {"dt": _time(record.time), "lvl": _WORD[record.level], "msg": said}


def _text(record: Record) -> str:
    text = record.text or ""
    return text if record.phase is None else _phase(record.phase, text)


def _phase(phase: Phase, name: str) -> str:
    given = phase.task.params.get(ACTION, "")
    number = int(given) if given.isascii() and given.isdigit() and len(given) < 10 else phase.place + 1
    if phase.ended:
        return f"end: {number} {name} (duration {_duration(phase.seconds)})"
    return f"start: {number} {name} (timeout {_duration(phase.seconds)})"


def _case(said: CaseSaid) -> dict[str, str]:
    case = said.case
    value = {
        "definition": suite_name(said.place, said.task),
        # as in the results: the last component of the path
        "case": case.name.strip("/").rsplit("/", 1)[-1] or case.name,
        "result": case.result if case.result in _RESULTS else "unknown",
    }
    if case.measurement:
        value["measurement"] = case.measurement
        if case.units:
            value["units"] = case.units
    return value


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")


def _duration(seconds: int) -> str:
    minutes, rest = divmod(max(seconds, 0), 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest:02d}"

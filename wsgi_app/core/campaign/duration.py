"""Lengths of time as Go writes them: `1h30m`, `500ms`. Source: documentation of Go's package time."""

import re

_UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # U+00B5
    "μs": 1_000,  # U+03BC
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_SECOND = _UNITS["s"]
#: nanoseconds of the longest one, about 292 years
_LONGEST = (1 << 63) - 1
#: characters of a text that anybody means: reading more would only take time
_LONGEST_TEXT = 200
#: digits of a number that can matter
_DIGITS = 19
_PART = re.compile(r"(?P<whole>[0-9]*)(?:\.(?P<fraction>[0-9]*))?(?P<unit>[^0-9.]*)", re.ASCII)


def parse(text: str) -> float:
    """Return the seconds that a text such as `1m5s` or `-0.5s` means. Raises ValueError with Go's words."""
    if len(text) > _LONGEST_TEXT:
        raise _invalid(text[:_LONGEST_TEXT])
    sign, rest = (text[0], text[1:]) if text[:1] in ("+", "-") else ("+", text)
    if rest == "0":
        return 0.0
    total, at = 0, 0
    while at < len(rest):
        part = _PART.match(rest, at)
        if part is None or not (part["whole"] or part["fraction"]):
            raise _invalid(text)
        total += _nanoseconds(text, part)
        at = part.end()
    if not rest or total > _LONGEST:
        raise _invalid(text)
    return (total if sign == "+" else -total) / _SECOND


def spelled(seconds: float) -> str:
    """Return a length of time as Go writes it: `5m0s`, `1.5s`, `20ms`."""
    total = round(abs(seconds) * _SECOND)
    sign = "-" if seconds < 0 and total else ""
    if total < _SECOND:
        for unit in ("ms", "µs"):
            if total >= _UNITS[unit]:
                return f"{sign}{_decimal(total, _UNITS[unit])}{unit}"
        return f"{sign}{total}ns" if total else "0s"
    minutes, rest = divmod(total, _UNITS["m"])
    text = f"{_decimal(rest, _SECOND)}s"
    if minutes:
        text = f"{minutes % 60}m{text}"
    if minutes >= 60:
        text = f"{minutes // 60}h{text}"
    return sign + text


def _nanoseconds(text: str, part: re.Match[str]) -> int:
    unit = part["unit"]
    if not unit:
        raise ValueError(f"time: missing unit in duration {_quoted(text)}")
    if unit not in _UNITS:
        raise ValueError(f"time: unknown unit {_quoted(unit)} in duration {_quoted(text)}")
    whole, fraction = part["whole"].lstrip("0"), (part["fraction"] or "")[:_DIGITS]
    if len(whole) > _DIGITS:
        raise _invalid(text)
    scale: int = 10 ** len(fraction)
    return int(whole or "0") * _UNITS[unit] + int(fraction or "0") * _UNITS[unit] // scale


def _invalid(text: str) -> ValueError:
    return ValueError(f"time: invalid duration {_quoted(text)}")


def _decimal(total: int, unit: int) -> str:
    """Return total / unit, without zeros at the end."""
    whole, rest = divmod(total, unit)
    return f"{whole}.{rest:0{len(str(unit)) - 1}d}".rstrip("0").rstrip(".") if rest else str(whole)


def _quoted(text: str) -> str:
    """Return a text in double quotes as package time puts it: what is not plain ASCII byte by byte."""
    said = []
    for letter in text:
        if letter in '"\\':
            said.append("\\" + letter)
        elif " " <= letter < "\x80":
            said.append(letter)
        else:
            said += [f"\\x{byte:02x}" for byte in letter.encode("utf-8", "replace")]
    return '"' + "".join(said) + '"'

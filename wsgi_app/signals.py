"""What LAVA's signals look like on a console, to whoever reads one: `<LAVA_SIGNAL_NAME PARAMETERS>`."""

import math
import re

from attrs import frozen

#: a signal; what a shell traces or a listing of a script shows is none
SIGNAL = re.compile(rb"(?<!echo )(?<!echo [\"'])<LAVA_SIGNAL_([A-Z]{3,32})(?: ([^>\n]{0,4000}))?>")

_PARAMETER = re.compile(rb"(?:^|\s)([A-Z_]{3,32})=")
_NUMBER = re.compile(rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
#: what a kernel, a serial line's logger or a dispatcher may put before a line: times, names in brackets
_PREFIX = re.compile(rb"\s*(?:\[[^\]\n]{0,64}\]\s*|[0-9TZ:.+-]{8,40}\s+){0,3}")
_LONGEST = 8192


@frozen
class CaseSignal:
    """What one test case signal says: texts as they were sent, empty when nothing was."""

    name: str
    result: str
    #: "" unless it is a number
    measurement: str
    units: str


def parameters(data: bytes) -> dict[bytes, bytes]:
    """Return what stands behind each `KEY=`, quotes taken off."""
    parts = _PARAMETER.split(data)
    return {key: value.strip(b" \t\"'") for key, value in zip(parts[1::2], parts[2::2], strict=True)}


def measured(data: bytes) -> float | None:
    """Return the number that stands there, None when it is none, or too large for one."""
    found = float(data) if _NUMBER.fullmatch(data) else math.inf
    return found if math.isfinite(found) else None


def lone_case(line: bytes) -> CaseSignal | None:
    """Return what a line says that is nothing but one test case signal, None for all others."""
    if b"<LAVA_SIGNAL_TESTCASE " not in line or len(line) > _LONGEST:
        return None
    found = _PREFIX.match(line)
    signal = SIGNAL.match(line, found.end() if found else 0)
    # a parameter that makes no sense to the shell was traced, not sent
    if signal is None or signal[1] != b"TESTCASE" or line[signal.end() :].strip() or b"$" in signal[2]:
        return None
    told = parameters(signal[2].strip())
    value = told.get(b"MEASUREMENT", b"")
    if not told.get(b"TEST_CASE_ID"):
        return None
    return CaseSignal(
        told[b"TEST_CASE_ID"].decode("utf-8", "replace"),
        told.get(b"RESULT", b"").decode("utf-8", "replace").lower(),
        "" if measured(value) is None else value.decode(),
        told.get(b"UNITS", b"").decode("utf-8", "replace"),
    )

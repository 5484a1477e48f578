"""Upstream's words on the wire: envelopes, numbers, names of states, tags.

Source: jobs-contest.md sections 1.3 to 1.4 and 4.1.
"""

import json
import re
from collections.abc import Sequence
from enum import StrEnum

from wsgi_app import errors
from wsgi_app.campaign import Phase
from wsgi_app.errors import TackroomError
from wsgi_app.model import Job
from wsgi_app.protocols.contest import responses
from wsgi_app.protocols.contest.responses import Response, StatusResponse
from wsgi_app.states import RecipeStatus

#: that a list is asked for by
MOST_TAGS = 100
#: characters of a caller's own words that are repeated
_REPEATED = 1000
_LARGEST = (1 << 63) - 1
#: a 64-bit number has at most so many digits, and with one more it is surely too large
_DIGITS = 20
_DECIMAL = re.compile("[0-9]*")
_TAG = re.compile("[a-zA-Z0-9_-]+")
#: what a browser could take for markup
_MARKUP = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})
#: line ends to JavaScript, if not to JSON
_LINE_ENDS = str.maketrans({"\u2028": "\\u2028", "\u2029": "\\u2029"})
_TEXT = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
#: the payload of an event, a text or a flat object: no text has such a key in it, for its quotes have backslashes
_PAYLOAD = re.compile(rf'"Payload":(?:{_TEXT}|\{{(?:[^"{{}}]|{_TEXT})*+\}})')


class Level(StrEnum):
    """Which of the two kinds of error a refusal is (jobs-contest.md 1.3)."""

    REQUEST = "request"  #: the call is not taken: 400 and `Msg`
    API = "api"  #: it was taken, and has no good end: 200 and `Error`


#: who may call is a matter of the call; all else is the answer's
LEVELS: dict[type[TackroomError], Level] = {
    errors.Invalid: Level.API,
    errors.Unauthenticated: Level.REQUEST,
    errors.Denied: Level.REQUEST,
    errors.NoCommands: Level.API,
    errors.NotFound: Level.API,
    errors.Conflict: Level.API,
    errors.LengthMissing: Level.API,
    errors.TooLarge: Level.API,
    errors.BeyondLimit: Level.API,
    errors.Unavailable: Level.API,
    errors.DiskFull: Level.API,
}

#: names of states; the states that a job never has here may be asked for
STATES: dict[str, Phase | None] = {
    "JobStateStarted": Phase.STARTED,
    "JobStateCompleted": Phase.COMPLETED,
    "JobStateFailed": Phase.FAILED,
    "JobStatePaused": None,
    "JobStatePauseFailed": None,
    "JobStateCancelling": Phase.CANCELLING,
    "JobStateCancelled": Phase.CANCELLED,
    "JobStateCancellationFailed": None,
}
STATE_NAMES: dict[Phase, str] = {phase: name for name, phase in STATES.items() if phase is not None}


def level_of(error: TackroomError) -> Level:
    """Return which kind of error a refusal is, by its class or the nearest above it that the table has."""
    return next(LEVELS[kind] for kind in type(error).__mro__ if kind in LEVELS)


def phase_of(job: Job) -> Phase:
    """Return how far a job has come: it is over when it is settled."""
    stopped = job.cancelling or job.status is RecipeStatus.CANCELLED
    if not job.settled:
        return Phase.CANCELLING if stopped else Phase.STARTED
    ends = {RecipeStatus.CANCELLED: Phase.CANCELLED, RecipeStatus.ABORTED: Phase.FAILED}
    return ends.get(job.status, Phase.COMPLETED)


def envelope(response: Response) -> bytes:
    """Return the body of a response: 200 and a line of JSON, with escapes for markup in payloads of events alone."""
    value = {
        "ServerID": response.server_id,
        "Type": response.type.mnemonic,
        "Data": _data(response),
        "Error": response.err or None,
    }
    text = _json(value)
    if isinstance(response, StatusResponse):
        # upstream's steps have encoded theirs before
        text = _PAYLOAD.sub(lambda payload: payload[0].translate(_MARKUP), text)
    return text.encode() + b"\n"


def refusal(message: str) -> bytes:
    """Return the body of a call that is not taken: 400 and JSON without a line end, with escapes for markup."""
    return _json({"Msg": message}).translate(_MARKUP).encode()


def parse_job_id(text: str) -> int:
    """Return the number as Go reads a signed one and takes it for an unsigned one. Raises ValueError with its words."""
    if not text.strip():
        raise ValueError("job ID cannot be empty")
    digits = text[1:] if text[0] in "+-" else text
    number = digits.lstrip("0")
    first = _DECIMAL.match(number[: _DIGITS + 1])
    # Go finds the number too large before it sees what follows
    overflow = first is not None and int(first[0] or "0") >= 1 << 64
    if not overflow and (not digits or _DECIMAL.fullmatch(digits) is None):
        raise ValueError(f"strconv.ParseInt: parsing {quoted(text)}: invalid syntax")
    negative = text[0] == "-"
    if overflow or int(number or "0") > _LARGEST + negative:
        raise ValueError(f"strconv.ParseInt: parsing {quoted(text)}: value out of range")
    return (-int(number or "0") if negative else int(number or "0")) % (1 << 64)


def phases(names: Sequence[str]) -> list[Phase]:
    """Return the phases that names of states mean, without those that jobs have not here. Raises ValueError."""
    for name in names:
        if name not in STATES:
            raise ValueError(f"invalid job state {quoted(name)}")
    return [phase for name in names if (phase := STATES[name]) is not None]


def check_tags(tags: Sequence[str]) -> None:
    """Raise ValueError unless each is a tag and none is there twice."""
    known: set[str] = set()
    for tag in tags:
        if _TAG.fullmatch(tag) is None:
            raise ValueError(f"{quoted(tag)} is not a valid tag")
        if tag in known:
            raise ValueError(f"duplicate tag {quoted(tag)}")
        known.add(tag)
    if len(tags) > MOST_TAGS:
        raise ValueError(f"a list is asked for by at most {MOST_TAGS} tags")


def quoted(text: str) -> str:
    """Return a text in double quotes as Go's `%q` has it; not all of what is very long."""
    rest = "..." if len(text) > _REPEATED else ""
    return '"' + "".join(map(_quoted_letter, text[:_REPEATED])) + rest + '"'


_SHORT = {
    '"': '\\"',
    "\\": "\\\\",
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
}


def _quoted_letter(letter: str) -> str:
    if letter in _SHORT:
        return _SHORT[letter]
    if letter.isprintable():
        return letter
    number = ord(letter)
    # bytes that are no UTF-8 come as lone surrogates
    if 0xDC80 <= number <= 0xDCFF:
        return f"\\x{number - 0xDC00:02x}"
    if number < 0x80:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _data(response: Response) -> object:
    match response.data:
        case responses.StartData(job_id):
            return {"JobID": job_id}
        case responses.StopData():
            return {}
        case responses.StatusData(status):
            return {"Status": status}
        case responses.RetryData(job_id, new_job_id):
            return {"JobID": job_id, "NewJobID": new_job_id}
        case responses.VersionData(version):
            return {"Version": version}
        case responses.ListData(job_ids):
            return {"JobIDs": job_ids}
        case responses.ValidateData(job_name, tests, steps, reporters):
            return {"JobName": job_name, "Tests": tests, "Steps": steps, "Reporters": reporters}


def _json(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).translate(_LINE_ENDS)
    # a surrogate without its other half is no character: Go writes U+FFFD for it
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

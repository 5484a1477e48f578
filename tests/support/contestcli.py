"""A model of ConTest's stock client, run as a command: what it sends byte for byte, prints, and exits with.

Source: jobs-contest.md section 9. It decodes what it is answered into the same types, so that what the real one could
not read fails here, too. Only the pause between two polls (`-w`) can be set: CONTESTCLI_POLL, in seconds.
"""

import base64
import json
import os
import re
import socket
import ssl
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, unquote, urljoin, urlsplit

from attrs import define, field

STATES = {
    "JobStateStarted",
    "JobStateCompleted",
    "JobStateFailed",
    "JobStatePaused",
    "JobStatePauseFailed",
    "JobStateCancelling",
    "JobStateCancelled",
    "JobStateCancellationFailed",
}
COMPLETION = {"JobStateCompleted", "JobStateFailed", "JobStateCancelled", "JobStateCancellationFailed"}
NUMBERED = ("stop", "status", "retry")
VALUED = {"-a": "addr", "--addr": "addr", "-r": "requestor", "--requestor": "requestor"}
LISTED = {"--states": "states", "--tags": "tags"}
SWITCHES = {"-w": "wait", "--wait": "wait", "-Y": "yaml", "--yaml": "yaml"}

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)")
_MARKUP = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})

Decoder = Callable[[Any], Any]


class Failure(Exception):
    """What ends the client with status 1."""


@define
class Flags:
    """The command line."""

    addr: str = "http://localhost:8080"
    requestor: str = "contestcli-http"
    wait: bool = False
    yaml: bool = False
    help: bool = False
    states: list[str] = field(factory=list)
    tags: list[str] = field(factory=list)
    words: list[str] = field(factory=list)

    @classmethod
    def parse(cls, given: Sequence[str]) -> "Flags":
        """Read flags wherever they stand."""
        flags, left = cls(), list(given)
        while left:
            word, equals, value = left.pop(0).partition("=")
            if word in SWITCHES:
                setattr(flags, SWITCHES[word], True)
            elif word in ("-h", "--help"):
                flags.help = True
            elif word in VALUED or word in LISTED:
                if not equals and not left:
                    raise Failure(f"flag needs an argument: {word}")
                value = value if equals else left.pop(0)
                if word in VALUED:
                    setattr(flags, VALUED[word], value)
                else:
                    getattr(flags, LISTED[word]).extend(value.split(","))
            elif word.startswith("-") and not re.fullmatch("-[0-9]*", word):
                raise Failure(f"unknown flag: {word}")
            else:
                flags.words.append(word + equals + value)
        return flags


def main(given: Sequence[str]) -> int:
    """Do what the command line says."""
    try:
        flags = Flags.parse(given)
        if flags.help:
            print("Usage: contestcli [flags] VERB [args]", file=sys.stderr)
            return 0
        run(flags)
    except (Failure, OSError, HTTPException) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def run(flags: Flags) -> None:
    """Make the call, and wait for the job if that is wanted."""
    if not flags.words:
        raise Failure("Missing verb, see --help")
    verb = flags.words[0].lower()
    answer = call(flags, verb, params(flags, verb))
    show(answer)
    if verb != "start" or not flags.wait or answer["Err"] is not None:
        return
    asked = {"jobID": str(answer["Data"]["JobID"]), "requestor": flags.requestor}
    while True:
        answer = call(flags, "status", asked)
        if answer["Err"] is not None:
            raise Failure(f"server responded with an error: {answer['Err']}")
        if answer["Data"]["Status"]["State"] in COMPLETION:
            show(answer)
            return
        time.sleep(float(os.environ.get("CONTESTCLI_POLL", "10")))


def params(flags: Flags, verb: str) -> dict[str, str]:
    """Return the form of a verb."""
    who = {"requestor": flags.requestor}
    if verb == "version":
        return who
    if verb == "start":
        return {"jobDesc": descriptor(flags), **who}
    if verb in NUMBERED:
        if len(flags.words) < 2:
            raise Failure("missing job ID")
        number = flags.words[1]
        if not re.fullmatch("-?[0-9]+", number) or int(number) == 0:
            raise Failure(f"Invalid job ID: {number}")
        return {"jobID": number, **who}
    if verb != "list":
        raise Failure(f"invalid verb: '{verb}'")
    for state in flags.states:
        if state not in STATES:
            raise Failure(f'invalid job state "{state}"')
    listed = {"states": ",".join(flags.states), "tags": ",".join(flags.tags)}
    return {**who, **{name: value for name, value in listed.items() if value}}


def descriptor(flags: Flags) -> str:
    """Return the descriptor of the file, or of standard input, as it is sent."""
    text = Path(flags.words[1]).read_text() if len(flags.words) > 1 else sys.stdin.read()
    value = parsed_yaml(text) if flags.yaml else parsed_json(text)
    value.setdefault("Version", "1.0")
    return json.dumps(value, indent=4, sort_keys=True, ensure_ascii=False).translate(_MARKUP)


def parsed_json(text: str) -> dict[str, Any]:
    """Return the object in a text."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise Failure(f"failed to parse job descriptor: {error}") from error
    if not isinstance(value, dict):
        raise Failure("failed to parse job descriptor: no object")
    return value


def parsed_yaml(text: str) -> dict[str, Any]:
    """Return the mapping in a text; an empty one is one."""
    import yaml

    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise Failure(f"failed to parse job descriptor: {error}") from error
    if not isinstance(value or {}, dict) or not strings_only(value):
        raise Failure("failed to parse job descriptor: keys must be strings")
    return value or {}


def strings_only(value: object) -> bool:
    """Whether all keys of all mappings are strings."""
    if isinstance(value, dict):
        return all(isinstance(name, str) and strings_only(below) for name, below in value.items())
    return not isinstance(value, list) or all(map(strings_only, value))


def call(flags: Flags, verb: str, form: Mapping[str, str]) -> dict[str, Any]:
    """Make a call and return what is shown of its answer."""
    parts = urlsplit(flags.addr)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Failure(f"invalid server address: {flags.addr}")
    url = parts._replace(path=f"{parts.path}/{verb}").geturl()
    print(f"Requesting URL {url} with requestor ID '{flags.requestor}'", file=sys.stderr)
    print(f"  with params:\n    {dict(form)}", file=sys.stderr)
    status, reason, body = post(url, encoded(form))
    print(f"The server responded with status {status} {reason}", file=sys.stderr)
    return decoded(verb, status, body)


def encoded(form: Mapping[str, str]) -> bytes:
    """Return the body of a form, its names sorted."""
    return "&".join(f"{name}={quote_plus(form[name])}" for name in sorted(form)).encode()


def request_bytes(url: str, body: bytes) -> bytes:
    """Return the request as Go's client writes it."""
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [
        f"POST {target} HTTP/1.1",
        f"Host: {parts.netloc.rpartition('@')[2]}",
        "User-Agent: Go-http-client/1.1",
        f"Content-Length: {len(body)}",
    ]
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        lines.append(f"Authorization: Basic {base64.b64encode(pair.encode()).decode()}")
    lines += ["Content-Type: application/x-www-form-urlencoded", "Accept-Encoding: gzip", "", ""]
    return "\r\n".join(lines).encode() + body


def post(url: str, body: bytes) -> tuple[int, str, bytes]:
    """Send a form, follow where it is sent on to, and return status, its name and the body."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    with socket.create_connection((parts.hostname or "", port)) as plain:
        if parts.scheme == "https":
            connection: socket.socket = ssl.create_default_context().wrap_socket(plain, server_hostname=parts.hostname)
        else:
            connection = plain
        connection.sendall(request_bytes(url, body))
        response = HTTPResponse(connection, method="POST")
        response.begin()
        location = response.headers.get("Location")
        if response.status in (307, 308) and location:
            return post(urljoin(url, location), body)
        return response.status, response.reason, response.read()


def decoded(verb: str, status: int, body: bytes) -> dict[str, Any]:
    """Return server, data and error of an answer, each of its type."""
    try:
        value = json.loads(body)
    except ValueError as error:
        raise Failure(f"response is not a valid HTTP API response object: {error}") from error
    if not isinstance(value, dict):
        raise Failure("response is not a valid HTTP API response object")
    if status != 200:
        return {"ServerID": "", "Data": DATA[verb]({}), "Err": text(value.get("Msg"))}
    refused = value.get("Error")
    if refused == "":
        raise Failure("response is not a valid HTTP API response object: error message must not be empty")
    data = DATA[verb](value.get("Data") or {})
    return {"ServerID": text(value.get("ServerID")), "Data": data, "Err": nullable(text)(refused)}


def show(answer: Mapping[str, Any]) -> None:
    """Print an answer."""
    print(json.dumps(answer, indent=1, ensure_ascii=False).translate(_MARKUP), flush=True)


def text(value: Any) -> str:
    """A Go string."""
    if value is not None and not isinstance(value, str):
        raise Failure(f"json: cannot unmarshal {value!r} into Go value of type string")
    return value or ""


def flag(value: Any) -> bool:
    """A Go bool."""
    if not isinstance(value, bool | None):
        raise Failure(f"json: cannot unmarshal {value!r} into Go value of type bool")
    return bool(value)


def number(value: Any) -> int:
    """A Go uint64."""
    if isinstance(value, bool) or not isinstance(value, int | None) or not 0 <= (value or 0) < 1 << 64:
        raise Failure(f"json: cannot unmarshal {value!r} into Go value of type uint64")
    return value or 0


def moment(value: Any) -> str:
    """A Go time."""
    if value is None:
        return "0001-01-01T00:00:00Z"
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise Failure(f"parsing time {value!r}")
    return value


def anything(value: Any) -> Any:
    """Raw JSON."""
    return value


def nullable(decode: Decoder) -> Decoder:
    """A Go pointer."""
    return lambda value: None if value is None else decode(value)


def several(decode: Decoder) -> Decoder:
    """A Go slice."""

    def read(value: Any) -> Any:
        if not isinstance(value, list | None):
            raise Failure(f"json: cannot unmarshal {value!r} into Go value of type slice")
        return None if value is None else [decode(one) for one in value]

    return read


def struct(*optional: str, **fields: Decoder) -> Decoder:
    """A Go struct, of which some fields are left out when they are empty."""

    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise Failure(f"json: cannot unmarshal {value!r} into Go value of a struct")
        # a name that the client does not know would be passed over: here it is a mistake of the server
        if set(value) - set(fields):
            raise Failure(f"unknown fields: {sorted(set(value) - set(fields))}")
        found = {name: decode(value.get(name)) for name, decode in fields.items()}
        return {name: one for name, one in found.items() if one or name not in optional}

    return read


TARGET = struct(
    "FQDN", "PrimaryIPv4", "PrimaryIPv6", "TMS", ID=text, FQDN=text, PrimaryIPv4=text, PrimaryIPv6=text, TMS=anything
)
HEADER = struct(JobID=number, RunID=number, TestName=text, TestAttempt=number, TestStepLabel=text)
EVENT_DATA = struct(Target=nullable(TARGET), EventName=text, Payload=anything)
EVENT = struct(SequenceID=number, EmitTime=moment, Header=nullable(HEADER), Data=nullable(EVENT_DATA))
PLACE: dict[str, Decoder] = {"JobID": number, "RunID": number, "TestName": text}
STEP_PLACE: dict[str, Decoder] = {**PLACE, "TestStepName": text, "TestStepLabel": text}
TARGET_STATUS = struct(
    **STEP_PLACE,
    Target=nullable(TARGET),
    InTime=moment,
    OutTime=moment,
    Error=text,
    Events=several(EVENT),
)
STEP_STATUS = struct(**STEP_PLACE, Events=several(EVENT), TargetStatuses=several(TARGET_STATUS))
TEST_STATUS = struct(**PLACE, TestStepStatuses=several(STEP_STATUS), TargetStatuses=several(TARGET_STATUS))
RUN_STATUS = struct(JobID=number, RunID=number, StartTime=moment, TestStatuses=several(TEST_STATUS))
REPORT = struct("RunID", JobID=number, RunID=number, ReporterName=text, ReportTime=moment, Success=flag, Data=anything)
JOB_REPORT = struct(JobID=number, RunReports=several(several(REPORT)), FinalReports=several(REPORT))
STATUS = struct(
    Name=text,
    State=text,
    StateErrMsg=text,
    StartTime=moment,
    EndTime=nullable(moment),
    RunStatus=nullable(RUN_STATUS),
    RunStatuses=several(RUN_STATUS),
    JobReport=nullable(JOB_REPORT),
)
DATA: dict[str, Decoder] = {
    "start": struct(JobID=number),
    "stop": struct(),
    "status": struct(Status=nullable(STATUS)),
    "retry": struct(JobID=number, NewJobID=number),
    "list": struct(JobIDs=several(number)),
    "version": struct(Version=number),
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

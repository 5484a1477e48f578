"""The command `tackroom-sync` that tasks use: to say that they are there, and to wait for the others of the set."""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

from wsgi_app.harnesses.request import ask
from wsgi_app.harnesses.understand import Parser, Unasked, tell

NAME = "tackroom-sync"
SLACK = 30.0  #: seconds after its time limit in which a wait may still be answered, as when the harness is restarted
LONGEST_SAY = 4096  #: bytes
LONGEST_STATE = 255  #: bytes


def main(spool: str, arguments: list[str]) -> int:
    """Do it and return the exit status.

    0: said, or reached. 1: not reached in time. 2: a wrong call. 3: a peer has ended without getting there. 4: refused.
    """
    try:
        request = understand(arguments)
    except Unasked as unasked:
        return tell(NAME, unasked.reply)
    until = request.get("until")
    patience = None if until is None else until - time.monotonic() + SLACK
    return tell(NAME, ask(Path(spool), request, patience))


def understand(arguments: list[str], cwd: Path | None = None) -> dict[str, Any]:
    """Return the request that a call makes, wherever; its time limit counts from now. Raises Unasked."""
    options = _parser().parse_args(arguments)
    request: dict[str, Any] = {"do": options.verb, "state": options.state}
    if options.verb == "set":
        request["say"] = options.say
        return request
    limit: float | None = options.timeout
    # The clock is the machine's own, so the limit holds for a harness that is started meanwhile.
    until = None if limit is None else time.monotonic() + limit
    request.update(role=options.role, any=options.any, others=options.others, until=until)
    return request


def _state(text: str) -> str:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError("a state is UTF-8") from None
    if not 1 <= size <= LONGEST_STATE or any(letter < " " or letter in "/\x7f" for letter in text):
        raise argparse.ArgumentTypeError("a state is 1 to 255 bytes without slashes and control characters")
    return text


def _json(text: str) -> str:
    try:
        short = json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        size = len(short.encode())
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from None
    if size > LONGEST_SAY:
        raise argparse.ArgumentTypeError(f"more than {LONGEST_SAY} bytes")
    return short


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not (math.isfinite(value) and value >= 0):
        raise argparse.ArgumentTypeError("not a number of seconds")
    return value


def _parser() -> Parser:
    parser = Parser(prog=NAME, description="Say to the other recipes of the set how far this one is, or wait for them.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="set|wait")
    arrive = verbs.add_parser("set", help="say that this recipe has reached a state")
    arrive.add_argument("state", type=_state, metavar="STATE", help="any words; the state belongs to the recipe set")
    arrive.add_argument("--say", type=_json, metavar="JSON", help="something for those who wait to read")
    wait = verbs.add_parser("wait", help="wait until the recipes of the set have reached a state, this one included")
    wait.add_argument("state", type=_state, metavar="STATE", help="as somebody sets it")
    wait.add_argument("--role", help="wait only for those that have this role")
    wait.add_argument("--any", action="store_true", help="one of them is enough")
    wait.add_argument("--others", action="store_true", help="this recipe itself does not count")
    wait.add_argument("--timeout", type=_seconds, metavar="SECONDS", help="wait no longer")
    return parser

"""The command `tackroom-report` that tasks use: results and logs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from wsgi_app.harnesses.request import FAILED, ask
from wsgi_app.harnesses.understand import Parser, Unasked, tell

NAME = "tackroom-report"
HERE = Path()


def main(spool: str, arguments: list[str]) -> int:
    """Report; the exit status is 0 when the controller has it, 1 when something was refused, 2 for a wrong call."""
    try:
        request = understand(arguments)
    except Unasked as unasked:
        return tell(NAME, unasked.reply)
    reply = ask(Path(spool), request)
    return tell(NAME, reply._replace(exit=FAILED if reply.exit else 0))


def understand(arguments: list[str], cwd: Path = HERE) -> dict[str, Any]:
    """Return the request that a call in the directory `cwd` (by default where we are) makes; raises Unasked."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.result is None and not options.log:
        parser.error("say a RESULT and a PATH, or --log FILE")
    if options.result is not None and options.path is None:
        parser.error("a RESULT needs a PATH")
    if options.name is not None and (options.result is not None or len(options.log) != 1):
        parser.error("--name is for one --log without a RESULT")
    return {"do": "report", **_request(options, cwd)}


def _request(options: argparse.Namespace, cwd: Path) -> dict[str, Any]:
    logs = [{"file": str((cwd / file).absolute()), "name": options.name or Path(file).name} for file in options.log]
    if options.result is None:
        return {"logs": logs}
    form = {"result": options.result, "path": options.path}
    if options.score is not None:
        form["score"] = str(options.score)
    if options.message is not None:
        form["message"] = options.message
    return {"form": form, "logs": logs}


def _parser() -> Parser:
    parser = Parser(
        prog=NAME,
        usage="tackroom-report RESULT PATH [--score N] [--message M] [--log FILE]...\n"
        "       tackroom-report --log FILE [--name NAME]",
        description="Report a result of the task that calls this, with logs, or just upload logs of the task.",
    )
    parser.add_argument("result", nargs="?", help="Pass, Warn, Fail, Skip or None")
    parser.add_argument("path", nargs="?", help="which part of the task the result is about")
    parser.add_argument("--score", type=int, help="a number")
    parser.add_argument("--message", help="a few words")
    parser.add_argument("--log", action="append", default=[], metavar="FILE", help="a file to upload")
    parser.add_argument("--name", help="what the log is called, if not as the file")
    return parser

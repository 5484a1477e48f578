"""The command `tackroom-report` that tasks use: results and logs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from wsgi_app.harnesses.local.request import FAILED, ask


def main(spool: str, arguments: list[str]) -> int:
    """Report; the exit status is 0 when the controller has it, 1 when something was refused, 2 for a wrong call."""
    options = _parser().parse_args(arguments)
    if options.result is None and not options.log:
        _parser().error("say a RESULT and a PATH, or --log FILE")
    if options.result is not None and options.path is None:
        _parser().error("a RESULT needs a PATH")
    if options.name is not None and (options.result is not None or len(options.log) != 1):
        _parser().error("--name is for one --log without a RESULT")
    reply = ask(Path(spool), {"do": "report", **_request(options)})
    if reply.problem:
        sys.stderr.write(f"tackroom-report: {reply.problem}\n")
    return FAILED if reply.exit else 0


def _request(options: argparse.Namespace) -> dict[str, Any]:
    logs = [{"file": str(Path(file).absolute()), "name": options.name or Path(file).name} for file in options.log]
    if options.result is None:
        return {"logs": logs}
    form = {"result": options.result, "path": options.path}
    if options.score is not None:
        form["score"] = str(options.score)
    if options.message is not None:
        form["message"] = options.message
    return {"form": form, "logs": logs}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tackroom-report",
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

"""The command `tackroom-report` that tasks use.

It does not speak to the controller: it leaves a request in the task's spool and waits for the harness's answer, so a
report survives whatever happens to network, controller and harness meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import time
from pathlib import Path
from typing import Any

POLL = 0.02  #: seconds
REQUEST = ".request"
ANSWER = ".answer"

#: what the script in the task's PATH hands to Python: works from a source tree and from a zipapp
_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from wsgi_app.harnesses.local.report import main; sys.exit(main(sys.argv[2], sys.argv[3:]))"
)


def install(directory: Path, spool: Path) -> None:
    """Put the command into a directory, bound to a task's spool."""
    directory.mkdir(parents=True, exist_ok=True)
    spool.mkdir(parents=True, exist_ok=True)
    root = Path(__file__).resolve().parents[3]
    words = [sys.executable or "python3", "-I", "-S", "-c", _PROGRAM, str(root), str(spool)]
    script = directory / "tackroom-report"
    temporary = directory / "tackroom-report.new"
    temporary.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    temporary.chmod(0o755)
    temporary.replace(script)


def main(spool: str, arguments: list[str]) -> int:
    """Report; the exit status is 0 when the controller has it, 1 when something was refused, 2 for a wrong call."""
    options = _parser().parse_args(arguments)
    if options.result is None and not options.log:
        _parser().error("say a RESULT and a PATH, or --log FILE")
    if options.result is not None and options.path is None:
        _parser().error("a RESULT needs a PATH")
    if options.name is not None and (options.result is not None or len(options.log) != 1):
        _parser().error("--name is for one --log without a RESULT")
    problem = ask(Path(spool), _request(options))
    if problem:
        sys.stderr.write(f"tackroom-report: {problem}\n")
        return 1
    return 0


def ask(spool: Path, request: dict[str, Any]) -> str:
    """Leave a request, wait for the answer, return what was refused ("" when nothing was)."""
    name = f"{time.time_ns():020d}-{os.getpid()}"
    temporary = spool / f"{name}.new"
    temporary.write_text(json.dumps(request))
    waiting = spool / (name + REQUEST)
    temporary.replace(waiting)
    answer = spool / (name + ANSWER)
    while not answer.exists():
        time.sleep(POLL)
    problem: str = json.loads(answer.read_text())["problem"]
    # In this order: a request without its answer would be worked off again.
    waiting.unlink(missing_ok=True)
    answer.unlink()
    return problem


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

"""The command `tackroom-abort` that tasks use: to end their recipe, because it makes no sense to go on."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from wsgi_app.harnesses.local.request import ask


def main(spool: str, arguments: list[str]) -> int:
    """Abort the recipe; the exit status is 0 when the harness is about to do it, 2 for a wrong call."""
    options = _parser().parse_args(arguments)
    reply = ask(Path(spool), {"do": "abort", "message": options.message})
    if reply.problem:
        sys.stderr.write(f"tackroom-abort: {reply.problem}\n")
    return reply.exit


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tackroom-abort",
        description="Abort the recipe whose task calls this: all processes of the task are killed.",
    )
    parser.add_argument("message", help="why, for whoever reads the job")
    return parser

"""The command `tackroom-abort` that tasks use: to end their recipe, because it makes no sense to go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wsgi_app.harnesses.request import ask
from wsgi_app.harnesses.understand import Parser, Unasked, tell

NAME = "tackroom-abort"


def main(spool: str, arguments: list[str]) -> int:
    """Abort the recipe; the exit status is 0 when the harness is about to do it, 2 for a wrong call."""
    try:
        request = understand(arguments)
    except Unasked as unasked:
        return tell(NAME, unasked.reply)
    return tell(NAME, ask(Path(spool), request))


def understand(arguments: list[str], cwd: Path | None = None) -> dict[str, Any]:
    """Return the request that a call makes, wherever; raises Unasked."""
    return {"do": "abort", "message": _parser().parse_args(arguments).message}


def _parser() -> Parser:
    parser = Parser(
        prog=NAME,
        description="Abort the recipe whose task calls this: all processes of the task are killed.",
    )
    parser.add_argument("message", help="why, for whoever reads the job")
    return parser

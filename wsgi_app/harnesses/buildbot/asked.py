"""What a command in a task left in its spool, read; and the answer, written so that a shell can read it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from wsgi_app.harnesses import abort, report, sync
from wsgi_app.harnesses.plain import plain
from wsgi_app.harnesses.request import WRONG_USE, Reply
from wsgi_app.harnesses.understand import Unasked, problem

LONGEST = 1024 * 1024  #: bytes of a request: more than a kernel lets anyone call a command with is of no use
COMMANDS = {module.NAME: module.understand for module in (report, sync, abort)}
LAST = "."  #: the last line of an answer, so that a part of one is not taken for it


def read(body: bytes) -> tuple[str, dict[str, Any]]:
    """Return the command's name and what it asks for; raises Unasked."""
    words = [os.fsdecode(word) for word in body.split(b"\0")]
    cwd, name, *arguments = words if len(words) > 2 and not words[-1] else ["", "", ""]
    understand = COMMANDS.get(name)
    if understand is None or not cwd.startswith("/"):
        raise Unasked(Reply(WRONG_USE, "the request is none"))
    try:
        return name, understand(arguments[:-1], Path(cwd))
    except ValueError as error:
        raise Unasked(Reply(WRONG_USE, plain(str(error)))) from error


def answer(name: str, reply: Reply) -> bytes:
    """Return an answer: the exit status, lines for standard output (o) and standard error (e), and LAST."""
    said = [f"o{line}" for line in reply.output.split("\n")] if reply.output else []
    if reply.problem:
        said += [f"e{line}" for line in problem(name, reply).split("\n")]
    text = "\n".join([str(reply.exit), *said, LAST, ""])
    return text.replace("\0", "").encode("utf-8", "replace")

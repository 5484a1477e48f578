"""The commands that tasks call, taken apart: what the words behind them ask for, or what is wrong with the words.

Nothing is printed here: where a command was called and where its words are read need not be one machine.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any, NoReturn

from wsgi_app.harnesses.request import DONE, WRONG_USE, Reply


class Unasked(Exception):
    """The words ask for nothing that a harness could do: they are wrong, or ask for help; `reply` says so."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.problem or reply.output)
        self.reply = reply


class Parser(argparse.ArgumentParser):
    """A parser that neither prints nor exits: it raises Unasked."""

    def error(self, message: str) -> NoReturn:
        """Raise Unasked with the usage and what is wrong."""
        raise Unasked(Reply(WRONG_USE, f"{self.format_usage()}{self.prog}: error: {message}"))

    def print_help(self, file: Any = None) -> None:
        """Raise Unasked with the help."""
        raise Unasked(Reply(DONE, "", self.format_help().rstrip("\n")))


def tell(name: str, reply: Reply) -> int:
    """Print what became of a call of the command `name` and return its exit status."""
    if reply.output:
        sys.stdout.write(reply.output + "\n")
    if reply.problem:
        sys.stderr.write(problem(name, reply) + "\n")
    return reply.exit


def problem(name: str, reply: Reply) -> str:
    """What the command `name` says on standard error: usage as it is, anything else behind the command's name."""
    return reply.problem if reply.problem.startswith("usage:") else f"{name}: {reply.problem}"

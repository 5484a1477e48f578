"""How the command prints data: tables for people, JSON for scripts."""

import io
import json
import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import click

from wsgi_app.cli.tables import table
from wsgi_app.documents.reports.shown import UNSAFE

F = TypeVar("F", bound=Callable[..., Any])


def json_option(what: str) -> Callable[[F], F]:
    """Return the option `--json` of a subcommand that prints `what`; its function gets `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help=f"Print {what} as JSON.")


def print_json(value: object) -> None:
    """Print a value as JSON, indented."""
    click.echo(_json(value, indent=2))


def print_json_line(value: object) -> None:
    """Print a value as JSON on one line."""
    click.echo(_json(value))


def print_json_list(values: Iterable[object]) -> None:
    """Print values as a JSON array, each as soon as it is there."""
    opening = "["
    for value in values:
        click.echo(opening + "\n" + textwrap.indent(_json(value, indent=2), "  "), nl=False)
        opening = ","
    click.echo("[]" if opening == "[" else "\n]")


def print_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table; on a terminal in colour and no wider than the window."""
    click.echo(table(head, rows, width=window(), colour=True))


def window() -> int | None:
    """Return how many columns there are to print in, None when that is no terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def when(time: str | None) -> str:
    """Return a time of the API (RFC 3339, UTC) as people read it, to the second and without the zone."""
    return "" if time is None else time.partition(".")[0].rstrip("Z").replace("T", " ")


def set_up_streams() -> None:
    """Let no character that the terminal cannot show end the command; and no file or socket be taken for a stream.

    Whoever closes a stream (`>&-`) is told at the first use of it.
    """
    # nobody reads what is said on a standard error that is closed; the others are opened so that they fail
    for name, mode, access in (("stdin", "r", os.O_WRONLY), ("stdout", "w", os.O_RDONLY), ("stderr", "w", os.O_WRONLY)):
        if getattr(sys, name) is None:
            # the lowest descriptor that is free is that of the first stream that is closed
            setattr(sys, name, os.fdopen(os.open(os.devnull, access), mode, encoding="utf-8"))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def flush_lines() -> None:
    """Write each line at once from now on, also into a pipe."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)


def no_colour() -> bool:
    """Return whether the environment asks for none: NO_COLOR with any text (no-color.org), or a dumb terminal."""
    return bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"


def _json(value: object, indent: int | None = None) -> str:
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    # what JSON may hold as it is, and a terminal would obey
    return UNSAFE.sub(lambda match: _unit(match[0]), text)


def _unit(char: str) -> str:
    # beyond 16 bits JSON has two of them
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else json.dumps(char)[1:-1]

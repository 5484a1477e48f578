"""Logs on the command line: which there are, what is in them, and new ones."""

import os
import sys
import time
from collections import Counter, deque
from io import FileIO
from itertools import islice
from pathlib import Path
from typing import Any

import click

from wsgi_app.cli.arguments import AMOUNT, NUMBER, SECONDS
from wsgi_app.cli.bar import Bar, human
from wsgi_app.cli.client import Client, Refused, Unreachable
from wsgi_app.cli.grep import grep
from wsgi_app.cli.jobpages import pages, recipes_of, together
from wsgi_app.cli.output import json_option, print_json, print_table
from wsgi_app.cli.patience import Patience, tell
from wsgi_app.cli.remotelog import RemoteLog, check_path, log_of, logs_of
from wsgi_app.cli.terminal import Harmless, flush, harmless, write
from wsgi_app.cli.upload import Upload, content_of

#: seconds between two looks at a growing log, and at its recipe
LOOK_SECONDS = 0.5
ASK_SECONDS = 1.0
#: how long `tail -f` bears with a server that does not answer
PATIENCE_SECONDS = 300.0
#: lines shown before and after the one that was asked for
AROUND = 5

WHICH = (
    "PATH is the log's URL path below /recipes/R/: logs/NAME, tasks/T/logs/NAME or tasks/T/results/N/logs/NAME; "
    "'tackroom log list R' has them all. Instead of R PATH, what results print as WHERE will do."
)


def _raw(command: Any) -> Any:
    return click.option("--raw", is_flag=True, help="Print the bytes as they are, terminal escapes included.")(command)


@click.group()
def log() -> None:
    """Read and write logs."""


log.add_command(grep)


@log.command(name="list", short_help="List the logs of a recipe or job.", epilog="Example: tackroom log list 47")
@click.argument("recipe", metavar="[R]", type=NUMBER, required=False)
@click.option("--job", "job", metavar="J", type=NUMBER, help="The logs of all recipes of job J.")
@json_option("the logs")
def list_logs(recipe: int | None, job: int | None, as_json: bool) -> None:
    """List the logs of recipe R: size, state, lines, format, and what they are marked with.

    STATE: growing, finished (it has been read, and its results are listed), damaged (not what was declared). DECLARED:
    whether its harness said beforehand what it was going to be, and whether that came true.
    """
    if (recipe is None) == (job is None):
        raise click.UsageError("say which recipe, or which --job")
    client = Client.from_environment()
    numbers = [recipe] if recipe is not None else _recipes(client, job or 0)
    found = [(number, entry) for number in numbers for entry in logs_of(client, number or 0)]
    if as_json:
        print_json([{"recipe": number, **entry} for number, entry in found])
        return
    rows: list[tuple[object, ...]] = [
        (
            f"recipes/{number}/{entry['path']}" if job is not None else entry["path"],
            human(entry["size"]),
            entry["state"],
            entry["lines"],
            entry["format"],
            _declared(entry),
            _marks(entry["marks"]),
        )
        for number, entry in found
    ]
    print_table(("PATH", "SIZE", "STATE", "LINES", "FORMAT", "DECLARED", "MARKS"), rows)


@log.command(
    short_help="Print a log, or a line with those around it.",
    epilog=f"{WHICH}\n\nExample: tackroom log show recipes/47/logs/console.log:1203",
)
@click.argument("words", metavar="R PATH[:LINE]", nargs=-1, required=True)
@_raw
def show(words: tuple[str, ...], raw: bool) -> None:
    """Print a log, or with :LINE that line and those around it.

    Control characters are printed as text (\\x1b): a log is whatever a machine under test has sent.
    """
    which, line = log_of(Client.from_environment(), words)
    if line is not None:
        _show_around(which, line, raw)
        return
    printer = _Printer(raw)
    if which.size():
        for block in which.blocks():
            printer.print(block)
    printer.close()


@log.command(
    short_help="Print the end of a log, and go on with it.",
    epilog=f"{WHICH}\n\nExample: tackroom log tail -f 47 tasks/49/logs/taskout.log",
)
@click.argument("words", metavar="R PATH", nargs=-1, required=True)
@click.option("-n", "lines", type=AMOUNT, default=10, show_default=True, help="How many lines.")
@click.option("-f", "follow", is_flag=True, help="Go on while the log grows, until its recipe is settled.")
@_raw
def tail(words: tuple[str, ...], lines: int, follow: bool, raw: bool) -> None:
    """Print the last lines of a log.

    With -f a log that nobody has written yet is waited for, and a server that is restarted, too.
    """
    which, _ = log_of(Client.from_environment(), words)
    size = (which.size_or_none() or 0) if follow else which.size()
    printer = _Printer(raw)
    for block in which.blocks(which.start_of_tail(size, lines), size):
        printer.print(block)
    if follow:
        _follow(which, size, printer)
    printer.close()


@log.command(
    short_help="Upload a log, and see that it is there whole.",
    epilog="PATH is the log's URL path below /recipes/R/: logs/NAME, tasks/T/logs/NAME or tasks/T/results/N/logs/NAME."
    "\n\n\b\nExamples:\n  tackroom log put 47 logs/dmesg.txt dmesg.txt\n"
    "  make 2>&1 | tackroom log put 47 logs/make.log -",
)
@click.argument("recipe", metavar="R", type=NUMBER)
@click.argument("path")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option(
    "--give-up-after",
    type=SECONDS,
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to try again while the server does not answer, and to wait until it has verified the log.",
)
@json_option("the log")
def put(recipe: int, path: str, file: Path, give_up_after: float, as_json: bool) -> None:
    """Upload FILE (- for standard input) as a log of recipe R, and see that it is there whole.

    Goes up in ranges of 1 MiB. An upload that was cut off goes on where it was: run the same command again. The log is
    declared with its size and SHA-256, and it is done when the server has verified that: it prints "verified", the
    SHA-256 and the log. Uses the recipe's key in TACKROOM_KEY, else makes one, which needs a token of the job's owner
    or an admin.
    """
    check_path(path)
    client = Client.from_environment()
    which = RemoteLog(client, recipe, path, os.environ.get("TACKROOM_KEY"))
    size = None if str(file) == "-" else file.stat().st_size
    bar = Bar(path, size, sys.stderr)
    try:
        found = _put(which, file, give_up_after, bar)
    finally:
        bar.close()
    if as_json:
        print_json(found)
    else:
        click.echo(f"verified {found['sha256']} {which.name}")


def _put(which: RemoteLog, file: Path, give_up_after: float, bar: Bar) -> dict[str, Any]:
    if str(file) == "-":
        return Upload(_with_key(which), give_up_after, bar).stream(FileIO(0, closefd=False))
    content = content_of(file, bar)
    known = which.known()
    if known is not None and content.verified(known):
        # also when its recipe has finished long ago, and gives no more keys
        return known
    return Upload(_with_key(which), give_up_after, bar).file(file, content)


def _with_key(which: RemoteLog) -> RemoteLog:
    if which.key is not None:
        return which
    key = which.client.ask("POST", f"recipes/{which.recipe}/key")["key"]
    return RemoteLog(which.client, which.recipe, which.path, key)


def _recipes(client: Client, job: int) -> list[int]:
    return [recipe["id"] for recipe in recipes_of(together(list(pages(client, job))))]


def _declared(entry: dict[str, Any]) -> str:
    if entry["declared"] is None:
        return ""
    return {"finished": "verified", "damaged": "differs"}.get(entry["state"], "not yet")


def _marks(marks: list[dict[str, Any]]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in Counter(mark["kind"] for mark in marks).items())


class _Printer:
    """Prints a log's blocks as they come, raw or harmless."""

    def __init__(self, raw: bool) -> None:
        self._text = None if raw else Harmless()

    def print(self, block: bytes) -> None:
        write(block if self._text is None else self._text.feed(block))
        flush()

    def close(self) -> None:
        if self._text is not None:
            write(self._text.feed(b"", final=True))
        flush()


def _show_around(which: RemoteLog, wanted: int, raw: bool) -> None:
    """Print a line with those around it and their numbers."""
    before: deque[tuple[int, bytes]] = deque(maxlen=AROUND)
    lines = enumerate(which.lines(), 1)
    for number, line in lines:
        if number < wanted:
            before.append((number, line))
            continue
        for place, text in (*before, (number, line), *islice(lines, AROUND)):
            mark = ">" if place == wanted else " "
            write(f"{mark}{place:7}  ")
            write(text if raw else harmless(text))
        return
    raise click.ClickException(f"{which.name} has {before[-1][0] if before else 0} lines")


def _follow(which: RemoteLog, place: int, printer: _Printer) -> None:
    """Print what a log gets behind `place` until its recipe is settled."""
    patience = Patience(PATIENCE_SECONDS)
    asked, settled = 0.0, False
    while True:
        try:
            # asked first: what came before it was settled is printed
            if time.monotonic() - asked >= ASK_SECONDS:
                settled = which.client.get(f"recipes/{which.recipe}/")["settled"]
                asked = time.monotonic()
            size = which.size() if settled else which.size_or_none() or 0
            if size < place:
                tell(f"{which.name} has been replaced: from its beginning")
                place = 0
            for block in which.blocks(place) if size > place else ():
                place += len(block)
                printer.print(block)
        except (Unreachable, Refused) as trouble:
            patience.bear(trouble)
            continue
        patience.rest()
        if settled:
            return
        time.sleep(LOOK_SECONDS)

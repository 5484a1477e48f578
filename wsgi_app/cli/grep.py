"""`tackroom log grep`: the lines of a recipe's logs that match, as grep prints them."""

import re
from collections import deque

import click
from attrs import frozen

from wsgi_app.cli.arguments import AMOUNT, NUMBER
from wsgi_app.cli.client import Client
from wsgi_app.cli.remotelog import RemoteLog, check_path, logs_of
from wsgi_app.cli.terminal import flush, harmless, write
from wsgi_app.documents.reports.shown import printable

#: exit status when no line matches, as grep's
NONE_FOUND = 1


@frozen
class _Wish:
    """What to look for, and how to print it."""

    pattern: "re.Pattern[bytes]"
    count: bool
    before: int
    after: int
    raw: bool


@click.command(
    short_help="Print the lines of logs that match.",
    epilog="Example: tackroom log grep 47 -i 'call trace' -A 20\n\nExit status: 0 found, 1 nothing found.",
)
@click.argument("recipe", metavar="R", type=NUMBER)
@click.argument("pattern")
@click.argument("paths", metavar="[PATH]...", nargs=-1)
@click.option("-i", "ignore_case", is_flag=True, help="Small and capital letters are the same.")
@click.option("-F", "fixed", is_flag=True, help="PATTERN is plain text.")
@click.option("-c", "count", is_flag=True, help="Print how many lines match, log by log.")
@click.option("-n", "numbers", is_flag=True, help="Print line numbers: they are printed in any case, as in results.")
@click.option("-A", "after", metavar="N", type=AMOUNT, help="Print N lines behind each match, too.")
@click.option("-B", "before", metavar="N", type=AMOUNT, help="Print N lines before each match, too.")
@click.option("-C", "around", metavar="N", type=AMOUNT, default=0, help="Both.")
@click.option("--raw", is_flag=True, help="Print the bytes as they are, terminal escapes included.")
@click.pass_context
def grep(
    context: click.Context,
    recipe: int,
    pattern: str,
    paths: tuple[str, ...],
    ignore_case: bool,
    fixed: bool,
    count: bool,
    numbers: bool,
    after: int | None,
    before: int | None,
    around: int,
    raw: bool,
) -> None:
    """Print the lines of recipe R's logs (or of these PATHs) that match PATTERN, as PATH:LINE:TEXT.

    PATTERN is a regular expression of Python's, for bytes: it is looked for in the log as it is, line by line, without
    the line's end.
    """
    text = pattern.encode("utf-8", "surrogateescape")
    try:
        compiled = re.compile(re.escape(text) if fixed else text, re.IGNORECASE if ignore_case else 0)
    except re.error as error:
        raise click.UsageError(f"{pattern!r} is no regular expression: {error}") from None
    wish = _Wish(compiled, count, around if before is None else before, around if after is None else after, raw)
    for path in paths:
        check_path(path)
    client = Client.from_environment()
    names = paths or [log["path"] for log in logs_of(client, recipe) if log["size"]]
    # in order, and all of them: what was found in one says nothing of the next
    found = [_grep(RemoteLog(client, recipe, path), wish) for path in names]
    flush()
    context.exit(0 if any(found) else NONE_FOUND)


def _grep(log: RemoteLog, wish: _Wish) -> bool:
    """Print a log's matches; True when there are any."""
    if wish.count:
        matches = sum(wish.pattern.search(_content(line)) is not None for line in log.lines())
        write(f"{printable(log.path)}:{matches}\n")
        return matches > 0
    return _print_matches(log, wish)


def _print_matches(log: RemoteLog, wish: _Wish) -> bool:
    before: deque[tuple[int, bytes]] = deque(maxlen=wish.before)
    # the last line that was printed, and until which line context goes on
    printed = until = 0
    found = False
    for number, line in enumerate(log.lines(), 1):
        if wish.pattern.search(_content(line)) is not None:
            first = before[0][0] if before else number
            if printed and first > printed + 1 and (wish.before or wish.after):
                write("--\n")
            for place, text in before:
                _print(log, place, "-", text, wish)
            before.clear()
            _print(log, number, ":", line, wish)
            printed, until, found = number, number + wish.after, True
        elif number <= until:
            _print(log, number, "-", line, wish)
            printed = number
        else:
            before.append((number, line))
    return found


def _print(log: RemoteLog, number: int, sign: str, line: bytes, wish: _Wish) -> None:
    write(f"{printable(log.path)}{sign}{number}{sign}")
    content = _content(line)
    write(content if wish.raw else harmless(content))
    write("\n")


def _content(line: bytes) -> bytes:
    """Return a line without its end."""
    return line.rstrip(b"\n").rstrip(b"\r")

"""Logs on the command line."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click

from wsgi_app.cli.client import Client, Refused
from wsgi_app.harnesses.local.progress import Progress

#: bytes of one PUT
RANGE = 1024 * 1024
#: seconds between two looks at a growing log
LOOK_SECONDS = 0.5

PATH_HELP = "PATH is the log's URL path below /recipes/R/: logs/NAME, tasks/T/logs/NAME or tasks/T/results/N/logs/NAME."


@click.group()
def log() -> None:
    """Read and write logs."""


@log.command(epilog=PATH_HELP)
@click.argument("recipe", metavar="R", type=int)
@click.argument("path")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def put(recipe: int, path: str, file: Path) -> None:
    """Upload FILE as a log of recipe R, in ranges.

    Uses the recipe's key in TACKROOM_KEY, else makes one, which needs a token of the job's owner or an admin.
    """
    client = Client.from_environment()
    key = os.environ.get("TACKROOM_KEY") or client.call("POST", f"recipes/{recipe}/key").json()["key"]
    target = f"recipes/{recipe}/{path}"
    size = file.stat().st_size
    bar = Progress(path, size, sys.stderr)
    with file.open("rb") as source:
        if size == 0:
            client.call("PUT", target, body=b"", key=key)
        for first in range(0, size, RANGE):
            block = source.read(RANGE)
            span = f"bytes {first}-{first + len(block) - 1}/{size}"
            client.call("PUT", target, body=block, headers={"Content-Range": span}, key=key)
            bar.update(first + len(block))
    bar.close()
    click.echo(f"{size} bytes: {target}")


@log.command(epilog=PATH_HELP)
@click.argument("recipe", metavar="R", type=int)
@click.argument("path")
@click.option("--raw", is_flag=True, help="Print the bytes as they are, terminal escapes included.")
def show(recipe: int, path: str, raw: bool) -> None:
    """Print a log of recipe R."""
    client = Client.from_environment()
    place = 0
    for block in _blocks(client, recipe, path, place):
        _print(block, raw)


@log.command(epilog=PATH_HELP)
@click.argument("recipe", metavar="R", type=int)
@click.argument("path")
@click.option("-n", "lines", type=click.IntRange(min=0), default=10, show_default=True, help="How many lines.")
@click.option("-f", "follow", is_flag=True, help="Go on while the log grows, until its recipe has finished.")
@click.option("--raw", is_flag=True, help="Print the bytes as they are, terminal escapes included.")
def tail(recipe: int, path: str, lines: int, follow: bool, raw: bool) -> None:
    """Print the last lines of a log of recipe R."""
    client = Client.from_environment()
    size = _size(client, recipe, path, follow)
    # lines of up to 1,000 bytes on average; a log of longer ones shows fewer
    first = max(0, size - 1000 * (lines + 1))
    data = b"".join(_blocks(client, recipe, path, first)) if size else b""
    _print(b"".join(data.splitlines(keepends=True)[-lines:]) if lines else b"", raw)
    place = first + len(data)
    while follow:
        finished = client.get(f"recipes/{recipe}/")["settled"]
        if _size(client, recipe, path, not finished) > place:
            for block in _blocks(client, recipe, path, place):
                place += len(block)
                _print(block, raw)
        if finished:
            return
        time.sleep(LOOK_SECONDS)


def _size(client: Client, recipe: int, path: str, follow: bool) -> int:
    """Return how long a log is; one that is to be followed need not be there yet."""
    try:
        return int(client.call("HEAD", f"recipes/{recipe}/{path}").headers["Content-Length"])
    except Refused as refusal:
        if refusal.status == 404 and follow:
            return 0
        raise


def _blocks(client: Client, recipe: int, path: str, first: int) -> Iterator[bytes]:
    """Yield what a log holds from a byte on."""
    while True:
        headers = {"Range": f"bytes={first}-{first + RANGE - 1}", "Accept-Encoding": "identity"}
        try:
            response = client.call("GET", f"recipes/{recipe}/{path}", headers=headers)
        except Refused as refusal:
            if refusal.status == 416:
                return
            raise
        yield response.data
        first += len(response.data)
        if response.status != 206 or not response.data:
            return


def _print(data: bytes, raw: bool) -> None:
    sys.stdout.buffer.write(data if raw else _harmless(data))
    sys.stdout.buffer.flush()


def _harmless(data: bytes) -> bytes:
    """Return text in which control characters other than line ends and tabs are shown instead of obeyed."""
    text = data.decode("utf-8", "replace")
    return "".join(char if char.isprintable() or char in "\n\t" else f"\\x{ord(char):02x}" for char in text).encode()

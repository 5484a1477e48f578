"""A log on the server, as the command reads it: by ranges, so that its size never matters."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urljoin

import click
from attrs import frozen

from wsgi_app.cli.client import Client, Refused
from wsgi_app.core.logname import parse_path
from wsgi_app.errors import BadName, NoSuchLog

#: bytes of one GET
RANGE = 1024 * 1024
#: bytes of the first step back from a log's end; each further one is twice as long, up to RANGE
STEP_BACK = 16 * 1024
#: a line longer than that comes in pieces
LONGEST_LINE = 16 * 1024 * 1024

#: how results say where: a log and a line of it
_WHERE = re.compile(r"/?recipes/([1-9][0-9]{0,17})/(.+)", re.DOTALL)
_RECIPE = re.compile(r"[1-9][0-9]{0,17}")
_LINE = re.compile(r"(.+):([1-9][0-9]{0,17})", re.DOTALL)


@frozen
class RemoteLog:
    """The log `path` (below `/recipes/R/`) of a recipe."""

    client: Client
    recipe: int
    path: str
    #: a key of the recipe, used instead of the client's token
    key: str | None = None

    @property
    def name(self) -> str:
        """What results call it: `recipes/R/PATH`."""
        return f"recipes/{self.recipe}/{self.path}"

    @property
    def url(self) -> str:
        """Its URL below the client's."""
        return f"recipes/{self.recipe}/{quote(self.path)}"

    def size(self) -> int:
        """Return how many bytes it has. Raises `Refused` (404 while nobody has written it)."""
        try:
            answer = self.client.call("HEAD", self.url, headers={"Accept-Encoding": "identity"}, key=self.key)
        except Refused as refusal:
            # the answer to HEAD has no words
            if refusal.status != 404:
                raise
            words = f"there is no log {self.name}: 'tackroom log list {self.recipe}' shows which there are (status 404)"
            raise Refused(404, words) from None
        # httpd leaves it out of the answer to HEAD when it is 0
        return int(answer.headers.get("Content-Length", 0))

    def size_or_none(self) -> int | None:
        """Return how many bytes it has, None while nobody has written it."""
        try:
            return self.size()
        except Refused as refusal:
            if refusal.status == 404:
                return None
            raise

    def read(self, first: int, last: int) -> bytes:
        """Return its bytes from `first` to `last`, fewer when it ends before."""
        headers = {"Range": f"bytes={first}-{last}", "Accept-Encoding": "identity"}
        try:
            answer = self.client.call("GET", self.url, headers=headers, key=self.key)
        except Refused as refusal:
            if refusal.status == 416:
                return b""
            raise
        # a server may pass over the range
        return answer.data if answer.status == 206 else answer.data[first : last + 1]

    def blocks(self, first: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yield its bytes from `first` on, up to `end` or as far as it goes."""
        while end is None or first < end:
            block = self.read(first, first + RANGE - 1 if end is None else min(end, first + RANGE) - 1)
            if not block:
                return
            yield block
            first += len(block)
            if end is None and len(block) < RANGE:
                return

    def lines(self) -> Iterator[bytes]:
        """Yield its lines, with their ends; a line that is longer than 16 MiB in pieces."""
        rest: list[bytes] = []
        length = 0
        for block in self.blocks():
            *whole, last = block.split(b"\n")
            for line in whole:
                rest.append(line + b"\n")
                yield b"".join(rest)
                rest, length = [], 0
            if last:
                rest.append(last)
                length += len(last)
            if length > LONGEST_LINE:
                yield b"".join(rest)
                rest, length = [], 0
        if rest:
            yield b"".join(rest)

    def start_of_tail(self, size: int, lines: int) -> int:
        """Return where the last `lines` lines of its first `size` bytes begin, however long they are."""
        if size == 0:
            return 0
        end, step = size, STEP_BACK
        # the end of the last line is none of a line before it
        wanted = lines + 1 if lines and self.read(size - 1, size - 1) == b"\n" else lines
        if wanted == 0:
            return size
        while end > 0:
            first = max(0, end - step)
            block = self.read(first, end - 1)
            there = block.count(b"\n")
            if there >= wanted:
                place = len(block)
                for _ in range(wanted):
                    place = block.rindex(b"\n", 0, place)
                return first + place + 1
            wanted -= there
            end, step = first, min(RANGE, 2 * step)
        return 0

    def known(self) -> dict[str, Any] | None:
        """Return what the server knows of it: its entry of the log index; None while it is not registered."""
        # the index goes in order of path: begin right before it
        place: str | None = f"recipes/{self.recipe}/log-index?limit=20&after={quote(self.path[:-1], safe='')}"
        while place is not None:
            answer = self.client.ask("GET", place, headers={"Accept": "application/json"}, key=self.key)
            for log in answer["logs"]:
                if log["path"] == self.path:
                    found: dict[str, Any] = log
                    return found
                if log["path"] > self.path:
                    return None
            place = None if answer["next"] is None else urljoin(place, answer["next"])
        return None


def log_of(client: Client, words: tuple[str, ...]) -> tuple[RemoteLog, int | None]:
    """Return the log, and the line of it, that `R PATH`, `R PATH:LINE` or `recipes/R/PATH:LINE` mean."""
    if len(words) == 1 and (found := _WHERE.fullmatch(words[0])):
        recipe, path = int(found[1]), found[2]
    elif len(words) == 2 and _RECIPE.fullmatch(words[0]):
        recipe, path = int(words[0]), words[1]
    else:
        raise click.UsageError("say which log: R PATH, or recipes/R/PATH:LINE as results print it")
    check_path(path)
    log = RemoteLog(client, recipe, path)
    numbered = _LINE.fullmatch(path)
    # a log's own name may end like that
    if numbered is None or log.size_or_none() is not None:
        return log, None
    return RemoteLog(client, recipe, numbered[1]), int(numbered[2])


def check_path(path: str) -> None:
    """Raise `UsageError` for what cannot be a log's path."""
    try:
        parse_path(0, path)
    except (NoSuchLog, BadName, ValueError):
        raise click.UsageError(
            f"{path!r} is no log's path: logs/NAME, tasks/T/logs/NAME or tasks/T/results/N/logs/NAME"
        ) from None


def logs_of(client: Client, recipe: int) -> Iterator[dict[str, Any]]:
    """Yield what is known of a recipe's logs, in order of path."""
    yield from client.pages(f"recipes/{recipe}/log-index?limit=1000", "logs")

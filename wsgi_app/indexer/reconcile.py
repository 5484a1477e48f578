"""Walks the log tree: what is there, whatever was or was not told."""

import os
from collections.abc import Iterator
from pathlib import Path

from wsgi_app.indexer import place, settle
from wsgi_app.model import LogAddress


def recipes(root: Path) -> Iterator[int]:
    """Yield the recipes that have a directory."""
    with os.scandir(root) as entries:
        for entry in entries:
            if place.holds_logs(entry.name) and entry.is_dir(follow_symlinks=False):
                yield int(entry.name)


def logs(root: Path, recipe: int) -> Iterator[LogAddress]:
    """Yield the logs of a recipe that are on disk, and sweep what uploads left there long ago."""
    for directory in directories(root, str(recipe)):
        try:
            settle.sweep(root / directory)
            with os.scandir(root / directory) as entries:
                for entry in entries:
                    if not entry.is_file(follow_symlinks=False):
                        continue
                    if address := place.address(f"{directory}/{entry.name}"):
                        yield address
        except FileNotFoundError:
            continue


def directories(root: Path, top: str) -> Iterator[str]:
    """Yield the directory `top` and those below it in which logs may lie, as paths below the root."""
    waiting = [top]
    while waiting:
        directory = waiting.pop()
        try:
            with os.scandir(root / directory) as entries:
                names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        except (FileNotFoundError, NotADirectoryError):
            continue
        yield directory
        waiting += [path for name in names if place.holds_logs(path := f"{directory}/{name}")]

"""Measures what is to be fast, side by side in one run: `make bench`, also with `QUICK=1` and `ARGS="puts calls"`.

Prints a table for each module and writes all figures to build/bench.json. Ends with status 1 when a bar is missed; a
quick run judges nothing.
"""

import argparse
import importlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import table
from figure import Figure
from growth import Growth
from scale import Scale

#: what `measure` and a docstring make, in the order in which they run
MODULES = (
    "puts",
    "peers",
    "memory",
    "calls",
    "indexing",
    "closing",
    "growing",
    "delays",
    "crowding",
    "waiters",
    "stored",
    "lists",
    "readers",
    "cases",
    "workers",
    "sockets",
    "callbacks",
)
WRITTEN = Path("build/bench.json")


class Module(Protocol):
    """A group of figures. Its docstring says what is compared with what."""

    __doc__: str
    measure: Callable[[Scale], Iterator[Figure | Growth]]


def main(words: Sequence[str]) -> int:
    """Run the named modules, or all."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=", ".join(MODULES))
    parser.add_argument("--quick", action="store_true", help="a little of everything, nothing judged")
    parser.add_argument("--out", type=Path, default=WRITTEN, help="where the figures go (%(default)s)")
    given = parser.parse_args(words)
    strange = set(given.modules) - set(MODULES)
    if strange:
        parser.error(f"no such module: {', '.join(sorted(strange))}")
    rows: list[dict[str, Any]] = []
    for name in given.modules or MODULES:
        rows += run(name, Scale(given.quick))
        # after each: what breaks later takes nothing away
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(rows, indent=1) + "\n")
    missed = [row["figure"] for row in rows if row["met"] == "no"]
    print(f"\n{len(rows)} figures in {given.out}" + (f"; missed: {'; '.join(missed)}" if missed else ""))
    return int(bool(missed))


def run(name: str, scale: Scale) -> list[dict[str, Any]]:
    """Measure what a module measures, print it, and return its rows."""
    module = cast(Module, importlib.import_module(name))
    begun = time.monotonic()
    found = list(module.measure(scale))
    print(f"\n{name}: {module.__doc__.splitlines()[0]} ({time.monotonic() - begun:.0f} s)\n")
    print("\n".join(table.lines(found, judged=not scale.quick)), flush=True)
    figures = [row.figure if isinstance(row, Growth) else row for row in found]
    return [{**one.row(), "met": "" if scale.quick else one.met} for one in figures]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

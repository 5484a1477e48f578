"""What was measured, as people read it and as programs do."""

import json
from pathlib import Path

from attrs import asdict, define, field, frozen


@frozen
class Figure:
    """One measured value; `bar` is what it may be at most, if anything was promised."""

    figure: str
    value: float
    unit: str
    bar: float | None = None

    @property
    def met(self) -> bool:
        """Whether the promise is kept."""
        return self.bar is None or self.value <= self.bar


@define
class Figures:
    """All of a run."""

    all: list[Figure] = field(factory=list)

    def add(self, figure: str, value: float, unit: str, bar: float | None = None) -> None:
        """Note one, and print it."""
        made = Figure(figure, round(value, 2), unit, bar)
        self.all.append(made)
        print(_line(made), flush=True)

    def write(self, path: Path) -> None:
        """Write them as JSON, and as a table for a page beside it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        values = [{**asdict(one), "met": one.met} for one in self.all]
        path.write_text(json.dumps(values, indent=1) + "\n")
        rows = [f"| {one.figure} | {one.value:,.10g} {one.unit} | {_bar(one)} |" for one in self.all]
        path.with_suffix(".md").write_text("\n".join(["| | measured | at most |", "|---|---|---|", *rows]) + "\n")


def _line(one: Figure) -> str:
    told = "" if one.bar is None else f"   at most {one.bar:g}: {'yes' if one.met else 'NO'}"
    return f"{one.figure:48}{one.value:>14,.10g} {one.unit}{told}"


def _bar(one: Figure) -> str:
    return "" if one.bar is None else f"{one.bar:g}" + ("" if one.met else " (missed)")

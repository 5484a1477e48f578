"""One row of the table: what was measured of ours, of something else beside it, and what is asked of the two."""

from typing import Any

from attrs import frozen


@frozen
class Figure:
    """A measured figure. Judged is the ratio of ours to the other's; where there is no other, ours itself."""

    figure: str
    ours: float
    #: what was measured beside it in the same run; None: nothing, as for a time in milliseconds or a memory in MiB
    other: float | None = None
    #: what must be reached, and what is striven for; None: nothing is asked, it is there to be read
    bar: float | None = None
    goal: float | None = None
    #: more is better (calls a second); else less is (seconds, MiB)
    more: bool = True
    #: of `ours` and `other`: `/s`, `s`, `ms`, `MiB`
    unit: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours / the other's."""
        return None if not self.other else self.ours / self.other

    @property
    def met(self) -> str:
        """`goal`, `bar`, `no`; nothing where nothing is asked."""
        judged = self.ours if self.other is None else self.ratio
        if judged is None or self.bar is None:
            return ""
        for word, asked in (("goal", self.goal), ("bar", self.bar)):
            if asked is not None and (judged >= asked if self.more else judged <= asked):
                return word
        return "no"

    def row(self) -> dict[str, Any]:
        """The figure as build/bench.json has it."""
        return {
            "figure": self.figure,
            "ours": self.ours,
            "other": self.other,
            "unit": self.unit,
            "ratio": self.ratio,
            "bar": self.bar,
            "goal": self.goal,
            "met": self.met,
        }

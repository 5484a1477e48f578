"""How a cost grows: one measured thing at several sizes of what it has to do with."""

from attrs import frozen
from figure import Figure


@frozen
class Growth:
    """A row of a growth table. Judged is the last value / the first."""

    what: str
    #: of the values: `/s`, `s`, `ms`, `MiB`
    unit: str
    #: from the smallest to the largest
    sizes: tuple[int, ...]
    values: tuple[float, ...]
    #: what the ratio must reach; at most, or at least where more is better; None: it is there to be read
    bar: float | None = None
    more: bool = False
    #: of the sizes, such as `recipes stored`
    sized: str = ""

    @property
    def figure(self) -> Figure:
        """The largest beside the smallest."""
        name = f"{self.what}, {self.sizes[-1]:,} {self.sized}".rstrip() + f" / {self.sizes[0]:,}"
        return Figure(name, self.values[-1], self.values[0], bar=self.bar, more=self.more, unit=self.unit)

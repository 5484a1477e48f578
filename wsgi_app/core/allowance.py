"""How many recipes the lab may give systems to: none while it is in maintenance, else up to its limit."""

from attrs import define
from sqlalchemy import Connection

from wsgi_app.model import Lab
from wsgi_app.states import LabHealth
from wsgi_app.store.lab import count_held, load_lab

_HEALTH = {LabHealth.MAINTENANCE: "the lab is in maintenance", LabHealth.RETIRED: "the lab is retired"}


@define
class Allowance:
    """What the lab may give out at one moment: `held` recipes have systems already."""

    lab: Lab
    held: int

    @property
    def closed(self) -> bool:
        """Whether nothing is given out, however little is asked for."""
        return self.refusal(1) is not None

    def refusal(self, recipes: int) -> str | None:
        """Return why so many more recipes get no systems now, in a few words; None: they may."""
        if self.lab.health is not LabHealth.ACTIVE:
            words = f": {self.lab.description}" if self.lab.description else ""
            return _HEALTH[self.lab.health] + words
        most = self.lab.most_recipes
        if most is None or self.held + recipes <= most:
            return None
        if recipes > most:
            return f"the lab runs at most {most} recipes at a time, and these are {recipes}"
        return f"the lab runs at most {most} recipes at a time, and {self.held} have systems"

    def ever(self, recipes: int) -> bool:
        """Return whether so many recipes may have systems at the same time, if not now."""
        return self.lab.most_recipes is None or recipes <= self.lab.most_recipes


def load_allowance(tx: Connection) -> Allowance:
    """Return what the lab may give out now."""
    found = load_lab(tx)
    # counted only for who wants to know
    return Allowance(found, 0 if found.most_recipes is None else count_held(tx))

"""The lab itself: one row."""

from typing import Any

from sqlalchemy import Connection, func, select, update

from wsgi_app.model import Lab
from wsgi_app.states import FINISHED_RECIPE, LabHealth
from wsgi_app.store.schema import lab, recipes


def load_lab(tx: Connection) -> Lab:
    """Return whether the lab gives out work, and how much."""
    row = tx.execute(select(lab)).one()
    return Lab(LabHealth(row.health), row.description, row.most_recipes)


def update_lab(tx: Connection, **values: Any) -> None:
    """Change columns of the lab."""
    tx.execute(update(lab).values(**values))


def count_held(tx: Connection) -> int:
    """Return how many recipes have a system and are not finished."""
    held = recipes.c.assigned.is_not(None), recipes.c.settled.is_(False), recipes.c.status.not_in(FINISHED_RECIPE)
    return tx.execute(select(func.count()).select_from(recipes).where(*held)).scalar_one()

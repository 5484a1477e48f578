"""Which edition of a recipe's documents is the present one: read with each GET, and so in one prepared statement."""

from attrs import frozen
from sqlalchemy import Connection

from wsgi_app.states import Visibility
from wsgi_app.store.db import Database

_EDITION = """
SELECT recipe_sets.version, jobs.id, jobs.visibility, recipes.watchdog
FROM recipes JOIN recipe_sets ON recipe_sets.id = recipes.recipe_set JOIN jobs ON jobs.id = recipes.job
WHERE recipes.id = ?
"""


@frozen
class Edition:
    """How the documents of a recipe are, and for whom; `watchdog` changes without a new edition."""

    version: int
    job: int
    visibility: Visibility
    watchdog: float | None


def look(database: Database, recipe: int) -> Edition | None:
    """Return the edition that is committed now, or None."""
    row = database.look(_EDITION, recipe)
    return None if row is None else _edition(*row)


def load(tx: Connection, recipe: int) -> Edition:
    """Return the edition that the transaction sees, of a recipe that exists."""
    return _edition(*tx.exec_driver_sql(_EDITION, (recipe,)).one())


def _edition(version: int, job: int, visibility: str, watchdog: float | None) -> Edition:
    return Edition(version, job, Visibility(visibility), watchdog)

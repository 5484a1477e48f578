"""How many logs a recipe may have, and how many bytes in all of them."""

from sqlalchemy import Connection

from wsgi_app.config import Config
from wsgi_app.core import gate, lifecycle
from wsgi_app.core.change import Change
from wsgi_app.errors import Denied, TooManyBytes, TooManyLogs
from wsgi_app.model import LogAddress, Recipe
from wsgi_app.states import ResultValue
from wsgi_app.store import logs, results
from wsgi_app.store.logs import Used


def refusal(config: Config, used: Used, address: LogAddress) -> Denied | None:
    """Return why a recipe that uses so much may have no more logs, or None; its own (of no task) are not counted."""
    if 0 < config.max_recipe_bytes <= used.bytes:
        return TooManyBytes()
    if address.task is not None and 0 < config.max_logs <= used.logs:
        return TooManyLogs()
    return None


def require_room(config: Config, tx: Connection, address: LogAddress) -> None:
    """Raise `TooManyBytes` or `TooManyLogs` unless the log is there, or may come to be."""
    found = refusal(config, logs.used(tx, address.recipe), address)
    if found is not None and logs.load_log(tx, address.recipe, address.path) is None:
        raise found


def tell_full(config: Config, change: Change, number: int) -> None:
    """Say so, once, when a recipe has as many bytes of logs as it may."""
    if 0 < config.max_recipe_bytes <= logs.used(change.tx, number).bytes:
        recipe = lifecycle.recipe_of(change, number)
        if not recipe.settled:
            warn(change, recipe, None, TooManyBytes())


def warn(change: Change, recipe: Recipe, task: int | None, refused: Denied) -> None:
    """Add the one Warn that says that a limit is reached, and show it at the gate."""
    if not results.has_message(change.tx, recipe.id, str(refused)):
        change.gate(recipe.id, gate.FULL)
        # others may have said something of it in this transaction
        present = lifecycle.recipe_with(change, recipe.id, task=task)
        lifecycle.add_result(change, present, task, path="/", result=ResultValue.WARN, message=str(refused))

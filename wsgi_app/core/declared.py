"""Declared logs: what a log is going to be, whether it is that, and the seal. Source: design.md section 4.

A log is sealed when it was read and found to be what was declared, while its owner still runs. The row says so (its
`size` and `sha256` fit what was declared), and the gate file follows from it, as all of the gate does. Sealed comes
before finished: only once nobody can get past the gate any more is what was read there for good.
"""

from sqlalchemy import Connection

from wsgi_app.core import gate
from wsgi_app.core.change import Change
from wsgi_app.core.logname import parse_path
from wsgi_app.errors import LogClosed
from wsgi_app.model import Declaration, Log, LogAddress, Recipe
from wsgi_app.states import LogState
from wsgi_app.store import logs, recipes


def fulfilled(declared: Declaration | None, size: int, sha256: str | None) -> bool:
    """Whether something was declared of a log, and the log was read (then it has a digest) and is that."""
    return (
        declared is not None
        and sha256 is not None
        and declared.size in (None, size)
        and declared.sha256 in (None, sha256)
    )


def state_of(declared: Declaration | None, size: int, sha256: str) -> LogState:
    """Return the state of a log that was read for good."""
    return LogState.FINISHED if declared is None or fulfilled(declared, size, sha256) else LogState.DAMAGED


def closed(recipe: Recipe, task: int | None, now: float) -> bool:
    """Whether the logs of a recipe or its task take no more, whatever was declared."""
    closes = [recipe.closes, *(candidate.closes for candidate in recipe.tasks if candidate.id == task)]
    return any(moment is not None and moment <= now for moment in closes)


def seals(tx: Connection, recipe: Recipe, now: float) -> set[str]:
    """Return the gate files of the recipe's sealed logs; where all is closed, none is needed."""
    if closed(recipe, None, now):
        return set()
    return {
        gate.sealed_name(parse_path(recipe.id, log.path))
        for log in logs.standings(tx, recipe.id)
        if fulfilled(log.declared, log.size, log.sha256)
    }


def declare(change: Change, recipe: Recipe, log: Log, declared: Declaration) -> None:
    """Note what a log is going to be. Raises `LogClosed` when it is sealed: it is what was declared before."""
    if fulfilled(log.declared, log.size, log.sha256):
        raise LogClosed("The log is sealed: it is what was declared")
    logs.set_declared(change.tx, log.recipe, log.path, declared)
    change.log_event(recipe.job, log.recipe, log.path, log.state, log.size)


def look(change: Change, recipe: Recipe, address: LogAddress, log: Log, size: int, sha256: str) -> bool:
    """Note what was found in a declared log while its owner runs, and seal it when it is what was declared.

    One that was sealed and is something else by now grows again.
    """
    seal = gate.sealed_name(address)
    if fulfilled(log.declared, size, sha256):
        logs.set_log(change.tx, log.recipe, log.path, size=size, sha256=sha256)
        # also when it was before: a process may have died between its commit and the gate
        change.gate(log.recipe, seal)
        return True
    logs.set_log(change.tx, log.recipe, log.path, size=size, sha256=sha256, state=LogState.GROWING)
    change.revoke(log.recipe, seal)
    if log.state is not LogState.GROWING:
        change.log_event(recipe.job, log.recipe, log.path, LogState.GROWING, size)
    return False


def give_up(change: Change, recipe: Recipe) -> None:
    """Mark the logs as damaged that were declared, and of which not even a file came."""
    for log in logs.load_logs(change.tx, recipe.id, states=[LogState.GROWING]):
        if log.declared is not None:
            logs.set_log(change.tx, log.recipe, log.path, state=LogState.DAMAGED, sha256=None)
            change.log_event(recipe.job, log.recipe, log.path, LogState.DAMAGED, log.size)
    count_damaged(change, recipe)


def count_damaged(change: Change, recipe: Recipe) -> None:
    """Bring the recipe's number of damaged logs in line with its logs."""
    damaged = logs.count_by_state(change.tx, recipe.id)[LogState.DAMAGED]
    if damaged != recipe.damaged:
        recipes.update_recipe(change.tx, recipe.id, damaged=damaged)

"""Waiting for ports: what the controller sees of them ends the tasks that wait. Source: jobs-contest.md section 8.

The task itself only waits for our word, a sync state of its recipe; so it works with any harness, and goes on when the
harness or we were restarted meanwhile.
"""

import json
from collections.abc import Sequence

from attrs import frozen

from wsgi_app.core import lifecycle, sync
from wsgi_app.core.campaign import duration
from wsgi_app.core.campaign.steps import waitport_state
from wsgi_app.core.change import Change, Ground
from wsgi_app.states import ResultValue
from wsgi_app.store import portwaits, recipes
from wsgi_app.store.portwaits import PortWait

#: the path of the result that says what came of it
PATH = "waitport"
#: seconds for which the recipe lives on when its wait is to end
MARGIN = 300.0


@frozen
class Look:
    """What was seen of the port that a task waits for: `problem` is why it did not answer, None when it did."""

    task: int
    problem: str | None


class PortWaits:
    """The ports that tasks wait for."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def due(self) -> tuple[PortWait, ...]:
        """Return the ports that are to be looked at; waits whose tasks have ended are dropped."""
        with self._ground.read() as tx:
            found = portwaits.due_waits(tx, self._ground.now(tx))
        if found.ended:
            with self._ground.change() as change:
                portwaits.end_waits(change.tx, found.ended)
        return found.running

    def tell(self, looks: Sequence[Look]) -> None:
        """Note what was seen: a port that answers, or is given up, ends its task's wait with a result and our word."""
        with self._ground.change() as change:
            for look in looks:
                wait = portwaits.load_wait(change.tx, look.task)
                if wait is not None:
                    _judge(change, wait, look.problem)


def _judge(change: Change, wait: PortWait, problem: str | None) -> None:
    where = f"port {wait.port} ({wait.protocol}) of {wait.host}"
    if problem is None:
        _end(change, wait, ResultValue.PASS, f"{where} answers", None)
        return
    deadline = wait.deadline
    if deadline is not None and deadline <= change.now:
        words = f"{where} did not answer within {duration.spelled(wait.timeout or 0.0)}: {problem}"
        _end(change, wait, ResultValue.FAIL, words, words)
        return
    due = change.now + wait.interval
    portwaits.put_off(change.tx, wait.task, due if deadline is None else min(due, deadline))
    if deadline is not None:
        # a harness that only waits may not tell that it lives
        recipes.live_until(change.tx, wait.recipe, deadline + MARGIN)


def _end(change: Change, wait: PortWait, value: ResultValue, message: str, error: str | None) -> None:
    recipe = lifecycle.recipe_of(change, wait.recipe)
    lifecycle.add_result(change, recipe, wait.task, path=PATH, result=value, message=message)
    sync.announce(change, recipe, waitport_state(wait.task), json.dumps({"error": error}))
    portwaits.end_waits(change.tx, [wait.task])

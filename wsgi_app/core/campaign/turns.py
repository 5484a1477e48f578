"""Steps in their turn: what a task runs is made when the tasks before it have ended, as only then all is known."""

from collections.abc import Mapping, Sequence

from attrs import frozen
from sqlalchemy import Connection

from wsgi_app.campaign import Step, Target
from wsgi_app.core.campaign import scripts
from wsgi_app.core.campaign.steps import PortLook, Work, work_of
from wsgi_app.core.campaign.templateparse import BadTemplate
from wsgi_app.core.campaign.variables import PREFIX, Said, Variables, variables_of
from wsgi_app.core.change import Change
from wsgi_app.errors import Conflict
from wsgi_app.model import Recipe
from wsgi_app.store import campaigns, portwaits, recipes, turns
from wsgi_app.store.portwaits import PortWait

#: the path of the result that says why a step could not be made
PATH = "template"


def make_ready(change: Change, members: Sequence[Recipe]) -> None:
    """Make what the next task of each of these recipes of one set runs, where that is to be made now.

    Call it when recipes may start, and when a task of one has ended. What cannot be made becomes a task that fails and
    says why, so that it ends as every failed task does.
    """
    planned: _Planned | None = None
    for recipe in members:
        task = turns.next_task(change.tx, recipe.id)
        if task is None or not task.unmade:
            continue
        # once: a set may have thousands of targets
        planned = planned or _Planned.load(change.tx, recipe.recipe_set)
        try:
            work = _work(change, planned, recipe, task)
        except BadTemplate as error:
            work = Work(script=scripts.fail(PATH, _plain(str(error))))
        recipes.update_task(
            change.tx,
            task.id,
            command=None if work.command is None else list(work.command),
            script=work.script,
        )
        if work.port is not None:
            portwaits.insert_wait(change.tx, _wait(recipe.id, task.id, work.port), due=change.now)


@frozen
class _Planned:
    """What a campaign has planned for a set: steps by label, targets by name; none when no campaign made it."""

    steps: Mapping[str, Step]
    targets: Mapping[str, Target]

    @classmethod
    def load(cls, tx: Connection, group: int) -> "_Planned":
        """Load that of a set."""
        found = campaigns.attempt_of(tx, group)
        if found is None:
            return cls({}, {})
        job, attempt = found
        try:
            test = campaigns.load_plan(tx, job).tests[attempt.position.test - 1]
        except (Conflict, IndexError):
            # the step fails for it, and not the call of its harness
            return cls({}, {})
        return cls({step.label: step for step in test.steps}, {target.id: target for target in attempt.targets})


def _work(change: Change, planned: _Planned, recipe: Recipe, task: turns.NextTask) -> Work:
    target, step = planned.targets.get(recipe.system or ""), planned.steps.get(task.name)
    if target is None or step is None:
        raise BadTemplate("its campaign does not know this step")
    return work_of(step, target, _variables(change, recipe.id, target.id, step), task=task.id)


def _variables(change: Change, recipe: int, target: str, step: Step) -> Variables:
    # most steps use none, and a recipe may have very many results
    if not any("{{" in value and "Var" in value for values in step.params.values() for value in values):
        return Variables(target)
    return variables_of(target, (Said(*row) for row in turns.reported_below(change.tx, recipe, PREFIX)))


def _wait(recipe: int, task: int, look: PortLook) -> PortWait:
    return PortWait(task, recipe, look.host, look.port, look.protocol, look.timeout, look.interval)


def _plain(words: str) -> str:
    """Return words as a script can hold them, on one line."""
    return "".join(letter if letter.isprintable() else "?" for letter in words)

"""Steps in their turn: what a task runs is made when the tasks before it have ended, as only then all is known."""

from wsgi_app.campaign import Step
from wsgi_app.core.campaign import scripts
from wsgi_app.core.campaign.steps import PortLook, Work, work_of
from wsgi_app.core.campaign.templateparse import BadTemplate
from wsgi_app.core.campaign.variables import PREFIX, Said, Variables, variables_of
from wsgi_app.core.change import Change
from wsgi_app.store import campaigns, portwaits, recipes, turns
from wsgi_app.store.portwaits import PortWait

#: the path of the result that says why a step could not be made
PATH = "template"


def make_ready(change: Change, recipe: int) -> None:
    """Make what the next task of a recipe runs, when that is to be made now; else do nothing.

    Call it when a recipe may start, and when a task of it has ended. What cannot be made becomes a task that fails and
    says why, so that it ends as every failed task does.
    """
    task = turns.next_task(change.tx, recipe)
    if task is None or not task.unmade:
        return
    try:
        work = _work(change, recipe, task)
    except BadTemplate as error:
        work = Work(script=scripts.fail(PATH, _plain(str(error))))
    recipes.update_task(
        change.tx,
        task.id,
        command=None if work.command is None else list(work.command),
        script=work.script,
    )
    if work.port is not None:
        portwaits.insert_wait(change.tx, _wait(recipe, task.id, work.port), due=change.now)


def _work(change: Change, recipe: int, task: turns.NextTask) -> Work:
    group, system = turns.place_of(change.tx, recipe)
    found = campaigns.attempt_of(change.tx, group)
    if found is None:
        raise BadTemplate("no campaign knows what this step is")
    job, attempt = found
    test = campaigns.load_plan(change.tx, job).tests[attempt.position.test - 1]
    target = next((target for target in attempt.targets if target.id == system), None)
    step = next((step for step in test.steps if step.label == task.name), None)
    if target is None or step is None:
        raise BadTemplate("its campaign does not know this step")
    return work_of(step, target, _variables(change, recipe, target.id, step), task=task.id)


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

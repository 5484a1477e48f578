"""What a job must be to be stored, whatever document it came in."""

from attrs import frozen

from wsgi_app.campaign import Campaign, TargetList
from wsgi_app.core import metadata
from wsgi_app.core.notices import check as notices
from wsgi_app.errors import Invalid
from wsgi_app.submitted import NewJob, NewRecipe, NewTask

#: most recipes and tasks of one job
MOST_RECIPES = 2000
MOST_TASKS = 20000
#: most steps of a campaign, of all its tests together: whoever asks how far it is gets them all, for each run
MOST_STEPS = 2000
#: characters of the name of a job, a task, a role: every list repeats it
LONGEST_NAME = 2000


@frozen
class Wanted:
    """A system that a job names: `field` is where in the job, `place` where in its document ("" if that has none)."""

    system: str
    field: str
    place: str


def wanted_systems(new: NewJob) -> list[Wanted]:
    """Return the systems that a job names."""
    return [
        Wanted(recipe.system, f"recipe_sets[{place}].recipes[{number}].system", recipe.place)
        for place, group in enumerate(new.recipe_sets)
        for number, recipe in enumerate(group.recipes)
        if recipe.system is not None
    ]


def check(new: NewJob) -> None:
    """Raise `Invalid`, naming the field, unless the job makes sense."""
    if not 0 <= new.priority <= 100:
        raise Invalid("priority is 0 to 100", field="priority")
    check_length(new.name, "name")
    metadata.check(new.metadata)
    if new.campaign is not None:
        _check_campaign(new.campaign)
    if new.notify is not None:
        notices.check(new.notify)
    if not new.recipe_sets and new.campaign is None:
        raise Invalid("a job needs a recipe set", field="recipe_sets")
    for place, group in enumerate(new.recipe_sets):
        if not group.recipes:
            raise Invalid("a recipe set needs a recipe", field=f"recipe_sets[{place}].recipes")
        if group.stage < 0:
            raise Invalid("stages count from 0", field=f"recipe_sets[{place}].stage")
        for number, recipe in enumerate(group.recipes):
            _check_recipe(recipe, f"recipe_sets[{place}].recipes[{number}]")
    recipes = [recipe for group in new.recipe_sets for recipe in group.recipes]
    if len(recipes) > MOST_RECIPES:
        raise Invalid(f"a job has at most {MOST_RECIPES} recipes", field="recipe_sets")
    if sum(len(recipe.tasks) for recipe in recipes) > MOST_TASKS:
        raise Invalid(f"a job has at most {MOST_TASKS} tasks", field="recipe_sets")


def _check_campaign(plan: Campaign) -> None:
    if not plan.tests:
        raise Invalid("a campaign needs a test", field="campaign.tests")
    if sum(len(test.steps) for test in plan.tests) > MOST_STEPS:
        raise Invalid(f"a campaign has at most {MOST_STEPS} steps", field="campaign.tests")
    for number, test in enumerate(plan.tests):
        where = f"campaign.tests[{number}]"
        check_length(test.name, f"{where}.name")
        if not test.steps:
            raise Invalid("a test needs a step", field=f"{where}.steps")
        targets = test.targets
        most = len(targets.targets) if isinstance(targets, TargetList) else targets.least
        if most > MOST_RECIPES:
            raise Invalid(f"a test has at most {MOST_RECIPES} targets", field=f"{where}.targets")
        if most * len(test.steps) > MOST_TASKS:
            raise Invalid(f"a test has at most {MOST_TASKS} steps on all its targets", field=where)


def _check_recipe(recipe: NewRecipe, where: str) -> None:
    if not recipe.tasks:
        raise Invalid("a recipe needs a task", field=f"{where}.tasks")
    check_length(recipe.role, f"{where}.role")
    if recipe.role == "":
        raise Invalid("a role has a name", field=f"{where}.role")
    if recipe.max_seconds is not None and recipe.max_seconds < 1:
        raise Invalid("max_seconds must be at least 1", field=f"{where}.max_seconds")
    for number, task in enumerate(recipe.tasks):
        _check_task(task, f"{where}.tasks[{number}]")


def _check_task(task: NewTask, where: str) -> None:
    check_length(task.role, f"{where}.role")
    check_length(task.name, f"{where}.name")
    if task.role == "":
        raise Invalid("a role has a name", field=f"{where}.role")
    if not task.name:
        raise Invalid("a task needs a name", field=f"{where}.name")
    if sum(given is not None for given in (task.command, task.script, task.fetch)) > 1:
        raise Invalid("a task has one of command, script and fetch", field=where)
    if task.command is not None and not task.command:
        raise Invalid("a command needs at least one word", field=f"{where}.command")
    if any(not name or "=" in name for name in task.params):
        raise Invalid(
            "a parameter is an environment variable: its name is not empty and has no =", field=f"{where}.params"
        )


def check_length(name: str | None, where: str) -> None:
    """Raise `Invalid`, naming the field, when a name is too long."""
    if name is not None and len(name) > LONGEST_NAME:
        raise Invalid(f"a name has at most {LONGEST_NAME} characters", field=where)

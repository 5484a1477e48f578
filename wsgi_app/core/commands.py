"""Whether a job may have commands: a site that runs only what can be fetched says no (setting `commands`)."""

from collections.abc import Iterator

from wsgi_app.campaign import StepKind
from wsgi_app.config import Config
from wsgi_app.errors import NoCommands
from wsgi_app.submitted import NewJob

REFUSAL = "this site runs no commands or scripts of its users: give tasks that can be fetched"


def check(new: NewJob, config: Config) -> None:
    """Raise `NoCommands`, naming the field, when a job has a command or a script and the site allows none."""
    if config.commands:
        return
    for field, place in _commands(new):
        raise NoCommands(f"{place}: {REFUSAL}" if place else REFUSAL, field=field)


def _commands(new: NewJob) -> Iterator[tuple[str, str]]:
    """Yield where in the job commands of its submitter's stand: the field, and the place in its document."""
    for number, group in enumerate(new.recipe_sets):
        for place, recipe in enumerate(group.recipes):
            for position, task in enumerate(recipe.tasks):
                field = f"recipe_sets[{number}].recipes[{place}].tasks[{position}]"
                if task.command is not None:
                    yield f"{field}.command", recipe.place
                if task.script is not None:
                    yield f"{field}.script", recipe.place
    for number, test in enumerate(() if new.campaign is None else new.campaign.tests):
        for position, step in enumerate(test.steps):
            if step.kind is StepKind.CMD:
                yield f"campaign.tests[{number}].steps[{position}]", ""

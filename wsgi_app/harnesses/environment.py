"""What a task is told in its environment, wherever it runs (RSTRNT_: protocols/harness-beaker.md section 2.5).

What its system says besides (PATH, HOME and the like) is for each harness to add.
"""

from __future__ import annotations

import re

from wsgi_app.harnesses.document import RecipeDocument, TaskDocument

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
MEMBERS = "RECIPE_MEMBERS"
#: what no role is called in the environment: a role of such a name would break the task rather than tell it something
RESERVED = re.compile(
    r"PATH|HOME|SHELL|USER|LOGNAME|PWD|OLDPWD|IFS|ENV|CDPATH|TMPDIR|TERM|LANG|LANGUAGE|PS[0-9]|SHELLOPTS|POSIXLY_CORRECT"
    r"|HARNESS_PREFIX|(TACKROOM|RSTRNT|LD|LC|BASH)_.*|BASHOPTS|PYTHON.*"
)


def told(url: str, recipe: RecipeDocument, task: TaskDocument, reboots: int) -> dict[str, str]:
    """Return what every task is told: the roles, restraint's names, the parameters, and Tackroom's names last.

    `url` is where the controller is. PATH is there only when a parameter is called so.
    """
    env = _roles(recipe, task)
    env.update(
        HARNESS_PREFIX="RSTRNT_",
        RSTRNT_RECIPE_URL=f"{url}/recipes/{recipe.id}",
        RSTRNT_JOBID=recipe.job,
        RSTRNT_RECIPESETID=recipe.recipe_set,
        RSTRNT_RECIPEID=str(recipe.id),
        RSTRNT_TASKID=str(task.id),
        RSTRNT_TASKNAME=task.name,
        RSTRNT_TASKORDER=str(2 * task.position),
        RSTRNT_MAXTIME=str(recipe.max_seconds),
        RSTRNT_REBOOTCOUNT=str(reboots),
    )
    for name, value in task.params.items():
        if name and "=" not in name and "\0" not in name + value:
            env[name] = value
    env.update(
        TACKROOM_URL=url,
        TACKROOM_JOB=recipe.job,
        TACKROOM_RECIPE_SET=recipe.recipe_set,
        TACKROOM_RECIPE=str(recipe.id),
        TACKROOM_TASK=str(task.id),
        TACKROOM_TASK_NAME=task.name,
        TACKROOM_ROLE=task.role or recipe.role,
        TACKROOM_SYSTEM=recipe.system,
    )
    return {name: value.replace("\0", "") for name, value in env.items()}


def _roles(recipe: RecipeDocument, task: TaskDocument) -> dict[str, str]:
    """The systems of each role, separated by spaces, as restraint gives them: those of the task before the recipe's."""
    systems = {**recipe.roles, **task.roles}
    if recipe.roles:
        everyone = [name for names in recipe.roles.values() for name in names]
        systems[MEMBERS] = list(dict.fromkeys(everyone))
    return {
        role: " ".join(names)
        for role, names in systems.items()
        if IDENTIFIER.fullmatch(role) and not RESERVED.fullmatch(role)
    }

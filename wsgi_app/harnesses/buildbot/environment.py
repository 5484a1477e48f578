"""The environment of a task on a worker: how what it is told gets there unchanged.

A worker starts from its own environment. In the values that it is given it replaces `${NAME}` by what it has under that
name, and puts PYTHONPATH before its own; there is no way to quote. So what would be changed goes by `env` in front of
the command, whose arguments are left alone. Source: the reference of Buildbot's worker protocol, section 2.5.
"""

from __future__ import annotations

from dataclasses import dataclass

from wsgi_app.harnesses.document import RecipeDocument, TaskDocument
from wsgi_app.harnesses.environment import told

CHANGED = ("PYTHONPATH",)  #: names whose values the worker adds its own to
LONGEST = 131_071  #: bytes of one argument or variable with its name that a system takes (MAX_ARG_STRLEN less the NUL)


class NotSendable(Exception):
    """What is to be run cannot be given to a worker; the text says why."""


@dataclass(frozen=True)
class Call:
    """What a worker is asked to run: an argument vector and what it adds to its environment."""

    command: list[str]
    env: dict[str, str]


def call(url: str, recipe: RecipeDocument, task: TaskDocument, home: str, argv: list[str]) -> Call:
    """Return the call of a task whose directory on the worker is `home`; raises NotSendable.

    PATH begins with the tools, and goes on with the task's parameter of that name or the worker's own.
    """
    env = told(url, recipe, task, 0)
    path = env.pop("PATH", None)
    env["TACKROOM_LOGS"] = f"{home}/logs"
    sent = {name: value for name, value in env.items() if "${" not in value and name not in CHANGED}
    before = [f"{name}={value}" for name, value in env.items() if name not in sent]
    if path is None and "${" not in home:
        sent["PATH"] = f"{home}/bin:${{PATH}}"
    elif path is not None:
        before.append(f"PATH={home}/bin:{path}")
    if before and "=" in argv[0]:
        raise NotSendable(f"{argv[0]}: env would take the name of this program for a variable")
    command = ["env", *before, *argv] if before else list(argv)
    for word in [*command, *(f"{name}={value}" for name, value in sent.items())]:
        _check(word)
    return Call(command, sent)


def _check(word: str) -> None:
    if "\0" in word:
        raise NotSendable("no argument can hold a NUL character")
    try:
        size = len(word.encode())
    except UnicodeEncodeError:
        raise NotSendable("an argument is not UTF-8") from None
    if size > LONGEST:
        raise NotSendable(f"an argument has {size} bytes, and a system takes {LONGEST}: use a script")

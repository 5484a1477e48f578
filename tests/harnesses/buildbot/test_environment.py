"""What a task on a worker is told, and how it gets there unchanged."""

from __future__ import annotations

import pytest

from wsgi_app.harnesses.buildbot.environment import LONGEST, Call, NotSendable, call
from wsgi_app.harnesses.document import RecipeDocument, TaskDocument

URL = "http://lab:8000"
HOME = "/var/worker/slot0/t9"


def make_call(params: dict[str, str] | None = None, argv: list[str] | None = None, home: str = HOME) -> Call:
    """The call of a task with such parameters and such an argument vector."""
    task = TaskDocument(9, "/some/task", 2, "", {}, "Waiting", "None", params or {}, ["true"], None, None)
    recipe = RecipeDocument(7, "5", "6", "box", "SERVERS", {"SERVERS": ["box", "box2"]}, "Running", 600, False, [task])
    return call(URL, recipe, task, home, argv or ["./run", "${HOME}", "-x"])


def test_names() -> None:
    """Tackroom's names, restraint's and the roles are there."""
    env = make_call().env
    assert env["TACKROOM_URL"] == URL
    assert env["TACKROOM_LOGS"] == f"{HOME}/logs"
    assert (env["TACKROOM_JOB"], env["TACKROOM_RECIPE"], env["TACKROOM_TASK"]) == ("5", "7", "9")
    assert (env["RSTRNT_TASKID"], env["RSTRNT_TASKORDER"], env["RSTRNT_MAXTIME"]) == ("9", "4", "600")
    assert env["SERVERS"] == "box box2"


def test_nothing_of_ours_is_told() -> None:
    """The environment is the worker's own; that of the gateway stays here."""
    assert "HOME" not in make_call().env
    assert make_call().env["PATH"] == f"{HOME}/bin:${{PATH}}"


def test_command_as_it_is() -> None:
    """Nothing is put before a command without need; a worker does not touch arguments."""
    assert make_call().command == ["./run", "${HOME}", "-x"]


def test_values_that_a_worker_would_change() -> None:
    """What looks like a variable to the worker, and what it adds to, goes by env."""
    made = make_call({"A": "a ${HOME} b", "PYTHONPATH": "/lib", "B": "$HOME"})
    assert made.command == ["env", "A=a ${HOME} b", "PYTHONPATH=/lib", "./run", "${HOME}", "-x"]
    assert "A" not in made.env
    assert "PYTHONPATH" not in made.env
    assert made.env["B"] == "$HOME"


def test_path_of_a_parameter() -> None:
    """A task may choose its PATH; the tools are found anyway."""
    made = make_call({"PATH": "/opt/bin:${X}"})
    assert made.command[:2] == ["env", f"PATH={HOME}/bin:/opt/bin:${{X}}"]
    assert "PATH" not in made.env


def test_parameters_do_not_replace_our_names() -> None:
    """Tackroom's names say what is true."""
    made = make_call({"TACKROOM_TASK": "1", "TACKROOM_LOGS": "/", "RSTRNT_TASKID": "1", "bad=name": "x", "": "y"})
    assert made.env["TACKROOM_TASK"] == "9"
    assert made.env["TACKROOM_LOGS"] == f"{HOME}/logs"
    assert made.env["RSTRNT_TASKID"] == "1"
    assert "bad=name" not in made.env


@pytest.mark.parametrize(
    ("params", "argv"),
    [
        ({}, ["echo", "x" * (LONGEST + 1)]),
        ({}, ["echo", "\ud800"]),
        ({}, ["echo", "a\0b"]),
        ({"BIG": "x" * LONGEST}, ["echo"]),
        ({"A": "${B}"}, ["odd=name", "x"]),
    ],
)
def test_what_cannot_be_sent(params: dict[str, str], argv: list[str]) -> None:
    """What a worker could not run is refused with a reason."""
    with pytest.raises(NotSendable):
        make_call(params, argv)


def test_longest_argument() -> None:
    """What just fits is sent."""
    word = "x" * LONGEST
    assert make_call({}, ["echo", word]).command == ["echo", word]

"""Test events, made of what a history says of a target in a step. Source: jobs-contest.md sections 5.1, 5.3, 7 and 8.

Upstream stores its events and numbers them in one sequence. Here they are derived: an event's number is that of its
task (one sequence for the whole lab) times 16 and its place among the task's, and so it is unique and stays.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from attrs import frozen

from wsgi_app.campaign import Step, StepKind, Target
from wsgi_app.core.campaign.history import History, PastStep, PastTarget
from wsgi_app.core.campaign.steps import CmdStep, cmd_of
from wsgi_app.core.campaign.templateparse import BadTemplate
from wsgi_app.core.campaign.variables import Said, Variables, variables_of
from wsgi_app.model import LogAddress, Task

Value = dict[str, Any]
#: reads what a task's command wrote
Output = Callable[[LogAddress], bytes]

#: a time that is not there
ZERO = "0001-01-01T00:00:00Z"
#: events that a task may have
_PLACES = 16
#: the place of the event that tells of a lost target
_LOST = 15
#: numbers of events without a task lie above all others: their place among their job's in front, then the job's id
_TASKLESS = 36


@frozen
class Header:
    """To which step of which attempt an event belongs."""

    job: int
    run: int
    test: str
    attempt: int
    label: str = ""

    def event(self, number: int, time: float, name: str, target: Target | None, payload: object = None) -> Value:
        """Return an event."""
        return {
            "SequenceID": number,
            "EmitTime": stamp(time),
            "Header": {
                "JobID": self.job,
                "RunID": self.run,
                "TestName": self.test,
                "TestAttempt": self.attempt,
                "TestStepLabel": self.label,
            },
            "Data": {"Target": target_value(target), "EventName": name, "Payload": payload},
        }


def stamp(time: float | None) -> str:
    """Return a time as RFC 3339 in UTC, without zeros at its end; that of year 1 for none."""
    if time is None:
        return ZERO
    moment = datetime.fromtimestamp(time, UTC)
    fraction = f".{moment.microsecond:06d}".rstrip("0").rstrip(".")
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def target_value(target: Target | None) -> Value | None:
    """Return a target, without what is not known of it."""
    if target is None:
        return None
    known = {"FQDN": target.fqdn, "PrimaryIPv4": target.ipv4, "PrimaryIPv6": target.ipv6}
    state = {} if target.state is None else {"TMS": target.state}
    return {"ID": target.id, **{name: value for name, value in known.items() if value}, **state}


def acquire_error(header: Header, place: int, time: float, error: str) -> Value:
    """Return the event of an attempt that got no targets: the job's `place`th attempt, from 1 on."""
    return header.event((place << _TASKLESS) + header.job, time, "TargetAcquireErr", None, {"Error": error})


def lost_event(header: Header, task: Task, error: str) -> Value:
    """Return the event of a target that was lost in a step; it is the step's."""
    return header.event(task.id * _PLACES + _LOST, task.finished or 0.0, "TestError", None, error)


def target_events(header: Header, history: History, past: PastTarget, step: Step, output: Output) -> list[Value]:
    """Return the events of a target in a step that it has entered, but for those that are told as times and errors."""
    task = past.tasks[step.label]
    found = {StepKind.CMD: _cmd, StepKind.RANDECHO: _randecho, StepKind.WAITPORT: _waitport}.get(step.kind)
    if found is None or task.started is None:
        return []
    return [
        header.event(task.id * _PLACES + place, time, name, past.target, payload)
        for place, time, name, payload in found(history, past, step, output)
    ]


_Told = tuple[int, float, str, object]


def _cmd(history: History, past: PastTarget, step: Step, output: Output) -> Iterator[_Told]:
    task = past.tasks[step.label]
    command = _command(history, past, step)
    if task.started is None or command is None:
        return
    told = {"Path": command.executable, "Args": list(command.argv), "Dir": command.directory}
    yield 0, task.started, "CmdStart", told
    # of a command that was broken off nobody knows when it ended
    if task.finished is None or task.lost or not task.status.finished:
        return
    yield 1, task.finished, "CmdEnd", None
    logs = {log.name: log for log in history.outputs.get(task.id, ())}
    for place, name, emitted in ((2, "stdout", command.emit_stdout), (3, "stderr", command.emit_stderr)):
        if emitted:
            log = logs.get(f"{name}.log")
            text = b"" if log is None else output(log)
            yield place, task.finished, f"Cmd{name.capitalize()}", {"Msg": text.decode("utf-8", "replace")}


def _randecho(_history: History, past: PastTarget, step: Step, _output: Output) -> Iterator[_Told]:
    task = past.tasks[step.label]
    if task.finished is not None and past.outcome.step != step.label:
        yield 0, task.finished, "TargetSucceeded", None
    elif task.finished is not None and not past.outcome.lost:
        yield 0, task.finished, "TargetFailed", None


def _waitport(_history: History, past: PastTarget, step: Step, _output: Output) -> Iterator[_Told]:
    task = past.tasks[step.label]
    if task.started is not None:
        yield 0, task.started, "waitportStart", None
    if task.finished is not None and not task.lost:
        yield 1, task.finished, "waitportEnd", None


def _command(history: History, past: PastTarget, step: Step) -> CmdStep | None:
    """Return the command as it was run; None when a template of it could not be expanded, and it was not."""
    try:
        return cmd_of(step, past.target, _variables(history, past, step.label))
    except BadTemplate:
        return None


def _variables(history: History, past: PastTarget, label: str) -> Variables:
    """Return what the steps before this one have set."""
    said = []
    for name, task in past.tasks.items():
        if name == label:
            break
        said += [Said(name, result.path or "", result.message) for result in history.results.get(task.id, ())]
    return variables_of(past.target.id, said)


def label_task(past: PastTarget, step: PastStep) -> Task | None:
    """Return the task of a target in a step, None when the target has not entered it."""
    task = past.tasks.get(step.label)
    if task is None:
        return None
    # a step whose templates are wrong ends before it begins
    failed_here = past.outcome.error is not None and past.outcome.step == step.label
    return task if task.started is not None or failed_here else None

"""A job's history as ConTest tells it: the status object. Source: jobs-contest.md sections 5.1 and 5.3."""

from collections.abc import Sequence
from typing import Any

from attrs import frozen

from wsgi_app.campaign import Report
from wsgi_app.core.campaign.history import History, PastAttempt, PastStep, PastTarget, PastTest
from wsgi_app.documents.descriptor.plugins import REPORTER_NAMES, STEP_NAMES
from wsgi_app.protocols.contest.events import (
    ZERO,
    Header,
    Output,
    acquire_error,
    label_task,
    lost_event,
    stamp,
    target_events,
    target_value,
)
from wsgi_app.protocols.contest.wire import STATE_NAMES, phase_of
from wsgi_app.states import TaskStatus

Value = dict[str, Any]

#: of a target that was acquired and has not entered a step
_NOWHERE: Value = {
    "JobID": 0,
    "RunID": 0,
    "TestName": "",
    "TestStepName": "",
    "TestStepLabel": "",
    "Target": None,
    "InTime": ZERO,
    "OutTime": ZERO,
    "Error": "",
    "Events": None,
}


def status_value(history: History, output: Output) -> Value:
    """Return the status of a job, its keys in upstream's order; `output` reads what a command wrote."""
    job = history.job
    runs = _runs(history, output)
    return {
        "Name": job.name,
        "State": STATE_NAMES[phase_of(job)],
        "StateErrMsg": history.error or "",
        "StartTime": stamp(job.started),
        "EndTime": stamp(job.finished) if job.settled else None,
        "RunStatus": runs[-1] if runs else None,
        "RunStatuses": runs or None,
        "JobReport": _reports(job.id, history.reports),
    }


def _runs(history: History, output: Output) -> list[Value]:
    told, before = [], 0
    for run in history.runs:
        tests = []
        for test in run.tests:
            tests.append(_Telling(history, run.number, test, output, before).test_status())
            before += len(test.attempts)
        place = {"JobID": history.job.id, "RunID": run.number, "StartTime": stamp(run.started)}
        told.append({**place, "TestStatuses": tests})
    return told


@frozen
class _Telling:
    """A test of a run, as it is told."""

    history: History
    run: int
    test: PastTest
    output: Output
    #: attempts of the job that were made before
    before: int

    def test_status(self) -> Value:
        """Return the status of the test: its steps, reached or not, and its targets."""
        targets = () if self.test.last is None else self.test.last.targets
        steps = [self._step(step, targets) for step in self.test.steps]
        return {**self._place(), "TestStepStatuses": steps, "TargetStatuses": self._targets(self.test.last) or None}

    def _place(self, step: PastStep | None = None) -> Value:
        place: Value = {"JobID": self.history.job.id, "RunID": self.run, "TestName": self.test.name}
        if step is None:
            return place
        return {**place, "TestStepName": _step_name(step), "TestStepLabel": step.label}

    def _header(self, attempt: PastAttempt, label: str = "") -> Header:
        number = attempt.attempt.position.attempt
        return Header(self.history.job.id, self.run, self.test.name, number, label)

    def _step(self, step: PastStep, targets: Sequence[PastTarget]) -> Value:
        there = [target for target in targets if label_task(target, step) is not None]
        statuses = sorted((self._target(step, target) for target in there), key=lambda status: str(status["InTime"]))
        return {**self._place(step), "Events": self._lost(step, there) or None, "TargetStatuses": statuses or None}

    def _lost(self, step: PastStep, targets: Sequence[PastTarget]) -> list[Value]:
        """Return the events of the targets that were lost in a step; they name no target."""
        if self.test.last is None:
            return []
        header = self._header(self.test.last, step.label)
        lost = [target for target in targets if target.outcome.lost and target.outcome.step == step.label]
        return [lost_event(header, target.tasks[step.label], target.outcome.error or "") for target in lost]

    def _target(self, step: PastStep, target: PastTarget) -> Value:
        """Return the status of a target in a step that it has entered."""
        task = target.tasks[step.label]
        here = target.outcome.step == step.label
        # it did not come out of a step that was cancelled under it
        out = None if task.status is TaskStatus.CANCELLED else task.finished
        return {
            **self._place(step),
            "Target": target_value(target.target),
            "InTime": stamp(task.finished if task.started is None else task.started),
            "OutTime": stamp(out),
            "Error": (target.outcome.error or "") if here else "",
            "Events": self._events(step, target) or None,
        }

    def _events(self, step: PastStep, target: PastTarget) -> list[Value]:
        if step.step is None or self.test.last is None:
            return []
        header = self._header(self.test.last, step.label)
        return target_events(header, self.history, target, step.step, self.output)

    def _targets(self, last: PastAttempt | None) -> list[Value]:
        """Return each target where it was last, in their order; what was not acquired is no target yet."""
        if last is None:
            return []
        if last.attempt.error is not None:
            return [self._not_acquired(last, last.attempt.error)]
        return [self._where(target) for target in last.targets if target.recipe.taken is not None]

    def _where(self, target: PastTarget) -> Value:
        seen = [step for step in self.test.steps if label_task(target, step) is not None]
        return self._target(seen[-1], target) if seen else dict(_NOWHERE)

    def _not_acquired(self, last: PastAttempt, error: str) -> Value:
        """Return the status that stands for the targets that could not be had."""
        time = stamp(last.attempt.begun)
        place = self.before + len(self.test.attempts)
        return {
            **self._place(),
            "TestStepName": "",
            "TestStepLabel": "",
            "Target": None,
            "InTime": time,
            "OutTime": time,
            "Error": error,
            "Events": [acquire_error(self._header(last), place, last.attempt.begun, error)],
        }


def _step_name(step: PastStep) -> str:
    return step.name if step.step is None else STEP_NAMES[step.step.kind]


def _reports(job: int, reports: Sequence[Report]) -> Value:
    """Return the reports: those of runs by run, from the first on, and those of all runs."""
    last = max((report.run for report in reports), default=0)
    by_run: list[list[Value]] = [[] for _ in range(last)]
    final: list[Value] = []
    for report in sorted(reports, key=lambda report: (report.run, report.place)):
        told = {
            "JobID": job,
            **({"RunID": report.run} if report.run else {}),
            "ReporterName": REPORTER_NAMES[report.reporter],
            "ReportTime": stamp(report.time),
            "Success": report.success,
            "Data": report.data,
        }
        (by_run[report.run - 1] if report.run else final).append(told)
    return {"JobID": job, "RunReports": by_run or None, "FinalReports": final or None}

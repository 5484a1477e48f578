"""One task from its first status to its last: prepared, started, watched, ended.

Every step is on disk before what follows from it is done, so `kill -9` at any moment loses nothing: a later harness
makes a TaskRun from the same record and goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from wsgi_app.harnesses.local import fetch, report
from wsgi_app.harnesses.local.controller import Controller, Refused
from wsgi_app.harnesses.local.document import RecipeDocument, TaskDocument
from wsgi_app.harnesses.local.environment import environment
from wsgi_app.harnesses.local.logs import GrowingLog, TaskLog, log_path, upload_file
from wsgi_app.harnesses.local.prepare import CannotStart, prepare, require_program
from wsgi_app.harnesses.local.results import Results
from wsgi_app.harnesses.local.spool import Spool
from wsgi_app.harnesses.local.state import ENDED, PREPARING, STARTED, Process, Run, Store
from wsgi_app.harnesses.local.task import Ended, TaskProcess, boot_id

POLL = 0.05  #: seconds between two looks at the process and the spool
UPLOAD_EVERY = 1.0
WATCHDOG_EVERY = 300.0
WATCHDOG_SECONDS = 1800
LOOK_EVERY = 30.0  #: seconds between two looks whether the controller has ended the recipe
MOST_STARTS = 100  #: a task that takes its machine down each time is given up


class Stop(Exception):
    """The controller has ended the recipe, or it is not ours (any more)."""


@dataclass
class Surroundings:
    """What all tasks of a recipe share."""

    controller: Controller
    store: Store
    say: Callable[[str], None]
    show: TextIO | None  #: where progress is shown
    read: Callable[[], RecipeDocument]  #: asks the controller for the recipe; raises Stop when it does not tell


class TaskRun:
    """Works on one task; `run` is its durable record."""

    def __init__(self, around: Surroundings, recipe: RecipeDocument, task: TaskDocument, run: Run) -> None:
        self._around = around
        self._recipe = recipe
        self._task = task
        self._run = run
        self._url = f"/recipes/{recipe.id}/tasks/{task.id}"
        self._home = around.store.recipe_directory() / "tasks" / str(task.id)
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._output = self._home / "taskout.log"
        self._words = TaskLog(self._home / "harness.log")
        self._logs = [self._growing("taskout.log"), self._growing("harness.log")]
        self._results = Results(around.controller, recipe.id, task.id)
        self._spool = Spool(self._home / "spool", self, self._words.write)
        self._process: TaskProcess | None = None
        self._upload_at = 0.0
        # A harness before us may have re-armed the watchdog long ago: with a process to go on with, do it at once.
        self._watchdog_at = self._look_at = 0.0 if run.phase == STARTED else time.monotonic() + LOOK_EVERY

    def work(self) -> None:
        """Go on with the task from wherever it is until its end is told; raises Stop."""
        self.begin()
        if self._run.phase == STARTED and self._run.process is not None:
            self._take_up(self._run.process)
        if self._run.phase == PREPARING:
            self._start()
        if self._run.phase == STARTED and self._process is not None:
            self._watch(self._process)
        self.finish()

    # -- before

    def begin(self) -> None:
        """Open the logs and say that the task runs; raises Stop when the controller will not have it."""
        for log in self._logs:
            try:
                log.open()
            except Refused as refusal:
                log.refusal = str(refusal)
                self._note(f"{log.path} is given up: {refusal}")
        if self._run.phase == PREPARING:
            try:
                self._around.controller.post(f"{self._url}/status", {"status": "Running"})
            except Refused as refusal:
                raise Stop(f"task {self._task.id} may not run: {refusal}") from refusal
        self._say("Running")

    def _take_up(self, process: Process) -> None:
        """Find the process that a harness before us started; when it is gone, the task is to be started again."""
        self._process = TaskProcess(process, self._home / "exit")
        if self._process.alive() or self._process.exit_status() is not None:
            self._note("the harness was restarted and goes on with the task")
            self._install_report()  # it may have been restarted from another file
            return
        rebooted = process.boot != boot_id()
        self._note("the system was rebooted" if rebooted else "the task's process vanished while the harness was away")
        self._process.kill()  # what is left of it must not run beside the next
        self._rearm()
        self._run.reboots += rebooted
        self._run.phase, self._run.process = PREPARING, None
        self._around.store.save()

    def _start(self) -> None:
        run = self._run
        try:
            if run.starts >= MOST_STARTS:
                raise CannotStart(f"it was started {run.starts} times and never ended")
            url = self._around.controller.base.url
            if not run.argv:
                base = f"{url}/recipes/{self._recipe.id}/"
                run.argv, run.cwd = prepare(self._task, self._home, base, self._note)
                self._around.store.save()
            env = environment(url, self._recipe, self._task, run.reboots, self._install_report())
            require_program(run.argv[0], run.cwd, env["PATH"])
            self._process = TaskProcess.start(run.argv, run.cwd, env, self._output, self._home / "exit")
        except (CannotStart, fetch.CannotFetch, OSError, ValueError) as error:
            self._end("Aborted", f"cannot start: {error}")
            return
        run.phase, run.process = STARTED, self._process.process
        run.starts += 1
        self._around.store.save()
        self._process.go()
        self._note(f"process {run.process.pid} runs {run.argv}")
        self._watchdog_at = time.monotonic() + WATCHDOG_EVERY
        self._look_at = time.monotonic() + LOOK_EVERY

    def _install_report(self) -> Path:
        tools = self._home / "bin"
        report.install(tools, self._home / "spool")
        return tools

    # -- meanwhile

    def _watch(self, process: TaskProcess) -> None:
        while True:
            ended = process.poll()
            self._spool.work()
            self._tick()
            if ended is not None:
                break
            time.sleep(POLL)
        self._judge(ended)

    def _judge(self, ended: Ended) -> None:
        if ended.exit is None:
            self._end("Aborted", "the task's process was killed")
        else:
            self._run.exit = ended.exit
            self._end("Completed", f"exit status {ended.exit}")

    def _tick(self) -> None:
        """Do what is due; also called between the parts of a long upload of a report."""
        if time.monotonic() >= self._upload_at:
            self._push()
            self._upload_at = time.monotonic() + UPLOAD_EVERY
        self._duties()

    def _duties(self) -> None:
        """Keep the watchdog quiet and see whether the recipe is still ours; also between the parts of a long log."""
        now = time.monotonic()
        if now >= self._watchdog_at:
            self._watchdog_at = now + WATCHDOG_EVERY
            self._rearm()
        if now >= self._look_at:
            self._look_at = now + LOOK_EVERY
            self._look()

    def _rearm(self) -> None:
        try:
            self._around.controller.post(f"/recipes/{self._recipe.id}/watchdog", {"seconds": str(WATCHDOG_SECONDS)})
        except Refused as refusal:
            _stop_at_conflict(refusal)
            self._note(f"watchdog refused: {refusal}")

    def _look(self) -> None:
        recipe = self._around.read()
        if recipe.finished or any(task.id == self._task.id and task.finished for task in recipe.tasks):
            raise Stop(f"the controller has ended recipe {recipe.id}: {recipe.status}")

    def last_result(self) -> int:
        """The id of the last result that was delivered (for the spool)."""
        return self._run.last_result

    def deliver(self, form: dict[str, str], name: str, last: int, doubtful: bool) -> str:
        """Deliver a result that the task reports (for the spool); raises Refused, Stop."""
        try:
            delivered = self._results.deliver(form, f"{self._task.id}-{name}", last, doubtful)
        except Refused as refusal:
            _stop_at_conflict(refusal)
            raise
        self._run.results += 1
        self._run.last_result = delivered.id or self._run.last_result
        self._around.store.save()
        self._note(f"result {form['result']} {form.get('path', '')}")
        return delivered.path

    def upload(self, owner: str | None, name: str, file: Path) -> int:
        """Upload a file as a log (for the spool); raises Refused, logs.NotALog, Stop."""
        try:
            path = log_path(owner or self._url, name)
            return upload_file(self._around.controller, path, file, self._around.show, self._tick)
        except Refused as refusal:
            if refusal.status == 409:  # the task's choice of a name may be to blame: ask before giving all up
                self._look()
            raise

    # -- after

    def interrupt(self, message: str) -> None:
        """Kill the task and record that it was aborted and its recipe with it."""
        if self._run.phase != ENDED:
            self._run.ends_recipe = True
            self._end("Aborted", message)
        self.kill()

    def kill(self) -> None:
        """End the task's processes, if it has any."""
        if self._process is None and self._run.process is not None:
            self._process = TaskProcess(self._run.process, self._home / "exit")
        if self._process is not None:
            self._process.kill()

    def last_words(self, message: str) -> None:
        """Upload what a killed task has left, as far as the controller still takes it."""
        self._note(message)
        for log in self._logs:
            try:
                log.push()
            except Refused as refusal:
                self._say(f"{log.path}: {refusal}")

    def finish(self) -> None:
        """Tell the end: reports, exit status, the last bytes of the logs, and then the status; raises Stop."""
        run = self._run
        self._spool.work()
        if run.exit is not None and not run.exit_reported and (run.exit != 0 or run.results == 0):
            self._report_exit(run.exit)
        self._words.write(f"{run.status}: {run.message}")
        self._push()
        form = {"status": run.status}
        if run.status == "Aborted":
            form["message"] = run.message
        try:
            self._around.controller.post(f"{self._url}/status", form)
        except Refused as refusal:
            # 409 also answers a repetition of what was taken already, so it is no reason to stop here.
            self._say(f"{run.status} refused: {refusal}")
        self._say(f"{run.status}: {run.message}")

    def _report_exit(self, status: int) -> None:
        run = self._run
        form = {"result": "Pass" if status == 0 else "Fail", "path": "exit_code", "score": str(status)}
        if status != 0:
            form["message"] = f"exit status {status}"
        doubtful, run.exit_sent = run.exit_sent, True
        self._around.store.save()
        try:
            self._results.deliver(form, f"{self._task.id}-exit_code", run.last_result, doubtful)
        except Refused as refusal:
            _stop_at_conflict(refusal)
            self._note(f"result refused: {refusal}")
        run.exit_reported = True
        self._around.store.save()

    def _end(self, status: str, message: str) -> None:
        self._run.phase, self._run.status, self._run.message = ENDED, status, message
        self._around.store.save()

    def _push(self) -> None:
        for log in self._logs:
            try:
                log.push(self._duties)
            except Refused as refusal:
                _stop_at_conflict(refusal)
                self._note(f"{log.path} is given up: {refusal}")

    def _growing(self, name: str) -> GrowingLog:
        path = log_path(self._url, name)
        return GrowingLog(self._around.controller, path, self._home / name, self._around.show)

    def _note(self, words: str) -> None:
        self._words.write(words)
        self._say(words)

    def _say(self, words: str) -> None:
        self._around.say(f"recipe {self._recipe.id} task {self._task.id} {self._task.name}: {words}")


def _stop_at_conflict(refusal: Refused) -> None:
    if refusal.status == 409:
        raise Stop(f"the controller has ended it: {refusal}") from refusal

"""One task from its first status to its last: prepared, started, watched, ended.

Every step is on disk before what follows from it is done, so `kill -9` at any moment loses nothing: a later harness
makes a TaskRun from the same record and goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

from wsgi_app.harnesses import fetch
from wsgi_app.harnesses.document import RecipeDocument, TaskDocument
from wsgi_app.harnesses.local import tools
from wsgi_app.harnesses.local.controller import Controller, Refused, Unreachable
from wsgi_app.harnesses.local.environment import environment
from wsgi_app.harnesses.local.lease import Lease, Stop, stop_at_conflict
from wsgi_app.harnesses.local.logs import TaskLogs
from wsgi_app.harnesses.local.prepare import CannotStart, prepare, require_program
from wsgi_app.harnesses.local.rendezvous import Rendezvous
from wsgi_app.harnesses.local.reports import Reports
from wsgi_app.harnesses.local.spool import Spool
from wsgi_app.harnesses.local.state import ENDED, PREPARING, STARTED, Process, Run, Store
from wsgi_app.harnesses.local.task import PATIENCE, Ended, TaskProcess, boot_id

POLL = 0.05  #: seconds between two looks at the process and the spool
UPLOAD_EVERY = 1.0
MOST_STARTS = 100  #: a task that takes its machine down each time is given up
SHORT_PATIENCE = 1.0  #: seconds that a task has to end when its recipe was: the logs of a cancelled one close in five
LAST_WORDS = 60.0  #: seconds for bringing its last words to the controller; the logs of an aborted one close then


@dataclass
class Surroundings:
    """What all tasks of a recipe share."""

    controller: Controller
    store: Store
    say: Callable[[str], None]
    show: TextIO | None  #: where progress is shown


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
        controller = around.controller
        self._logs = TaskLogs(controller, self._url, self._home, around.show)
        self._lease = Lease(controller, recipe.id, task.id, self._note)
        self._reports = Reports(
            controller,
            self._lease,
            self._url,
            show=around.show,
            note=self._note,
            count=self._count_result,
            between=self._tick,
        )
        rendezvous = Rendezvous(controller, recipe.id, self._lease.look, self._note)
        self._spool = Spool(self._home / "spool", self._reports, rendezvous, self._abort)
        self._process: TaskProcess | None = None
        self._upload_at = 0.0

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
        self._logs.open(self._given_up)
        if self._run.phase == PREPARING:
            try:
                self._around.controller.post(f"{self._url}/status", {"status": "Running"})
            except Refused as refusal:
                raise Stop(f"task {self._task.id} may not run: {refusal}") from refusal
        self._say("Running")

    def _take_up(self, process: Process) -> None:
        """Find the process that a harness before us started; when it is gone, the task is to be started again."""
        self._process = TaskProcess(process, self._home / "exit")
        self._lease.rearm()  # a harness before us may have done that long ago
        if self._process.alive() or self._process.exit_status() is not None:
            self._note("the harness was restarted and goes on with the task")
            self._install_tools()  # it may have been restarted from another file
            return
        rebooted = process.boot != boot_id()
        self._note("the system was rebooted" if rebooted else "the task's process vanished while the harness was away")
        self._process.kill()  # what is left of it must not run beside the next
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
                run.argv, run.cwd = prepare(self._task, self._home, base, self._note, self._lease.keep)
                self._around.store.save()
            self._install_tools()
            (self._home / "logs").mkdir(exist_ok=True)
            env = environment(url, self._recipe, self._task, run.reboots, self._home)
            require_program(run.argv[0], run.cwd, env["PATH"])
            self._process = TaskProcess.start(run.argv, run.cwd, env, self._logs.output, self._home / "exit")
        except (CannotStart, fetch.CannotFetch, OSError, ValueError) as error:
            self._end("Aborted", f"cannot start: {error}")
            return
        run.phase, run.process = STARTED, self._process.process
        run.starts += 1
        self._around.store.save()
        self._process.go()
        self._note(f"process {run.process.pid} runs {run.argv}")

    def _install_tools(self) -> None:
        tools.install(self._home / "bin", self._home / "spool")

    # -- meanwhile

    def _watch(self, process: TaskProcess) -> None:
        while True:
            ended = process.poll()
            self._spool.work()
            self._tick()
            if self._run.ends_recipe:
                self._kill(SHORT_PATIENCE, None)
                self._end("Aborted", self._run.message)
                return
            if ended is not None:
                break
            time.sleep(POLL)
        self._judge(ended)

    def _abort(self, message: str) -> None:
        """Note that the task wants its recipe to end."""
        self._run.ends_recipe, self._run.message = True, message
        self._around.store.save()

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
        self._lease.keep()

    def _count_result(self) -> None:
        self._run.results += 1
        self._around.store.save()

    # -- after

    def interrupt(self, message: str) -> None:
        """Kill the task and record that it was aborted and its recipe with it."""
        if self._run.phase != ENDED:
            self._run.ends_recipe = True
            self._end("Aborted", message)
        self._kill(PATIENCE, None)

    def put_down(self, why: str) -> None:
        """Kill the task because the controller wants no more of it; upload what it has left, as far as that is taken.

        What is there goes up at once, before the task has had time to end: its logs may close soon.
        """
        self._note(why)
        self._around.controller.hurry(LAST_WORDS)
        self._kill(SHORT_PATIENCE, self._last_words)
        self._spool.close()
        self._last_words()

    def _kill(self, patience: float, meanwhile: Callable[[], None] | None) -> None:
        if self._process is None and self._run.process is not None:
            self._process = TaskProcess(self._run.process, self._home / "exit")
        if self._process is not None:
            self._process.kill(patience, meanwhile)

    def _last_words(self) -> None:
        def refused(path: str, refusal: Refused) -> None:
            self._say(f"{path}: {refusal}")

        try:
            self._logs.open(refused)
            self._logs.push(refused)
        except Unreachable as trouble:
            self._say(f"last words are lost: {trouble}")

    def finish(self) -> None:
        """Tell the end: reports, exit status, the last bytes of the logs, and then the status; raises Stop."""
        run = self._run
        self._spool.work()
        self._spool.close()
        self._reports.collect(self._home / "logs")
        self._reports.declare()
        if run.exit is not None and not run.exit_reported and (run.exit != 0 or run.results == 0):
            self._report_exit(run.exit)
        self._logs.words.write(f"{run.status}: {run.message}")
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
        form = {"result": "Pass" if status == 0 else "Fail", "path": "exit_code", "score": str(status)}
        if status != 0:
            form["message"] = f"exit status {status}"
        try:
            self._reports.deliver(form, "exit_code")
        except Refused as refusal:
            self._note(f"result refused: {refusal}")
        self._run.exit_reported = True
        self._around.store.save()

    def _end(self, status: str, message: str) -> None:
        self._run.phase, self._run.status, self._run.message = ENDED, status, message
        self._around.store.save()

    def _push(self) -> None:
        self._logs.push(self._given_up, self._lease.keep)

    def _given_up(self, path: str, refusal: Refused) -> None:
        stop_at_conflict(refusal)
        self._note(f"{path} is given up: {refusal}")

    def _note(self, words: str) -> None:
        self._logs.words.write(words)
        self._say(words)

    def _say(self, words: str) -> None:
        self._around.say(f"recipe {self._recipe.id} task {self._task.id} {self._task.name}: {words}")

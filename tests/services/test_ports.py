"""Waiting for ports: what is looked at, when, and what is said of it; and real harnesses that wait."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from attrs import define, evolve, field, frozen
from campaigning import Campaigner, plan
from emptydata import lay_out
from lab import free_port
from waiting import until
from werkzeug.serving import make_server

from wsgi_app.app import Application, create_app
from wsgi_app.campaign import PlannedTest, Step, StepKind, Target, TargetList
from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway, open_gateway
from wsgi_app.core.portwaits import Look
from wsgi_app.model import Caller, Recipe, Result, System, Task
from wsgi_app.services.ports import PortLooks
from wsgi_app.states import SystemHealth, TaskStatus


@define
class Hands:
    """A clock that stands still until it is moved."""

    now: float = 1_000_000.0

    def __call__(self) -> float:
        """What time it is."""
        return self.now


@frozen
class Waits:
    """A gateway, targets whose tasks wait for ports, and the looks of a timer."""

    gateway: Gateway
    clock: Hands
    admin: Caller
    looks: PortLooks
    systems: list[str] = field(factory=list)

    def begin(self, port: int, host: str = "127.0.0.1", run: bool = True, **params: str) -> Recipe:
        """Let a new system's task wait for a port; it runs, unless that comes later."""
        name = f"s{len(self.systems)}"
        self.systems.append(name)
        self.gateway.systems.add(self.admin, System(name, None, (), None, SystemHealth.GOOD, None, None, None, None))
        lab = Campaigner(self.gateway, self.admin)
        lab.submit(plan(PlannedTest("T", TargetList((Target(name, host),)), (waitport(port, **params),))))
        recipe = lab.begin(name) if run else lab.claim(name)
        assert recipe is not None
        return self.recipe(recipe)

    def recipe(self, number: int) -> Recipe:
        """A recipe as it is now."""
        return self.gateway.recipes.get(self.admin, number).recipe

    def results(self, recipe: Recipe) -> list[Result]:
        """What was reported of it."""
        return self.gateway.results.of_recipe(self.admin, recipe.id)

    def said(self, recipe: Recipe) -> Any:
        """What the recipe's task was told; None while it waits."""
        task = recipe.tasks[0].id
        found = self.gateway.sync.wait(self.admin, recipe.id, f"waitport-{task}", role=None, any_one=True, seconds=0)
        return json.loads(found.there[0].said or "") if found.reached else None

    def round(self, seconds: float = 20.0) -> None:
        """Do rounds until nothing is due any more."""

        def over() -> bool:
            self.looks.round()
            return not self.gateway.port_waits.due()

        until(over, "all looks", seconds)


def waitport(port: int, **params: str) -> Step:
    """The step."""
    given = {"port": str(port), "protocol": "tcp", "timeout": "1m", "check_interval": "10s", **params}
    return Step(StepKind.WAITPORT, "wait", {name: (value,) for name, value in given.items()})


@pytest.fixture
def waits(tmp_path: Path) -> Iterator[Waits]:
    """A fresh one."""
    config, clock = Config(data=tmp_path / "data"), Hands()
    lay_out(config)
    gateway = open_gateway(config, clock)
    gateway.access.issue_admin_token()
    admin = Caller(f"Bearer {config.admin_token.read_text().strip()}", "127.0.0.1")
    yield Waits(gateway, clock, admin, PortLooks(gateway))
    gateway.close()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A TCP port that answers."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        yield one


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("protocol", ["tcp", "tcp4"])
def test_a_port_that_answers(waits: Waits, listener: socket.socket, host: str, protocol: str) -> None:
    """The task is told at once, and its result is a Pass."""
    port = listener.getsockname()[1]
    recipe = waits.begin(port, host, protocol=protocol)
    waits.round()
    assert waits.said(recipe) == {"error": None}
    (result,) = waits.results(recipe)
    assert (result.result, result.path, result.task) == ("Pass", "waitport", recipe.tasks[0].id)
    assert result.message == f"port {port} ({protocol}) of {host} answers"
    assert waits.recipe(recipe.id).tasks[0].status is TaskStatus.RUNNING


def test_a_port_that_does_not(waits: Waits) -> None:
    """It is looked at again after the interval, for as long as the step says, by the controller's clock."""
    port = free_port()
    recipe = waits.begin(port, timeout="25s", check_interval="10s")
    dues = []
    for _ in range(4):
        waits.round()
        assert waits.said(recipe) is None or waits.clock.now == 1_000_025.0
        dues.append(waits.clock.now)
        if waits.said(recipe) is not None:
            break
        waits.clock.now += next(n for n in range(1, 20) if _due_in(waits, n))
    assert dues == [1_000_000.0, 1_000_010.0, 1_000_020.0, 1_000_025.0]
    words = f"port {port} (tcp) of 127.0.0.1 did not answer within 25s: connection refused"
    assert waits.said(recipe) == {"error": words}
    assert [(result.result, result.message) for result in waits.results(recipe)] == [("Fail", words)]


def _due_in(waits: Waits, seconds: int) -> bool:
    """Whether something is due that many seconds from now."""
    waits.clock.now += seconds
    try:
        return bool(waits.gateway.port_waits.due())
    finally:
        waits.clock.now -= seconds


def test_a_port_that_comes_to_answer(waits: Waits) -> None:
    """What was closed may be open at the next look."""
    port = free_port()
    recipe = waits.begin(port)
    waits.round()
    assert waits.said(recipe) is None
    with socket.create_server(("127.0.0.1", port)):
        waits.looks.round()
        assert waits.said(recipe) is None
        waits.clock.now += 10
        waits.round()
    assert waits.said(recipe) == {"error": None}


def test_only_running_tasks_wait(waits: Waits, listener: socket.socket) -> None:
    """A task that its harness has not begun is not due, and its time does not run."""
    recipe = waits.begin(listener.getsockname()[1], run=False)
    waits.clock.now += 1000
    waits.looks.round()
    assert (waits.gateway.port_waits.due(), waits.said(recipe)) == ((), None)
    waits.gateway.tasks.update(waits.admin, recipe.id, recipe.tasks[0].id, status=TaskStatus.RUNNING)
    waits.round()
    assert waits.said(recipe) == {"error": None}


def test_a_recipe_that_ends_drops_its_waits(waits: Waits) -> None:
    """Nothing is said of a task that has ended, by whatever way, also when its port was looked at just then."""
    recipe = waits.begin(free_port())
    (wait,) = waits.gateway.port_waits.due()
    waits.gateway.recipes.abort(waits.admin, recipe.id, "enough")
    before = len(waits.results(recipe))
    waits.gateway.port_waits.tell([Look(wait.task, None)])
    waits.looks.round()
    assert (waits.gateway.port_waits.due(), len(waits.results(recipe))) == ((), before)


def test_the_recipe_lives_as_long_as_its_wait(waits: Waits) -> None:
    """A harness that only waits for us does not have to say that it lives."""
    recipe = waits.begin(free_port(), timeout="2h")
    waits.round()
    waits.clock.now += 7000
    assert waits.gateway.watchdogs.expire() == 0
    waits.clock.now += 600
    assert waits.gateway.watchdogs.expire() == 1
    assert waits.recipe(recipe.id).tasks[0].status is TaskStatus.ABORTED


def test_a_restart_goes_on(waits: Waits, listener: socket.socket) -> None:
    """Another process looks at what was due; what was told twice is told once."""
    recipe = waits.begin(listener.getsockname()[1])
    (wait,) = waits.gateway.port_waits.due()
    PortLooks(waits.gateway).round()
    waits.round()
    waits.gateway.port_waits.tell([Look(wait.task, "too late")])
    assert len(waits.results(recipe)) == 1
    assert waits.said(recipe) == {"error": None}


def test_a_host_that_is_silent_keeps_nobody_waiting(waits: Waits, listener: socket.socket) -> None:
    """A round takes a moment, whatever is under way, and others have their answers meanwhile."""
    with ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            caller = stack.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(full.getsockname())
        silent = waits.begin(full.getsockname()[1], timeout="0s")
        quick = waits.begin(listener.getsockname()[1])
        waits.looks.round()
        assert waits.said(quick) == {"error": None}
        # the round has not waited for it: its second is not over
        assert waits.said(silent) is None
        waits.round()
    assert waits.said(silent)["error"].endswith("did not answer within 0s: no answer")


def test_a_name_that_is_none(waits: Waits) -> None:
    """A host that cannot be looked up does not answer, and why is said."""
    recipe = waits.begin(1, "a..b", timeout="0s")
    waits.round()
    assert waits.said(recipe)["error"] == ("port 1 (tcp) of a..b did not answer within 0s: 'a..b' is no name of a host")


def test_udp(waits: Waits) -> None:
    """A port that is closed is told by its host; one that is silent, or answers, is there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        there = waits.begin(silent.getsockname()[1], protocol="udp4")
        gone = waits.begin(free_port(), protocol="udp", timeout="0s")
        waits.round()
        assert waits.said(there) == {"error": None}
        assert waits.said(gone)["error"].endswith("connection refused")


def test_many_at_once(waits: Waits, listener: socket.socket) -> None:
    """A round is enough for many that are near, open and closed ones."""
    names = [f"many{number}" for number in range(10)]
    for name in names:
        waits.gateway.systems.add(waits.admin, System(name, None, (), None, SystemHealth.GOOD, None, None, None, None))
    # nobody listens at the second address
    targets = tuple(Target(name, f"127.0.0.{1 + place % 2}") for place, name in enumerate(names))
    lab = Campaigner(waits.gateway, waits.admin)
    step = waitport(listener.getsockname()[1], timeout="0s")
    lab.submit(plan(PlannedTest("T", TargetList(targets), (step,))))
    for name in names:
        lab.claim(name)
    recipes = [waits.recipe(lab.begin(name)) for name in names]
    waits.round()
    assert [waits.said(recipe)["error"] is None for recipe in recipes] == [True, False] * 5


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Application, str]]:
    """An application behind a server of its own."""
    application = create_app(evolve(Config(data=tmp_path / "data"), watchdog_seconds=600))
    application.gateway.access.issue_admin_token()
    server = make_server("127.0.0.1", 0, application, threaded=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    with closing(application.gateway):
        yield application, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        server.server_close()


def _begin(application: Application, *steps: Step) -> tuple[Campaigner, int, str]:
    """Submit a test on system demo; return who did, the job, and the token."""
    token = application.gateway.config.admin_token.read_text().strip()
    admin = Caller(f"Bearer {token}", "127.0.0.1")
    application.gateway.systems.add(admin, System("demo", None, (), None, SystemHealth.GOOD, None, None, None, None))
    lab = Campaigner(application.gateway, admin)
    target = Target("demo", "localhost", "127.0.0.1")
    return lab, lab.submit(plan(PlannedTest("T", TargetList((target,)), steps))), token


def _steps_of_a_real_run(port: int) -> Iterator[Step]:
    def cmd(label: str, script: str, **params: str) -> Step:
        more = {name: (value,) for name, value in params.items()}
        return Step(StepKind.CMD, label, {"executable": ("sh",), "args": ("-c", script), **more})

    yield Step(StepKind.ECHO, "hello", {"text": ("on {{ .ID }} by -n %s",)})
    yield cmd(
        "set", "tackroom-report --message='it''s 42' None variable/word; tackroom-report --message 42 None variable/n"
    )
    yield cmd(
        "get", 'echo "{{ StringVar `set.word` }} {{ IntVar `set.n` }}"; echo err >&2', emit_stdout="1", emit_stderr="t"
    )
    yield Step(StepKind.SLEEP, "nap", {"duration": ("50ms",)})
    yield waitport(port, check_interval="100ms")
    yield cmd("bad", "{{ .Nope }}")
    yield cmd("never", "true")


def test_a_real_harness_runs_them_all(served: tuple[Application, str], tmp_path: Path, listener: socket.socket) -> None:
    """Every kind of step, with variables, logs, the controller's word, and a template that is none."""
    application, url = served
    lab, job, token = _begin(application, *_steps_of_a_real_run(listener.getsockname()[1]))
    words = ["run", "--url", url, "--system", "demo", "--state", str(tmp_path / "state"), "--once"]
    with (tmp_path / "harness.txt").open("wb") as said:
        harness = subprocess.Popen(
            [sys.executable, "-m", "wsgi_app.harnesses.local", *words],
            env={**os.environ, "TACKROOM_TOKEN": token},
            stderr=said,
        )
    looks = PortLooks(application.gateway)

    def ended() -> bool:
        looks.round()
        return harness.poll() is not None

    until(ended, "the harness", 60)
    recipe = lab.job(job).recipe_sets[0].recipes[0]
    status = {task.name: task.status.value for task in recipe.tasks}
    completed = dict.fromkeys(["hello", "set", "get", "nap", "wait", "bad"], "Completed")
    assert status == {**completed, "never": "Aborted"}, (tmp_path / "harness.txt").read_text()
    tasks = {task.name: task for task in recipe.tasks}
    logs = application.gateway.config.logs / str(recipe.id) / "tasks"

    def log(label: str, name: str = "taskout.log") -> str:
        return (logs / str(tasks[label].id) / "logs" / name).read_text()

    assert log("hello") == "on demo by -n %s\n"
    assert (log("get", "stdout.log"), log("get", "stderr.log")) == ("its 42 42\n", "err\n")
    assert sorted(log("get").splitlines()) == ["err", "its 42 42"]
    failed = [(result.task, result.path) for result in _results(lab, recipe) if result.result == "Fail"]
    assert failed[0] == (tasks["bad"].id, "template")
    assert "can't evaluate field Nope" in log("bad")
    assert ("Pass", "waitport") in [(result.result.value, result.path) for result in _results(lab, recipe)]


def _results(lab: Campaigner, recipe: Recipe) -> list[Result]:
    return lab.gateway.results.of_recipe(lab.admin, recipe.id)


@pytest.mark.parametrize("how", ["config", "environment"])
def test_a_task_of_restraint_waits_by_curl(
    served: tuple[Application, str], tmp_path: Path, listener: socket.socket, how: str
) -> None:
    """Where our own command is not, the recipe is found as restraint has it, and the word is waited for."""
    application, url = served
    lab, _, _ = _begin(application, waitport(listener.getsockname()[1]))
    recipe = lab.begin("demo")
    task: Task = lab.gateway.recipes.get(lab.admin, recipe).recipe.tasks[0]
    key = lab.gateway.recipes.issue_key(lab.admin, recipe).secret
    place = url.replace("http://", f"http://{recipe}:{key}@")
    config = tmp_path / "config.conf"
    environment: Mapping[str, str] = {"BEAKER_LAB_CONTROLLER_URL": f"{place}/", "BEAKER_RECIPE_ID": str(recipe)}
    if how == "config":
        config.write_text(f"[restraint]\nrecipe_url={place}/recipes/{recipe}/\n")
        environment = {}
    process = subprocess.Popen(
        ["sh", "-c", task.script or ""],
        env={"PATH": os.environ["PATH"], "RESTRAINT_CONFIG": str(config), **environment},
        stdout=subprocess.PIPE,
    )
    looks = PortLooks(application.gateway)
    assert process.poll() is None

    def ended() -> bool:
        looks.round()
        return process.poll() is not None

    until(ended, "curl", 30)
    output = process.communicate()[0].decode()
    assert (process.returncode, json.loads(output.splitlines()[0])["said"]) == (0, {str(recipe): {"error": None}})

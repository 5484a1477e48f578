"""Real servers for the tests of apache/: httpd with gunicorn behind it, and gunicorn alone, over the same world.

As root the servers run as www-data (httpd's workers, and gunicorn); as anyone else, as oneself.
"""

import base64
import hashlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import TypeVar

import pytest
from attrs import evolve, field, frozen
from certificates import Authority, Issued, make_authority
from lab import SERVICE, free_port
from waiting import until

from wsgi_app.config import Config
from wsgi_app.core import heartbeat
from wsgi_app.core.gateway import Gateway, open_gateway
from wsgi_app.model import Caller, LogAddress, System
from wsgi_app.services import httpd
from wsgi_app.states import ResultValue, SystemHealth, TaskStatus, Visibility
from wsgi_app.submitted import NewJob, NewRecipe, NewRecipeSet, NewTask

T = TypeVar("T")

DEADLINE = 20.0
#: seconds until an answer
TIMEOUT = 30.0
#: logs of tasks and results that a recipe may have in these tests
MAX_LOGS = 40
#: an address that is nobody's here
FAR = "10.9.8.7"
#: longest PUT where a test waits for its end
PUT_MAX_SECONDS = 3
#: largest log where a test tries that limit
MAX_LOG = 100_000


@frozen
class Plane:
    """A running Tackroom: where it listens, where its files are, and what the world's symbols stand for."""

    #: `apache` or `embedded`
    kind: str
    host: str
    port: int
    prefix: str
    config: Config
    #: {R} and the like in the table
    symbols: Mapping[str, str]
    #: secrets of recipes' keys, by the recipe's symbol
    keys: Mapping[str, str]
    #: `gunicorn` and `httpd`; a test may replace the former
    processes: dict[str, "subprocess.Popen[bytes]"] = field(factory=dict)
    #: how a client speaks TLS to it, None where it does not
    tls: ssl.SSLContext | None = None

    def connect(self) -> socket.socket:
        """Open a connection to it."""
        connection = socket.create_connection((self.host, self.port), TIMEOUT)
        if self.tls is None:
            return connection
        try:
            return self.tls.wrap_socket(connection, server_hostname=self.host)
        except OSError:
            connection.close()
            raise

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.config.data

    def bearer(self, recipe: str) -> str:
        """The Authorization value of the recipe with this symbol."""
        return f"Bearer {self.keys[recipe]}"

    def basic(self, recipe: str) -> str:
        """The same as a stock restraint sends it."""
        return "Basic " + base64.b64encode(f"{self.symbols[recipe]}:{self.keys[recipe]}".encode()).decode()

    def place(self, path: str, content: bytes) -> Path:
        """Put a log on the disk as if it had been uploaded; `path` is below DATA/logs."""
        target = self.data / "logs" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        own(self.data / "logs" / "recipes", target)
        return target

    def stop_application(self) -> None:
        """End gunicorn, so that httpd is alone."""
        stop(self.processes["gunicorn"])

    def start_application(self) -> None:
        """Start gunicorn again behind httpd."""
        bind = f"unix:{httpd.socket(self.config)}"
        vector = gunicorn(self.config, bind)
        self.processes["gunicorn"] = start(vector, as_service=True, environ=settings(self.config))

    def logged(self, port: int, since: int = 0) -> str:
        """Return httpd's access log line of the connection that came from this port, in what came after `since`."""

        def line() -> str:
            with (self.config.run / "access.log").open("rb") as file:
                file.seek(since)
                text = file.read().decode("utf-8", "replace")
            return next((line for line in text.splitlines() if f":{port} " in line), "")

        return until(line, f"a line of port {port} in the access log")

    def log_size(self) -> int:
        """How long httpd's access log is."""
        return (self.config.run / "access.log").stat().st_size


def own(root: Path, target: Path) -> None:
    """Give what root has made to the service user: the target and the directories above it, up to `root`."""
    if os.geteuid() == 0:
        for path in (target, *target.parents):
            shutil.chown(path, SERVICE, SERVICE)
            if path == root:
                return


@contextmanager
def directory() -> Iterator[Path]:
    """A data directory that the service user can reach, with a path short enough for a unix socket."""
    root = Path(tempfile.mkdtemp(prefix="tackroom-", dir="/tmp"))
    root.chmod(0o755)
    try:
        yield root / "data"
    finally:
        shutil.rmtree(root)


def start(
    vector: list[str], *, as_service: bool, environ: Mapping[str, str] | None = None
) -> "subprocess.Popen[bytes]":
    """Start a server; as root and `as_service` under the service user."""
    root = os.geteuid() == 0 and as_service
    return subprocess.Popen(
        vector,
        umask=0o027,
        user=SERVICE if root else None,
        group=SERVICE if root else None,
        extra_groups=[] if root else None,
        env={**os.environ, **(environ or {})},
        # ours may be out of the service user's reach
        cwd="/",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # its own group: a test that is interrupted ends it through its fixture
        start_new_session=True,
    )


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End a server that we started."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answers(port: int, prefix: str, process: "subprocess.Popen[bytes]") -> bool:
    """Return whether the application can be reached; fail when its process is gone."""
    if process.poll() is not None:
        pytest.fail(f"gunicorn has ended with {process.returncode}: see gunicorn.log")
    connection = HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    try:
        connection.request("GET", f"{prefix}livez")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def gunicorn(config: Config, bind: str) -> list[str]:
    """Return the argument vector of the application behind gunicorn."""
    return [
        *(sys.executable, "-P", "-m", "gunicorn", "--worker-class", "gthread", "--workers", "1", "--threads", "16"),
        *("--bind", bind, "--umask", "027", "--worker-tmp-dir", str(config.run)),
        *("--no-control-socket", "--log-file", str(config.run / "gunicorn.log"), "wsgi_app.wsgi:application()"),
    ]


def publisher() -> list[str]:
    """Return the argument vector of the publisher."""
    return [sys.executable, "-P", "-m", "wsgi_app.cli", "publisher"]


def settings(config: Config) -> dict[str, str]:
    """Return the environment that gives a child these settings."""
    names = ("data", "front", "prefix", "max_log", "max_logs", "put_max_seconds")
    return {f"TACKROOM_{name.upper()}": str(getattr(config, name)) for name in names}


@contextmanager
def serving(
    config: Config,
    symbols: Mapping[str, str],
    keys: Mapping[str, str],
    *,
    whole: bool = False,
    listen: str = "127.0.0.1",
) -> Iterator[Plane]:
    """Run Tackroom over a world that is on the disk; `whole`: all of httpd under the service user."""
    port = free_port()
    processes = {}
    try:
        if config.front == "none":
            processes["gunicorn"] = start(
                gunicorn(config, f"127.0.0.1:{port}"), as_service=True, environ=settings(config)
            )
        else:
            bind = f"unix:{httpd.socket(config)}"
            processes["gunicorn"] = start(gunicorn(config, bind), as_service=True, environ=settings(config))
            user = SERVICE if os.geteuid() == 0 and not whole else None
            processes["httpd"] = start(httpd.command(config, f"{listen}:{port}", user=user), as_service=whole)
        processes["publisher"] = start(publisher(), as_service=True, environ=settings(config))
        until(lambda: answers(port, config.prefix, processes["gunicorn"]), "an answer of the application")
        until(lambda: (config.run / heartbeat.PUBLISHER).exists(), "the publisher is there")
        kind = "embedded" if config.front == "none" else "apache"
        yield Plane(kind, "127.0.0.1", port, config.prefix, config, symbols, keys, processes)
    finally:
        for process in reversed(processes.values()):
            stop(process)


class World:
    """Makes the recipes that the table speaks of, through core, before a server starts."""

    def __init__(self, gateway: Gateway, config: Config) -> None:
        self._gateway = gateway
        gateway.access.issue_admin_token()
        self.admin = Caller("Bearer " + config.admin_token.read_text().strip(), "127.0.0.1")
        self.symbols: dict[str, str] = {"ADMIN": config.admin_token.read_text().strip()}
        self.keys: dict[str, str] = {}

    def recipe(
        self, symbol: str, tasks: int = 1, *, visibility: Visibility = Visibility.PUBLIC, address: str | None = None
    ) -> None:
        """Make a recipe {SYMBOL} that runs, with tasks {SYMBOL_T1} and so on, the first with a result {SYMBOL_N}.

        {SYMBOL_WORD} leads to the archives of its commands.
        """
        name = f"system-{symbol.lower()}"
        system = System(name, None, (), address, SystemHealth.GOOD, None, None, None, None)
        self._gateway.systems.add(self.admin, system)
        steps = tuple(NewTask(name=f"task {number}", command=("true",)) for number in range(tasks))
        new = NewJob((NewRecipeSet((NewRecipe(steps, system=name),)),), name=symbol, visibility=visibility)
        recipe = self._gateway.jobs.submit(self.admin, lambda: new).recipe_sets[0].recipes[0]
        self.keys[symbol] = self._gateway.recipes.issue_key(self.admin, recipe.id, system=name).secret
        self.symbols[symbol] = str(recipe.id)
        self.symbols[f"{symbol}_WORD"] = str(self._gateway.recipes.get(self.admin, recipe.id).recipe.archive_secret)
        for number, task in enumerate(recipe.tasks, 1):
            self.symbols[f"{symbol}_T{number}"] = str(task.id)
            self._gateway.tasks.update(self.harness(symbol), recipe.id, task.id, status=TaskStatus.RUNNING)
        first = recipe.tasks[0].id
        result = self._gateway.results.report(self.harness(symbol), recipe.id, first, result=ResultValue.PASS, path="/")
        self.symbols[f"{symbol}_N"] = str(result.id)

    def harness(self, symbol: str) -> Caller:
        """The harness that runs a recipe."""
        return Caller(f"Bearer {self.keys[symbol]}", "127.0.0.1")

    def finish(self, symbol: str, task: int) -> None:
        """Complete a task of a recipe; with the last one the recipe is finished."""
        number = int(self.symbols[f"{symbol}_T{task}"])
        recipe = int(self.symbols[symbol])
        self._gateway.tasks.update(self.harness(symbol), recipe, number, status=TaskStatus.COMPLETED)

    def use_up(self, symbol: str) -> None:
        """Give a recipe as many task logs as it may have."""
        recipe, task = int(self.symbols[symbol]), int(self.symbols[f"{symbol}_T1"])
        for number in range(MAX_LOGS):
            address = LogAddress(recipe, task, None, f"{number}.log")
            self._gateway.logs.put(self.harness(symbol), address, Bytes(b"x"))


class Bytes:
    """A body that is all there."""

    def __init__(self, content: bytes) -> None:
        self.length = len(content)
        self._content = content

    def span(self) -> None:
        """The whole log."""

    def read(self, size: int) -> bytes:
        """Return the next bytes."""
        block, self._content = self._content[:size], self._content[size:]
        return block


def make_world(config: Config) -> World:
    """Make the world of the table on the disk."""
    gateway = open_gateway(config)
    try:
        world = World(gateway, config)
        world.recipe("R", 2)
        world.recipe("OTHER")
        world.recipe("HERE", address="127.0.0.1")
        world.recipe("FAR", address=FAR)
        world.recipe("PRIVATE", visibility=Visibility.PRIVATE)
        world.recipe("PRIVATE_HERE", visibility=Visibility.PRIVATE, address="127.0.0.1")
        world.recipe("PRIVATE_FAR", visibility=Visibility.PRIVATE, address=FAR)
        for symbol in ("OPEN", "PRIVATE_OPEN", "EMPTY"):
            world.recipe(symbol, visibility=Visibility.PRIVATE if symbol == "PRIVATE_OPEN" else Visibility.PUBLIC)
        world.recipe("CLOSED")
        world.finish("CLOSED", 1)
        world.recipe("HALF", 2)
        world.finish("HALF", 1)
        world.recipe("FULL")
        world.use_up("FULL")
    finally:
        gateway.close()
    if os.geteuid() == 0:
        for path in (config.data, *config.data.rglob("*")):
            shutil.chown(path, SERVICE, SERVICE)
    return world


def hand_made(plane: Plane) -> None:
    """Add gate files that have no other maker here; after the start, since the application rebuilds the gate then."""
    seal = f"{plane.symbols['R']}/logs/sealed.log"
    names = {
        "OPEN": ("open",),
        "PRIVATE_OPEN": ("open",),
        "EMPTY": ("key-" + hashlib.sha1(b"").hexdigest(),),
        "R": ("sealed-" + hashlib.sha1(seal.encode()).hexdigest(),),
    }
    for symbol, files in names.items():
        for name in files:
            path = plane.config.gate / plane.symbols[symbol] / name
            path.touch()
            own(path, path)
    plane.place(f"recipes/{seal}", b"sealed\n")


@contextmanager
def tackroom(config: Config, *, whole: bool = False, listen: str = "127.0.0.1") -> Iterator[Plane]:
    """Make a world and run Tackroom over it."""
    if config.front == "apache" and httpd.find() is None:
        pytest.fail("httpd is not installed: make test installs it")
    world = make_world(config)
    with serving(config, world.symbols, world.keys, whole=whole, listen=listen) as plane:
        hand_made(plane)
        yield plane


@pytest.fixture
def wait() -> Callable[..., object]:
    """The poll of these tests: `wait(probe, what)`."""
    return until


@pytest.fixture(scope="session")
def plane(request: pytest.FixtureRequest) -> Iterator[Plane]:
    """Tackroom as the table's tests need it: behind httpd (plain, by TLS, plain beside TLS) and alone."""
    kind, _, below = request.param.partition("-")
    if kind in ("tls", "plain"):
        both: Both = request.getfixturevalue("both")
        yield both.secure if kind == "tls" else both.plain
        return
    with directory() as data:
        front = "apache" if kind == "apache" else "none"
        config = Config(data=data, front=front, prefix="/t/lab/" if below else "/", max_logs=MAX_LOGS)
        with tackroom(config) as running:
            yield running


@frozen
class Both:
    """A Tackroom below a prefix with both listeners, as a lab controller runs it: what `httpd.configuration` made."""

    secure: Plane
    plain: Plane
    authority: Authority
    issued: Issued
    #: the configuration that httpd runs with
    file: Path


@contextmanager
def both_listeners(
    config: Config, world: World | None = None, *, http: str = "127.0.0.1", https: str = "127.0.0.1"
) -> Iterator[Both]:
    """Start httpd, all of it under the service user, with both listeners over data that are there."""
    place = config.data.with_name("tls")
    place.mkdir()
    authority = make_authority(place)
    issued = authority.issue("controller")
    own(issued.key, issued.key)
    plain, secure = free_port(), free_port()
    tls = httpd.Tls(f"{https}:{secure}", issued.certificate, issued.key)
    file = config.data.with_name("httpd.conf")
    file.write_text(httpd.configuration(config, f"{http}:{plain}", tls))
    process = start([str(httpd.find()), "-DFOREGROUND", "-f", str(file)], as_service=True)
    symbols, keys = ({}, {}) if world is None else (world.symbols, world.keys)
    one = Plane("apache", "127.0.0.1", plain, config.prefix, config, symbols, keys, {"httpd": process})
    try:
        until(lambda: httpd.running(config) == process.pid, "httpd")
        yield Both(evolve(one, port=secure, tls=authority.client()), one, authority, issued, file)
    finally:
        stop(process)


@pytest.fixture(scope="session")
def both() -> Iterator[Both]:
    """A Tackroom with both listeners."""
    with directory() as data:
        config = Config(data=data, front="apache", prefix="/t/lab/", max_logs=MAX_LOGS)
        world = make_world(config)
        bind = f"unix:{httpd.socket(config)}"
        application = start(gunicorn(config, bind), as_service=True, environ=settings(config))
        events = start(publisher(), as_service=True, environ=settings(config))
        try:
            with both_listeners(config, world) as running:
                until(lambda: answers(running.plain.port, config.prefix, application), "an answer of the application")
                until(lambda: (config.run / heartbeat.PUBLISHER).exists(), "the publisher is there")
                hand_made(running.plain)
                yield running
        finally:
            stop(events)
            stop(application)


@pytest.fixture
def alone(request: pytest.FixtureRequest) -> Iterator[Both]:
    """httpd alone, on a pair of addresses: of the plain listener and of TLS."""
    http, https = request.param
    with directory() as data:
        config = Config(data=data, front="apache")
        config.run.mkdir(parents=True)
        own(data, config.run)
        with both_listeners(config, http=http, https=https) as running:
            yield running


#: only root can start all of httpd as somebody else
@pytest.fixture(scope="module", params=["workers", "whole"] if os.geteuid() == 0 else ["workers"])
def front(request: pytest.FixtureRequest) -> Iterator[Plane]:
    """Tackroom behind httpd with small limits: httpd's workers under the service user, or all of httpd."""
    with directory() as data:
        config = Config(data=data, front="apache", put_max_seconds=PUT_MAX_SECONDS, max_log=MAX_LOG, max_logs=MAX_LOGS)
        with tackroom(config, whole=request.param == "whole") as running:
            yield running


@pytest.fixture
def front_on_ipv6() -> Iterator[Plane]:
    """Tackroom behind an httpd that listens on IPv6 and takes IPv4 there."""
    with directory() as data, tackroom(Config(data=data, front="apache", max_logs=MAX_LOGS), listen="[::]") as running:
        yield running

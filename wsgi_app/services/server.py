"""`tackroom serve`: all processes of a Tackroom on one machine, in the foreground. Source: design.md section 7."""

import fcntl
import http.client
import importlib.util
import json
import math
import os
import pwd
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from wsgi_app.config import BUILDBOT_PORT, ENV_PREFIX, Config
from wsgi_app.core.filecopy import sync_directory
from wsgi_app.errors import Conflict, Invalid, Unavailable
from wsgi_app.services import httpd, web
from wsgi_app.services.children import Account, Children, Program

#: seconds from SIGTERM until what is left is killed; the whole end is to take less than ten
STOP_SECONDS = 7.0
#: seconds until it must answer
START_SECONDS = 60.0
LOOK_SECONDS = 0.2
#: exit status of what makes or upgrades the data, when it says on its standard output why it cannot
UNFIT = 65
#: without these no call can be answered
NEEDED = {"database", "schema"}
#: seconds that the rest gets to be ready, too, before it is said to be missing
READY_SECONDS = 5.0
#: files and connections that each process may have open, when the system lets us
DESCRIPTORS = 65536
#: bytes of a log file of ours
LARGEST_LOG = 100 << 20


class Server:
    """One Tackroom on `host`:`port` with these settings; its processes run as `account` (None: as oneself)."""

    def __init__(
        self, config: Config, host: str, port: int, account: Account | None, say: Callable[[str], None]
    ) -> None:
        self._config = config
        self._host = host
        self._port = port
        self._account = account
        self._say = say
        self._stop = threading.Event()
        self._reload = threading.Event()
        self._reopen = threading.Event()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self._host}:{self._port}"

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT; SIGHUP lets httpd read its configuration again, uploads going on.

        SIGUSR1 lets log files be opened anew that somebody has put aside; nothing is lost meanwhile.

        Raises `Conflict` when another serve has the data, `Invalid` when data or port cannot be used, `Unavailable`
        when it does not come up.
        """
        _allow_descriptors()
        # a core file would have keys and tokens in it
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        self._make_directory()
        with self._locked(), self._signals():
            self._require_port()
            self._initialise()
            if self._config.front == "apache":
                self._require_configuration()
                httpd.free_lock_database(self._config, older=0.0)
            children = Children(self._programs(), self._environ(), self._config.data, self._account, self._say)
            # where the command on this machine finds us
            place = self._config.run / "url"
            try:
                self._come_up(children)
                if not self._stop.is_set():
                    web.say_where(self._config, self.url + self._config.prefix)
                    self._say(f"Tackroom listening on {self.url}")
                while not self._stop.wait(LOOK_SECONDS):
                    children.look()
                    self._turn_logs()
                    self._obey(children)
            finally:
                place.unlink(missing_ok=True)
                children.stop(STOP_SECONDS)

    def _programs(self) -> list[Program]:
        # as a module of this interpreter: whatever the command is called here, the children are of the same code
        own = [sys.executable, "-P", "-m", "wsgi_app.cli"]
        front = self._config.front == "apache"
        socket_path = httpd.socket(self._config)
        bind = f"unix:{socket_path}" if front else f"{self._host}:{self._port}"
        programs = [
            Program("web", web.command(self._config, bind)),
            Program("indexer", [*own, "indexer"]),
            Program("timer", [*own, "timer"]),
            Program("publisher", [*own, "publisher"]),
        ]
        if self._serves_workers():
            # the web ends with it: nothing that is in hand could be brought to an end
            programs.append(
                Program("workers", [*own, "workers", "--url", self.url + self._config.prefix, "--drain", "0"])
            )
        if front:
            vector = httpd.command(self._config, f"{self._host}:{self._port}")
            # WINCH: running requests are answered first
            programs.append(Program("httpd", vector, stop_signal=signal.SIGWINCH))
        return programs

    def _serves_workers(self) -> bool:
        config = self._config
        wanted = config.buildbot_listen != "none" or config.buildbot_tls_listen not in ("", "none")
        return wanted and importlib.util.find_spec("twisted") is not None

    def _environ(self) -> dict[str, str]:
        listen = self._config.buildbot_listen or f"{self._host}:{BUILDBOT_PORT}"
        own = {"DATA": str(self._config.data), "BUILDBOT_LISTEN": listen}
        return {**os.environ, **{ENV_PREFIX + name: value for name, value in own.items()}}

    def _make_directory(self) -> None:
        try:
            if not self._config.data.exists():
                self._config.data.mkdir(parents=True, mode=0o750)
                if self._account is not None:
                    os.chown(self._config.data, self._account.uid, self._account.gid)
                sync_directory(self._config.data.parent)
        except OSError as error:
            raise Invalid(f"{self._config.data}: {error.strerror}: choose another --data", field="data") from None

    def _initialise(self) -> None:
        """Make or upgrade what the data directory holds, as the service user: whatever is made is its own."""
        account = self._account
        done = subprocess.run(
            [sys.executable, "-P", "-m", "wsgi_app.cli", "initialise"],
            cwd=self._config.data,
            env=self._environ(),
            user=None if account is None else account.uid,
            group=None if account is None else account.gid,
            extra_groups=None if account is None else [],
            umask=0o027,
            check=False,
            stdout=subprocess.PIPE,
            text=True,
        )
        if done.returncode == UNFIT:
            raise Unavailable(done.stdout.strip())
        if done.returncode != 0:
            who = "this user" if account is None else f"user {pwd.getpwuid(account.uid).pw_name}"
            raise Invalid(
                f"{who} cannot use the data in {self._config.data} or the program in {sys.prefix} (see above): "
                "give it access, or choose another --data or --user",
                field="data",
            )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        path = self._config.data / "serve.lock"
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o640)
        except OSError as error:
            raise Invalid(f"{path}: {error.strerror}: choose another --data", field="data") from None
        with os.fdopen(descriptor):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Conflict(f"another 'tackroom serve' uses {self._config.data}") from None
            # for whoever sends us a signal; on a full disk we start all the same
            with suppress(OSError):
                os.ftruncate(descriptor, 0)
                os.write(descriptor, f"{os.getpid()}\n".encode())
            yield

    def _require_port(self) -> None:
        with socket.socket(socket.AF_INET6 if ":" in self._host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self._host.strip("[]"), self._port))
            except OSError as error:
                raise Invalid(f"cannot listen on {self._host}:{self._port}: {error.strerror}", field="listen") from None

    def _require_configuration(self) -> None:
        problem = httpd.check(self._config)
        if problem is not None:
            raise Invalid(f"httpd does not accept its configuration: {problem}")

    def _come_up(self, children: Children) -> None:
        """Wait until calls are answered, and a little longer for all else that makes it ready."""
        deadline = time.monotonic() + START_SECONDS
        patience = math.inf
        while (missing := self._missing()) is None or (missing and time.monotonic() < patience):
            children.look()
            if self._stop.wait(0.05):
                return
            if missing is None and time.monotonic() > deadline:
                raise Unavailable(f"it did not come up within {START_SECONDS:.0f} s: see above")
            if missing is not None:
                patience = min(patience, time.monotonic() + READY_SECONDS)
        for reason in missing:
            self._say(f"not ready yet: {reason}")

    def _missing(self) -> list[str] | None:
        """Return what keeps it from being ready, None while it does not even answer or has no database."""
        connection = http.client.HTTPConnection(self._host.strip("[]"), self._port, timeout=5)
        try:
            connection.request("GET", self._config.prefix + "readyz", headers={"Accept": "application/json"})
            answer = connection.getresponse()
            checks = json.loads(answer.read())["checks"] if answer.status in (200, 503) else None
        # httpd says 503 in words of its own while nobody is behind it
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            connection.close()
        if checks is None or any(check["name"] in NEEDED and not check["ok"] for check in checks):
            return None
        return [f"{check['name']}: {check['reason']}" for check in checks if not check["ok"]]

    @contextmanager
    def _signals(self) -> Iterator[None]:
        asked: dict[int, threading.Event] = {signal.SIGHUP: self._reload, signal.SIGUSR1: self._reopen}

        def handle(number: int, _frame: FrameType | None) -> None:
            asked.get(number, self._stop).set()

        handled = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)
        before = {number: signal.signal(number, handle) for number in handled}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _turn_logs(self) -> None:
        """Put log files aside when they are large: one before the present one is kept."""
        for name in ("access.log", "error.log"):
            path = self._config.run / name
            # somebody else may put it aside in this moment; where the disk is read-only, the next look tries again
            with suppress(OSError):
                if path.stat().st_size > LARGEST_LOG:
                    path.replace(path.with_name(f"{name}.1"))
                    self._reopen.set()

    def _obey(self, children: Children) -> None:
        """Do what a signal asked for."""
        front = self._config.front == "apache"
        if self._reopen.is_set():
            self._reopen.clear()
            if front:
                # it has no other way to open its log files anew
                self._reload.set()
            else:
                children.send("web", signal.SIGUSR1)
            self._say("log files are opened anew")
        # one that is starting would die of the signal: until it has said which process it is, this waits
        if self._reload.is_set() and front and children.pid("httpd") == httpd.running(self._config):
            self._reload.clear()
            problem = httpd.check(self._config)
            if problem is None:
                children.send("httpd", signal.SIGUSR1)
                self._say("httpd reads its configuration again")
            else:
                # a lab that works must not end for it
                self._say(f"httpd goes on as it is, since it does not accept its configuration: {problem}")


def _allow_descriptors() -> None:
    """Let our processes have as many files open as they may: the usual 1,024 are fewer than a crowd's connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))

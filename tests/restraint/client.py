"""A small model of restraint 0.4.14 as a client, with time scaled down: harness-beaker.md sections 0 and 2.

`Restraintd` is the daemon: health checks, the recipe, one task after the other, a strictly serial queue of messages.
What a task does is a function of the `Task` that it is given, whose methods are the tools that a task may call.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPException
from pathlib import Path
from urllib.parse import quote, unquote, urlencode, urljoin, urlsplit

from attrs import define, field
from lxml import etree

from tests.restraint.fetching import Fetched, NotAnArchive, fetch
from tests.restraint.libsoup import Exchange, Reply, Session

FORM = "application/x-www-form-urlencoded"
LARGEST_BODY = 10485760
TOOL_CHUNK = 131072
#: where restraintd listens for the tools of its tasks
LOCAL = "http://localhost:8081"
#: added to every watchdog
MARGIN = 1800
FINISHED = ("Completed", "Aborted", "Cancelled")
LONGEST_DELAY = 625
#: how often a task is fetched again, and after how many seconds
FETCHES, FETCH_DELAY = 30, 20


class Stuck(Exception):
    """The real one would go on like this for ever, or give up here."""


class Killed(Exception):
    """kill -9, or the power has gone."""


class LocalWatchdog(Exception):
    """The task took longer than it may."""


@define
class Memory:
    """What outlives the daemon: config.conf, and the logs that are kept until they are sent."""

    #: the task that was begun
    started: int | None = None
    #: of that task: what its logs hold, and how much of it was sent
    logs: dict[str, bytearray] = field(factory=dict)
    offsets: dict[str, int] = field(factory=dict)

    def begin(self, task: int | None) -> None:
        """Forget the last task."""
        self.started = task
        self.logs = {"taskout.log": bytearray(), "harness.log": bytearray()}
        self.offsets = {"taskout.log": 0, "harness.log": 0}


@define
class Restraintd:
    """The daemon for one recipe."""

    base: str
    recipe: int
    memory: Memory = field(factory=Memory)
    #: "Beaker mode": without the environment file there are no health checks
    health: bool = True
    #: of a real second
    scale: float = 0.001
    #: after how many failures in a row to call it `Stuck`
    patience: int = 30
    timeout: float = 60.0
    #: below which it unpacks what it fetches, by host and path
    place: Path = Path("/nonexistent")
    #: told of each failure of a message: how many there were in a row
    on_retry: Callable[[int], None] = lambda _failures: None
    #: told of each pause, in real seconds, before it is made
    on_pause: Callable[[float], None] = lambda _seconds: None
    trace: list[Exchange] = field(factory=list)
    #: seconds waited for each retry of a message
    delays: list[int] = field(factory=list)
    _session: Session = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Open the session."""
        self._session = self._new_session()

    @property
    def calls(self) -> list[str]:
        """What went over the wire, as `METHOD path` below the recipe; refused first tries (401) left out."""
        mark = f"/recipes/{self.recipe}/"
        return [f"{one.method} {one.target.partition(mark)[2]}" for one in self.trace if one.status != 401]

    def run(self, *bodies: "Callable[[Task], int]") -> None:
        """Run what the recipe has left to run."""
        try:
            self._run(bodies)
        finally:
            self.close()

    def close(self) -> None:
        """Hang up."""
        self._session.close()

    def _run(self, bodies: "Sequence[Callable[[Task], int]]") -> None:
        if not self.memory.logs:
            self.memory.begin(None)
        self.check_health()
        tasks = self.fetch(12)
        aborting = False
        for position, (element, body) in enumerate(zip(tasks, bodies, strict=True)):
            if element.get("status") in FINISHED:
                continue
            source = element.find("fetch")
            task = Task(self, int(element.get("id", "0")), None if source is None else source.get("url"))
            if aborting:
                self.memory.begin(task.id)
                task.end("Aborted")
            else:
                aborting = task.run(body, position, len(tasks))

    def check_health(self) -> None:
        """HEAD the recipe until that is 2xx, of exactly this type and not empty; each time in a session of its own."""
        if not self.health:
            return
        for _ in range(self.patience):
            session = self._new_session("restraint")
            try:
                reply = self._request("HEAD", f"/recipes/{self.recipe}/", session, lane="head")
            except (OSError, HTTPException):
                reply = Reply(0, {}, b"")
            finally:
                session.close()
            length = int(reply.headers.get("content-length", "0"))
            if reply.good and reply.headers.get("content-type") == "application/xml" and length > 0:
                return
            self.pause(60)
        raise Stuck("HEAD")

    def fetch(self, retries: int) -> list[etree._Element]:
        """GET the recipe, whatever the status says, and return its tasks."""
        for _ in range(retries + 1):
            try:
                reply = self._request("GET", f"/recipes/{self.recipe}/", self._session, lane="get")
                tasks = list(etree.fromstring(reply.body).iterfind("recipeSet/recipe/task"))
            except (OSError, HTTPException, etree.XMLSyntaxError):
                tasks = []
            if tasks:
                return tasks
            self.pause(10)
        raise Stuck("GET")

    def send(
        self,
        method: str,
        path: str,
        body: bytes,
        headers: dict[str, str],
        *,
        relayed: bool = False,
    ) -> Reply:
        """Send a message of the queue: 2xx and 4xx are final, all else is tried again, and what is behind waits."""
        delay = 3
        for failures in range(1, self.patience + 1):
            try:
                reply = self._request(method, path, self._session, body, headers, relayed=relayed)
                if reply.good or 400 <= reply.status < 500:
                    return reply
            except (OSError, HTTPException):
                pass
            self.delays.append(delay)
            self.on_retry(failures)
            self.pause(delay)
            delay = min(int(delay * 1.5), LONGEST_DELAY)
        raise Stuck(f"{method} {path}")

    def post(self, path: str, fields: Mapping[str, object], *, relayed: bool = False) -> Reply:
        """Queue a form."""
        return self.send("POST", path, urlencode(fields).encode(), {"Content-Type": FORM}, relayed=relayed)

    def _new_session(self, agent: str = "") -> Session:
        place = urlsplit(self.base)
        return Session((place.hostname or "", place.port or 80), self.trace, agent, self.timeout)

    def _request(
        self,
        method: str,
        path: str,
        session: Session,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        *,
        relayed: bool = False,
        lane: str = "queue",
    ) -> Reply:
        """Make a request for a path below the base URL, which is simply put before it.

        The path is unescaped and becomes a URL again: what is behind `#` is gone. A relayed one has lost its userinfo.
        """
        place = urlsplit(self.base)
        target = quote(place.path + unquote(path).partition("#")[0], safe="/%?:@!$&'()*+,;=~")
        userinfo = place.netloc.rpartition("@")[0] or None
        host = urlsplit(LOCAL).netloc if relayed else place.netloc.rpartition("@")[2]
        return session.request(
            method,
            target,
            host=host,
            userinfo=None if relayed else userinfo,
            body=body,
            headers=headers,
            lane=lane,
        )

    def pause(self, seconds: float) -> None:
        """Wait, in scaled time."""
        self.on_pause(seconds)
        time.sleep(seconds * self.scale)


@define
class Task:
    """One task of the recipe as it is run."""

    daemon: Restraintd
    id: int
    #: where it comes from
    source: str | None = None
    #: what was unpacked
    fetched: Fetched | None = None
    reported: bool = False
    _abort: bool = False

    @property
    def path(self) -> str:
        """Its URL below the base."""
        return f"/recipes/{self.daemon.recipe}/tasks/{self.id}"

    def run(self, body: "Callable[[Task], int]", position: int, count: int) -> bool:
        """Run it to its end; True when it asks to abort the recipe. One that was begun before goes on in silence."""
        daemon, memory = self.daemon, self.daemon.memory
        resumed = memory.started == self.id
        if not resumed:
            memory.begin(self.id)
            daemon.post(f"{self.path}/status", {"status": "Running", "stime": 0, "etime": 0})
            daemon.check_health()
            if self.source is not None and not self._fetch(self.source):
                self.end("Aborted")
                return False
        daemon.check_health()
        self._refresh_roles(position, count)
        if not resumed:
            seconds = MARGIN + (0 if self.fetched is None else self.fetched.max_time)
            daemon.post(f"/recipes/{daemon.recipe}/watchdog", {"seconds": seconds})
            daemon.check_health()
        try:
            code = body(self)
        except LocalWatchdog:
            fields = {"result": "WARN", "path": "/10_localwatchdog", "no_plugins": "\x01", "disable_plugin": "10_x"}
            daemon.post(f"{self.path}/results/", fields)
            self.end("Aborted")
            return False
        if self._abort:
            self.end("Aborted")
            return True
        if code != 0:
            fields = {"result": "FAIL", "path": "exit_code", "score": str(code << 8)}
            daemon.post(f"{self.path}/results/", {**fields, "message": "Command returned non-zero"})
        elif not self.reported:
            daemon.post(f"{self.path}/results/", {"result": "PASS", "path": "exit_code", "score": 0})
        self.end("Completed")
        return False

    def _fetch(self, url: str) -> bool:
        """Fetch and unpack the task; whatever is no archive, an error's words too, is tried again."""
        place = urlsplit(url)
        target = self.daemon.place / str(place.hostname) / place.path.lstrip("/")
        for _ in range(FETCHES + 1):
            try:
                self.fetched = fetch(url, target)
                return True
            except NotAnArchive as error:
                self.daemon.memory.logs["harness.log"] += f"** {error}\n".encode()
            self.daemon.pause(FETCH_DELAY)
        return False

    def end(self, status: str) -> None:
        """Send the rest of the logs, then the status."""
        self.daemon.memory.logs["harness.log"] += f"{self.path} {status}\n".encode()
        self.upload()
        self.daemon.post(f"{self.path}/status", {"status": status, "stime": 1795324551, "etime": 1795324552})
        self.daemon.memory.begin(None)

    def output(self, data: bytes) -> None:
        """Print; it is kept until the next upload."""
        self.daemon.memory.logs["taskout.log"] += data

    def upload(self) -> None:
        """Send what the logs have got; every 15 s, and at the end. Refused or not, it counts as sent."""
        memory = self.daemon.memory
        for name, content in memory.logs.items():
            while memory.offsets[name] < len(content):
                first = memory.offsets[name]
                chunk = bytes(content[first : first + LARGEST_BODY])
                memory.offsets[name] = first + len(chunk)
                self._put(f"{self.path}/logs/{name}", chunk, first, "*", relayed=False)

    def report_result(
        self, path: str, result: str, score: int | None = None, log: tuple[str, bytes] | None = None
    ) -> int:
        """rstrnt-report-result: a refused result is a warning, a refused log a failure."""
        self.reported = True
        url = f"{self.path}/results/"
        fields = {"path": path, "result": result, **({} if score is None else {"score": str(score)})}
        reply = self.daemon.post(url, fields, relayed=True)
        if not reply.good:
            return 0
        if "location" not in reply.headers:
            raise Stuck("segmentation fault: no Location")
        if log is None:
            return 0
        # restraintd makes of it a path on itself, and knows no others than /recipes
        local = urlsplit(urljoin(LOCAL + url, reply.headers["location"])).path
        return self._send_log(f"{local}/logs/{log[0]}", log[1])

    def report_log(self, name: str, content: bytes) -> int:
        """rstrnt-report-log; names that are not ASCII it refuses itself, and an empty file it does not send."""
        if not name.isascii():
            return 1
        return self._send_log(f"{self.path}/logs/{quote(name, safe='')}", content)

    def adjust_watchdog(self, seconds: int) -> None:
        """rstrnt-adjust-watchdog."""
        fields = {"seconds": seconds + MARGIN}
        self.daemon.post(f"/recipes/{self.daemon.recipe}/watchdog", fields, relayed=True)

    def abort(self) -> None:
        """rstrnt-abort: tells the daemon only."""
        self._abort = True

    def _send_log(self, path: str, content: bytes) -> int:
        if not path.startswith("/recipes/"):
            return 1
        for first in range(0, len(content), TOOL_CHUNK):
            chunk = content[first : first + TOOL_CHUNK]
            if not self._put(path, chunk, first, str(len(content)), relayed=True).good:
                return 1
        return 0

    def _put(self, path: str, chunk: bytes, first: int, total: str, *, relayed: bool) -> Reply:
        headers = {"Content-Type": "text/plain", "Content-Range": f"bytes {first}-{first + len(chunk) - 1}/{total}"}
        if not relayed:
            headers["log-level"] = "2"
        return self.daemon.send("PUT", path, chunk, headers, relayed=relayed)

    def _refresh_roles(self, position: int, count: int) -> None:
        """Look at the recipe again; tasks are paired by their position."""
        tasks = self.daemon.fetch(3)
        if len(tasks) != count or tasks[position].get("id") != str(self.id):
            raise Stuck("the recipe's tasks have changed")

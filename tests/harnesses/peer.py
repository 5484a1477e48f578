"""A small controller for tests of the harness: speaks the harness protocol strictly and notes every breach of it."""

from __future__ import annotations

import hashlib
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

FINISHED = ("Completed", "Aborted", "Cancelled")
KEY = "key-of-the-recipe"
TOKEN = "key-of-the-system"
RECIPE = 7
RANGE = re.compile(r"bytes (\d+)-(\d+)/(\*|\d+)$")


@dataclass
class Trouble:
    """Something that goes wrong with the next `times` requests that match."""

    method: str
    pattern: str
    kind: str  #: "503" and the like, "before" (dropped unread), "torn" (half is taken), "after" (done, never answered)
    times: int = 1


@dataclass
class Peer:
    """The state of the one recipe that it hands out, and what was done to it."""

    tasks: list[dict[str, Any]]
    prefix: str = ""
    stop_on_fail: bool = False
    claims: int = 0
    breaches: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    logs: dict[str, bytearray] = field(default_factory=dict)
    declared: dict[str, dict[str, Any]] = field(default_factory=dict)
    results: list[dict[str, Any]] = field(default_factory=list)
    messages: dict[int, str] = field(default_factory=dict)
    watchdogs: list[int] = field(default_factory=list)
    status: str = "Waiting"
    troubles: list[Trouble] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    url: str = ""
    roles: dict[str, list[str]] | None = None
    grace: float = 0.0  # seconds in which logs may still come when the recipe was ended
    ended: float = 0.0
    keys: dict[str, tuple[str, dict[str, str], str]] = field(default_factory=dict)  # Idempotency-Key to call and answer
    others: dict[int, str] = field(default_factory=dict)  # the other recipes of the set: their systems
    dead: dict[int, str] = field(default_factory=dict)  # those that have ended, and how
    said: dict[str, dict[int, Any]] = field(default_factory=dict)  # state: who is there, and what they say
    waits: list[tuple[str, dict[str, str]]] = field(default_factory=list)  # state and query of each waiting call

    def __post_init__(self) -> None:
        """Make what waiting calls wait for."""
        self.changed = threading.Condition(self.lock)

    def document(self) -> dict[str, Any]:
        """The recipe as JSON."""
        head = {"id": RECIPE, "job": 5, "recipe_set": 6, "system": "box", "role": "SERVERS", "status": self.status}
        head["roles"] = self.roles
        return {**head, "max_seconds": 600, "stop_on_fail": self.stop_on_fail, "tasks": self.tasks}

    def log(self, path: str) -> bytes:
        """What is in the log at a path below the recipe."""
        with self.lock:
            return bytes(self.logs.get(path, b""))

    def task(self, number: int) -> dict[str, Any]:
        """The task with that id."""
        return next(task for task in self.tasks if task["id"] == number)

    def statuses(self) -> list[str]:
        """The statuses of the tasks."""
        with self.lock:
            return [task["status"] for task in self.tasks]

    def end(self, status: str) -> None:
        """End the recipe as the real one does when a job is cancelled."""
        with self.lock:
            for task in self.tasks:
                if task["status"] not in FINISHED:
                    task["status"] = status
            self.status = status
            self.ended = time.monotonic()
            self.changed.notify_all()

    def arrive(self, state: str, recipe: int, said: object = None) -> None:
        """Let a recipe of the set reach a state."""
        with self.lock:
            self.said.setdefault(state, {})[recipe] = said
            self.changed.notify_all()

    def die(self, recipe: int, status: str = "Aborted") -> None:
        """End another recipe of the set."""
        with self.lock:
            self.dead[recipe] = status
            self.changed.notify_all()

    def wait(self, what: Callable[[], object], seconds: float = 30.0) -> None:
        """Wait until something is true."""
        deadline = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < deadline, "waited too long"
            time.sleep(0.01)

    # -- the protocol

    def answer(self, method: str, path: str, query: dict[str, str], call: Call) -> tuple[int, dict[str, str], bytes]:
        """Do one request."""
        if path == "/systems/box/claim":
            self._check(call.authorization == f"Bearer {TOKEN}", "claim with a wrong key")
            return self._claim(int(query.get("wait", "0")))
        if call.authorization != f"Bearer {KEY}":
            return 403, {}, b"wrong key"
        root = f"/recipes/{RECIPE}"
        self._check(path.startswith(root + "/"), f"not below the recipe: {path}")
        rest = path[len(root) + 1 :]
        if method == "GET" and rest == "":
            return 200, {}, json.dumps(self.document()).encode()
        if method == "GET" and rest == "watchdog":
            return 200, {}, json.dumps({"seconds": False if self.status in FINISHED else 1000}).encode()
        if rest.startswith("sync/"):
            return self._sync(method, unquote(rest[5:]), query, call)
        if method in ("PUT", "HEAD") and "logs/" in rest:
            return self._log(method, rest, call)
        if method == "POST" and "logs/" in rest:
            return self._declare(unquote(rest), call)
        form = {name: values[0] for name, values in parse_qs(call.body.decode(), keep_blank_values=True).items()}
        return self._once(method, rest, form, call.key) if call.key else self._post(method, rest, form)

    def _once(self, method: str, rest: str, form: dict[str, str], key: str) -> tuple[int, dict[str, str], bytes]:
        """Answer a call with an Idempotency-Key: the same for the same."""
        if key in self.keys:
            path, before, location = self.keys[key]
            self._check((path, before) == (rest, form), f"the key {key} is used twice")
            return 201, {"Location": location}, b""
        status, headers, body = self._post(method, rest, form)
        if status == 201:
            self.keys[key] = (rest, form, headers["Location"])
        return status, headers, body

    def _sync(self, method: str, state: str, query: dict[str, str], call: Call) -> tuple[int, dict[str, str], bytes]:
        if self.status in FINISHED:
            return self._no(409, "recipe.finished", "The recipe is finished")
        if state == "bad":
            return self._no(400, "sync.bad-state", "no such state here")
        if method == "PUT":
            self._check(call.kind == "application/json", "sync is JSON")
            self._check(len(call.body) <= 4096, "too much said")
            self.arrive(state, RECIPE, json.loads(call.body) if call.body else None)
            return 204, {}, b""
        self._check(method == "GET", f"unexpected {method} {state}")
        self._check(0 <= int(query["timeout"]) <= 30, "waits for too long")
        self.waits.append((state, query))
        members = {RECIPE: "box", **self.others}
        if "role" in query and query["role"] != "RECIPE_MEMBERS":
            members = {number: name for number, name in members.items() if name in (self.roles or {})[query["role"]]}
        if query.get("others") == "1":
            members.pop(RECIPE, None)
        any_one = query.get("any") == "1"

        def missing() -> list[int]:
            return [number for number in members if number not in self.said.get(state, {})]

        def dead() -> list[int]:
            gone = [number for number in missing() if number in self.dead]
            return gone if not any_one or gone == missing() else []

        def reached() -> bool:
            return not missing() or (any_one and len(missing()) < len(members))

        self.changed.wait_for(lambda: reached() or dead() or self.status in FINISHED, int(query["timeout"]))
        if self.status in FINISHED:
            return self._no(409, "recipe.finished", "The recipe is finished")
        if not reached() and dead():
            number = dead()[0]
            words = f"recipe {number} ({self.others[number]}) has ended ({self.dead[number]}) without reaching {state}"
            return self._no(409, "sync.dead-peer", words)
        said = {str(number): value for number, value in self.said.get(state, {}).items() if number in members}
        absent = [{"recipe": number, "system": members[number], "role": None} for number in missing()]
        return 200, {}, json.dumps({"reached": reached(), "waiting_for": absent, "said": said}).encode()

    def _no(self, status: int, code: str, message: str) -> tuple[int, dict[str, str], bytes]:
        return status, {}, json.dumps({"error": {"code": code, "message": message, "field": None}}).encode()

    def _claim(self, wait: int) -> tuple[int, dict[str, str], bytes]:
        self._check(wait <= 50, "claims for too long")
        self.claims += 1
        if self.status in FINISHED:
            return 204, {}, b""
        body = json.dumps({**self.document(), "key": KEY}).encode()
        return 200, {"Location": f"../../recipes/{RECIPE}/"}, body

    def _post(self, method: str, rest: str, form: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        self._check(method == "POST", f"unexpected {method} {rest}")
        if rest == "watchdog":
            self.watchdogs.append(int(form["seconds"]))
            return (409 if self.status in FINISHED else 204), {}, b""
        if rest == "status":
            self._check(form["status"] == "Aborted", "a recipe can only be aborted")
            self.messages[RECIPE] = form.get("message", "")
            self.end("Aborted")
            return 204, {}, b""
        found = re.match(r"tasks/(\d+)/(status|results/)$", rest)
        if found is None:
            return 404, {}, b"no such thing"
        task = self.task(int(found[1]))
        if task["status"] in FINISHED:
            return 409, {}, b"task.finished"
        return self._status(task, form) if found[2] == "status" else self._result(task, form)

    def _status(self, task: dict[str, Any], form: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        status = form["status"]
        before = [other for other in self.tasks if other["id"] < task["id"]]
        self._check(all(other["status"] in FINISHED for other in before), "tasks out of order")
        self._check(status != "Completed" or task["status"] == "Running", "Completed without Running")
        task["status"] = status
        self.messages[task["id"]] = form.get("message", "")
        if all(other["status"] in FINISHED for other in self.tasks):
            self.status = "Aborted" if "Aborted" in self.statuses() else "Completed"
        else:
            self.status = "Running"
        return 204, {}, b""

    def _result(self, task: dict[str, Any], form: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        self._check(task["status"] == "Running", "a result before Running")
        self._check("result" in form, "a result without a result")
        if form["result"].lower() not in ("pass", "warn", "fail", "skip", "none"):
            return 400, {}, b"result must be one of Pass, Warn, Fail, Skip, None"
        number = 1000 + len(self.results)
        self.results.append({"id": number, "task": task["id"], "source": "harness", **form})
        if form["result"].lower() == "fail":
            task["result"] = "Fail"
        return 201, {"Location": str(number)}, b""

    def _log(self, method: str, rest: str, call: Call) -> tuple[int, dict[str, str], bytes]:
        path = unquote(rest)
        old = self.logs.get(path)
        if method == "HEAD":
            return (404, {}, b"") if old is None else (200, {"Content-Length": str(len(old))}, b"")
        task = re.match(r"tasks/(\d+)/", path)
        over = self.status in FINISHED
        late = over and time.monotonic() < self.ended + self.grace
        if not late and (over or (task and self.task(int(task[1]))["status"] in FINISHED)):
            return 409, {}, b"the log is closed"
        if self.sealed(path):
            return 409, {}, b"the log is sealed"
        self._check(len(call.body) <= 10 * 1024 * 1024, f"{path}: body too large")
        if not call.range:
            self.logs[path] = bytearray(call.body)
            return (201 if old is None else 204), {}, b""
        found = RANGE.match(call.range)
        if found is None:
            self._check(False, f"{path}: bad range {call.range}")
            return 400, {}, b"bad range"
        first, last = int(found[1]), int(found[2])
        log = self.logs.setdefault(path, bytearray())
        self._check(last - first + 1 == len(call.body), f"{path}: {call.range} with {len(call.body)} bytes")
        self._check(first <= len(log), f"{path}: a hole before {call.range}")
        if found[3] == "*":
            there = bytes(log[first : last + 1])
            self._check(call.body.startswith(there), f"{path}: {call.range} is not what was sent before")
        log[first : last + 1] = call.body
        return (201 if old is None else 204), {}, b""

    def _declare(self, path: str, call: Call) -> tuple[int, dict[str, str], bytes]:
        """Take a declaration; what matches is sealed at once."""
        value = json.loads(call.body)
        if self.declared.get(path) != value:
            task = re.match(r"tasks/(\d+)/", path)
            closed = self.status in FINISHED or (task and self.task(int(task[1]))["status"] in FINISHED)
            if closed or self.sealed(path):
                return self._no(409, "log.closed", "The log is closed")
            self.declared[path] = value
        found = self._found(path) if path in self.logs else {"size": 0, "sha256": None}
        state = "finished" if self.sealed(path) else "growing"
        return 200, {}, json.dumps({"path": path, "state": state, "declared": value, **found}).encode()

    def sealed(self, path: str) -> bool:
        """Whether the log is what was declared."""
        return path in self.logs and self.declared.get(path) == self._found(path)

    def _found(self, path: str) -> dict[str, Any]:
        log = self.logs[path]
        return {"size": len(log), "sha256": hashlib.sha256(log).hexdigest()}

    def _check(self, good: bool, breach: str) -> None:
        if not good:
            self.breaches.append(breach)

    def trouble(self, method: str, path: str) -> str:
        """What goes wrong with this request; "" for nothing."""
        for trouble in self.troubles:
            if trouble.times and trouble.method == method and re.search(trouble.pattern, path):
                trouble.times -= 1
                return trouble.kind
        return ""


@dataclass
class Call:
    """The parts of a request that matter."""

    authorization: str
    range: str
    length: int
    body: bytes
    key: str
    kind: str


class Server(ThreadingHTTPServer):
    """Serves a peer."""

    daemon_threads = True
    peer: Peer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that are killed are part of the tests."""


class Handler(BaseHTTPRequestHandler):
    """Takes requests apart and makes trouble."""

    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is given)
        """Say nothing."""

    def _handle(self) -> None:
        peer = self.server.peer
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        with peer.lock:
            trouble = peer.trouble(self.command, parts.path)
            peer.requests.append(f"{self.command} {parts.path}")
        if trouble == "before":
            return self._drop()
        text = self.headers.get("Content-Length")
        with peer.lock:
            peer._check(text is not None or self.command in ("GET", "HEAD"), f"{self.command} without Content-Length")
            peer._check(parts.path.startswith(peer.prefix + "/"), f"{parts.path} is not below the prefix")
        length = int(text or 0)
        body = self.rfile.read(length // 2 if trouble == "torn" else length)
        if trouble.isdigit():
            return self._send(int(trouble), {}, b"trouble")
        call = Call(
            self.headers.get("Authorization", ""),
            self.headers.get("Content-Range", ""),
            length,
            body,
            self.headers.get("Idempotency-Key", ""),
            self.headers.get("Content-Type", ""),
        )
        if len(body) < length:  # torn by us, or by a client that was killed
            with peer.lock:
                self._half(peer, parts.path[len(peer.prefix) :], call)
            return self._drop()
        with peer.lock:
            status, headers, answer = peer.answer(self.command, parts.path[len(peer.prefix) :], query, call)
        return self._drop() if trouble == "after" else self._send(status, headers, answer)

    def _half(self, peer: Peer, path: str, call: Call) -> None:
        """What Apache does with a range that is cut off: the bytes that came stay."""
        found = RANGE.match(call.range)
        name = unquote(path.removeprefix(f"/recipes/{RECIPE}/"))
        if found is not None and name in peer.logs:
            first = int(found[1])
            peer.logs[name][first : first + len(call.body)] = call.body

    def _drop(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        if "Content-Length" not in headers and status != 204:
            headers = {**headers, "Content-Length": str(len(body))}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


for verb in ("GET", "HEAD", "POST", "PUT"):
    setattr(Handler, f"do_{verb}", Handler._handle)


def task(number: int, name: str = "", **what: Any) -> dict[str, Any]:
    """A task document."""
    return {"id": number, "name": name or f"task-{number}", "role": "", "params": {}, "status": "Waiting", **what}

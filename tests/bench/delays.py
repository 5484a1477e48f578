"""How long people and machines wait for what has happened already: idle, and beside load.

Through Apache. From a job's submission until the harness that waits for it has its recipe, and has said that it runs;
from a result's report until each protocol shows it, the report included; from a task's end until its job is settled.
The load is 16 connections that set a watchdog as fast as they can.
"""

import http.client
import json
import socket
import statistics
import threading
import time
import xmlrpc.client
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import Any

from attrs import define, field
from figure import Figure
from lab import Lab, running_lab
from load import wrk
from scale import Scale

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
CONNECTIONS = 16


def measure(scale: Scale) -> Iterator[Figure]:
    """Yield medians and the slowest of a hundred."""
    with running_lab("apache") as lab:
        bench = Bench(lab, scale.of(200, 4), scale.of(20, 1))
        yield from bench.figures("idle")
        with loaded(lab):
            yield from bench.figures(f"beside {CONNECTIONS} connections")


@contextmanager
def loaded(lab: Lab) -> Iterator[None]:
    """Let another harness be busy meanwhile."""
    lab.job({"name": "others"}, system="others")
    claimed = lab.claim("others")
    url, stop = f"{lab.url}/recipes/{claimed['id']}/watchdog", threading.Event()

    def load() -> None:
        while not stop.is_set():
            made = wrk(url, "post", CONNECTIONS, 1, f"Bearer {claimed['key']}", "seconds=3600")
            assert not made.refused, made

    thread = threading.Thread(target=load)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@define
class Line:
    """A kept connection."""

    lab: Lab
    authorization: str
    connection: http.client.HTTPConnection = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Open it."""
        self.connection = self.lab.connect(60)

    def call(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> bytes:
        """Make a call that must be taken."""
        sent = {"Authorization": self.authorization, **(headers or {})}
        self.connection.request(method, path, body, sent)
        answer = self.connection.getresponse()
        whole = answer.read()
        assert answer.status < 300, (method, path, answer.status, whole)
        return whole


@define
class Bench:
    """What is measured, and how often."""

    lab: Lab
    #: of what is quick, and of what takes a second
    times: int
    few: int

    def figures(self, how: str) -> Iterator[Figure]:
        """Yield the figures of all delays."""
        for what, took in {**self.starts(), **self.visible(), **self.ends()}.items():
            yield Figure(f"{what}, median, {how}", statistics.median(took), unit="ms", more=False)
            yield Figure(f"{what}, 99 %, {how}", slowest(took), unit="ms", more=False)

    def line(self) -> Line:
        """Open a connection as administrator, with credentials that every protocol takes."""
        return Line(self.lab, "Basic " + b64encode(f"admin:{self.lab.token}".encode()).decode())

    def starts(self) -> dict[str, list[float]]:
        """Submit for a system whose harness waits."""
        harness, submitter = Harness(self.line()), self.line()
        self.lab.call("POST", "/systems/", json.dumps({"name": "waits"}).encode(), JSON)
        took: dict[str, list[float]] = {"job submitted: claimed": [], "job submitted: its first task runs": []}
        for _ in range(self.times):
            thread = threading.Thread(target=harness.serve)
            thread.start()
            # until it waits: it has told that it is there
            while json.loads(submitter.call("GET", "/systems/waits"))["state"] != "idle":
                pass
            began = time.perf_counter()
            submitter.call("POST", "/jobs/", job("waits"), JSON)
            thread.join()
            for times, moment in zip(took.values(), (harness.claimed, harness.runs), strict=True):
                times.append((moment - began) * 1000)
            harness.end()
        return took

    def visible(self) -> dict[str, list[float]]:
        """Report results, and look for each in every protocol."""
        harness, reader = Harness(self.line()), self.line()
        self.lab.call("POST", "/systems/", json.dumps({"name": "tells"}).encode(), JSON)
        reader.call("POST", "/jobs/", job("tells"), JSON)
        harness.begin("tells")
        took: dict[str, list[float]] = {}
        with followed(self.lab) as stream:
            for looked, look in looks(reader, harness.recipe).items():
                times = took[f"result reported: {looked}"] = []
                for _ in range(self.times // 4 or 1):
                    name = f"seen-{next(harness.numbers)}-now"
                    path = f"/check/{name}"
                    began = time.perf_counter()
                    harness.line.call("POST", f"{harness.task}/results/", f"result=Pass&path={path}".encode(), FORM)
                    while name.encode() not in look():
                        pass
                    times.append((time.perf_counter() - began) * 1000)
                    took.setdefault("result reported: in the event stream", []).append(
                        (stream.seen(path) - began) * 1000
                    )
        harness.end()
        return took

    def ends(self) -> dict[str, list[float]]:
        """End tasks, and wait until their jobs are settled."""
        harness, reader = Harness(self.line()), self.line()
        self.lab.call("POST", "/systems/", json.dumps({"name": "ends"}).encode(), JSON)
        times: list[float] = []
        for _ in range(self.few):
            made = json.loads(reader.call("POST", "/jobs/", job("ends"), JSON))
            harness.begin("ends")
            began = time.perf_counter()
            harness.end()
            assert json.loads(reader.call("GET", f"/jobs/{made['id']}/wait?timeout=60"))["settled"]
            times.append((time.perf_counter() - began) * 1000)
        return {"task ended: its job is settled": times}


@define
class Harness:
    """Has one recipe at a time."""

    line: Line
    recipe: int = 0
    task: str = ""
    claimed: float = 0.0
    runs: float = 0.0
    numbers: Iterator[int] = field(factory=count)

    def serve(self) -> None:
        """Wait for a recipe and begin it."""
        self.begin("waits")

    def begin(self, system: str) -> None:
        """Claim a recipe, read it, and say that its task runs."""
        found = json.loads(self.line.call("POST", f"/systems/{system}/claim?wait=60"))
        self.claimed = time.perf_counter()
        self.recipe = found["id"]
        self.task = f"/recipes/{self.recipe}/tasks/{found['tasks'][0]['id']}"
        self.line.call("GET", f"/recipes/{self.recipe}/", headers={"Accept": "application/xml"})
        self.line.call("POST", f"{self.task}/status", b"status=Running", FORM)
        self.runs = time.perf_counter()

    def end(self) -> None:
        """Say that its task has ended."""
        self.line.call("POST", f"{self.task}/status", b"status=Completed", FORM)


@define
class Stream:
    """What a follower of the event stream has seen, and when."""

    moments: dict[str, float] = field(factory=dict)
    told: threading.Condition = field(factory=threading.Condition)

    def read(self, response: http.client.HTTPResponse) -> None:
        """Note results until the stream ends."""
        while line := response.readline():
            if line.startswith(b"data:"):
                with self.told:
                    self.moments[json.loads(line[5:])["data"]["path"]] = time.perf_counter()
                    self.told.notify_all()

    def seen(self, path: str) -> float:
        """Return when a result was seen, as soon as it is."""
        with self.told:
            assert self.told.wait_for(lambda: path in self.moments, 30)
            return self.moments[path]


@contextmanager
def followed(lab: Lab) -> Iterator[Stream]:
    """Follow the results in the event stream."""
    connection = lab.connect(60)
    headers = {"Accept": "text/event-stream", "Authorization": f"Bearer {lab.token}"}
    connection.request("GET", "/events?topic=result", headers=headers)
    stream = Stream()
    thread = threading.Thread(target=stream.read, args=(connection.getresponse(),), daemon=True)
    thread.start()
    yield stream
    connection.sock.shutdown(socket.SHUT_RDWR)
    thread.join()
    connection.close()


def looks(line: Line, recipe: int) -> dict[str, Callable[[], bytes]]:
    """Return how each protocol is asked for the newest results of a recipe."""
    method = "results.get_testjob_results_yaml"
    body = xmlrpc.client.dumps((str(recipe),), method).encode()
    return {
        "native API": lambda: line.call("GET", f"/recipes/{recipe}/results?limit=1000"),
        "LAVA's REST": lambda: line.call("GET", f"/api/v0.2/jobs/{recipe}/tests/?limit=1000"),
        "LAVA's XML-RPC": lambda: line.call("POST", "/RPC2", body, {"Content-Type": "text/xml"}),
        "its recipe's XML": lambda: line.call("GET", f"/recipes/{recipe}/", headers={"Accept": "application/xml"}),
    }


def job(system: str) -> bytes:
    """Return a job of one task for a system."""
    recipe: dict[str, Any] = {"system": system, "tasks": [{"name": "smoke", "command": ["true"]}]}
    return json.dumps({"recipe_sets": [{"recipes": [recipe]}]}).encode()


def slowest(took: list[float]) -> float:
    """Return how long 99 of 100 took at most."""
    return sorted(took)[max(0, -(-len(took) * 99 // 100) - 1)]

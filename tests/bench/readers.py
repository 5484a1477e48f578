"""50 readers that follow a log of 100,000 lines / one: what a poll costs, and what becomes of other calls.

A whole Tackroom, one task whose console log has 100,000 lines; first one reader and then 50 read all of it at once;
then it grows by a thousand lines a second, while one, and then 50, follow it as lavacli does, every five seconds. Other
calls are those of a process of its own. Every reader must have every line once.
"""

import base64
import http.client
import multiprocessing
import statistics
import threading
import time
import xmlrpc.client
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from attrs import define, field
from figure import Figure
from lab import Lab, running_lab
from sampling import Sampler, of_lab
from scale import Scale

LINES = 100_000
READERS = 50
SECONDS = 12.0
#: lines a second by which it grows, in ten parts
GROWTH = 1000
#: seconds between two polls of a reader, as lavacli has them
PAUSE = 5.0
#: a poll of one of 50 followers may cost so many times what it costs one alone
BAR = 1.5
#: and that part of what reading all lines costs
PART = 0.1
#: other calls keep this part of their speed, and 99 of 100 polls take so many milliseconds at most
OTHERS = 0.8
SLOWEST = 500
LINE = b"[   12.345678] usb 1-1: new high-speed USB device number 2 using xhci_hcd\n"


@define
class Writer:
    """The one task whose log it is."""

    lab: Lab
    recipe: int = 0
    path: str = ""
    key: str = ""
    lines: int = 0
    stop: threading.Event = field(factory=threading.Event)

    def begin(self, lines: int) -> None:
        """Let it run, and write what is there at first."""
        recipe = self.lab.job({"name": "talks"})["recipe_sets"][0]["recipes"][0]
        self.recipe, self.key = recipe["id"], self.lab.claim()["key"]
        task = f"/recipes/{self.recipe}/tasks/{recipe['tasks'][0]['id']}/"
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        assert self.lab.call("POST", task + "status", b"status=Running", form, self.key).status < 300
        self.path = task + "logs/taskout.log"
        self.write(lines)

    def write(self, lines: int) -> None:
        """Write so many lines more."""
        first, data = self.lines * len(LINE), LINE * lines
        span = {"Content-Range": f"bytes {first}-{first + len(data) - 1}/*"}
        assert self.lab.call("PUT", self.path, data, span, self.key).status < 300
        self.lines += lines

    def grow(self) -> None:
        """Write some lines ten times a second until it is told to stop."""
        while not self.stop.wait(0.1):
            self.write(GROWTH // 10)


@define
class Reader:
    """A follower as lavacli is one: it asks for what it does not have yet."""

    lab: Lab
    recipe: int
    seen: int = 0
    took: list[float] = field(factory=list)

    def poll(self) -> int:
        """Ask once, and return how many records came."""
        body = xmlrpc.client.dumps((str(self.recipe), self.seen, None), "scheduler.jobs.logs", allow_none=True)
        began = time.perf_counter()
        pair = base64.b64encode(f"admin:{self.lab.token}".encode()).decode()
        headers = {"Content-Type": "text/xml", "Authorization": f"Basic {pair}"}
        answer = self.lab.call("POST", "/RPC2", body.encode(), headers)
        self.took.append(time.perf_counter() - began)
        told: Any = xmlrpc.client.loads(answer.body)
        new: int = told[0][0][1].data.count(b"\n")
        self.seen += new
        return new

    def follow(self, until: float, pause: float, delay: float) -> None:
        """Ask again and again until then, from after a part of a pause on: people do not begin all at once."""
        time.sleep(delay * pause)
        while time.monotonic() < until:
            self.poll()
            time.sleep(pause)


@define
class Others:
    """A process that makes other calls, one after the other, until it is told to stop."""

    lab: Lab
    recipe: int

    def count(self, stop: Any, told: Any) -> None:
        """Make calls, and tell how many a second."""
        connection = http.client.HTTPConnection("127.0.0.1", self.lab.port)
        made, began = 0, time.monotonic()
        while not stop.is_set():
            connection.request("GET", f"/recipes/{self.recipe}/", headers={"Accept": "application/json"})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, answer.status
            made += 1
        told.put(made / (time.monotonic() - began))

    def beside(self, work: Callable[[], object]) -> float:
        """Do the work while they are made; return how many were made a second."""
        stop = multiprocessing.Event()
        told: multiprocessing.Queue[float] = multiprocessing.Queue()
        process = multiprocessing.Process(target=self.count, args=(stop, told))
        process.start()
        work()
        stop.set()
        rate: float = told.get(timeout=30)
        process.join()
        return rate


def together(work: list[Callable[[], object]]) -> float:
    """Do all of it at the same time, and return how long that took."""
    began = time.perf_counter()
    threads = [threading.Thread(target=one) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began


def followed(lab: Lab, writer: Writer, readers: list[Reader], seconds: float) -> float:
    """Let them follow while the log grows; return what a poll cost, in milliseconds of a processor."""
    for reader in readers:
        reader.poll()
        reader.took = []
    writer.stop.clear()
    growing = threading.Thread(target=writer.grow)
    growing.start()
    end, pause = time.monotonic() + seconds, min(PAUSE, seconds / 2)
    with Sampler(of_lab(lab)) as sampler:
        together([partial(one.follow, end, pause, place / len(readers)) for place, one in enumerate(readers)])
    polls = sum(len(reader.took) for reader in readers)
    writer.stop.set()
    growing.join()
    for reader in readers:
        reader.poll()
        # the record of the task's begin, and the lines
        assert reader.seen == 1 + writer.lines, (reader.seen, writer.lines)
    return sampler.cpu("gunicorn") / polls * 1000


def slowest(took: list[float]) -> float:
    """Return how long 99 of 100 took at most."""
    return sorted(took)[max(0, -(-len(took) * 99 // 100) - 1)]


def measure(scale: Scale) -> Iterator[Figure]:
    """Measure one and many, first reading all, then following."""
    seconds = scale.of(SECONDS, 0.4)
    with running_lab("apache") as lab:
        writer = Writer(lab)
        writer.begin(scale.of(LINES, 2_000))
        readers = [Reader(lab, writer.recipe) for _ in range(scale.of(READERS, 4))]
        alone = Reader(lab, writer.recipe)
        for what, some in (("one", [alone]), ("many at once", readers)):
            with Sampler(of_lab(lab)) as sampler:
                together([reader.poll for reader in some])
            whole = sampler.cpu("gunicorn") / len(some) * 1000
            took = [reader.took[0] * 1000 for reader in some]
            yield Figure(f"reading {writer.lines:,} lines, {what}", statistics.median(took), more=False, unit="ms")
        costs, rates = [], []
        others = Others(lab, writer.recipe)
        for some in ([alone], readers):
            costs.append(followed(lab, writer, some, seconds))
            # again: what others cost is not to count as theirs
            rates.append(others.beside(partial(followed, lab, writer, some, seconds)))
        took = [took * 1000 for reader in readers for took in reader.took]
    yield Figure("CPU of a follower's poll: one of many / alone", costs[1], costs[0], bar=BAR, more=False, unit="ms")
    yield Figure("CPU of a follower's poll / of reading it all", costs[1], whole, bar=PART, more=False, unit="ms")
    yield Figure("a follower's poll, one of many", statistics.median(took), more=False, unit="ms")
    yield Figure("a follower's poll: 99 of 100 within", slowest(took), bar=SLOWEST, more=False, unit="ms")
    yield Figure("other calls beside many followers / beside one", rates[1], rates[0], bar=OTHERS, unit="/s")

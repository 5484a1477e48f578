"""What 50 readers that follow a log of 100,000 lines cost, and cost others: through Apache, as lavacli asks for it.

`make bench` runs it. One Tackroom, one task whose console log has 100,000 lines; first one reader and then 50 read all
of it at once; then it grows by a thousand lines a second, while one, and then 50, follow it as lavacli does, every five
seconds. Printed are how long polls take, what they cost the server's processors, and how many other calls a process of
its own makes beside them. Every reader must have every line once; the exit status is 1 when a poll costs more beside 49
others than alone, or not far less than reading it all (no poll is to read the log again), when one in a hundred takes
longer than half a second, or when the others are held up.
"""

import base64
import http.client
import multiprocessing
import os
import statistics
import sys
import threading
import time
import xmlrpc.client
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from attrs import define, field
from lab import Lab, running_lab

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
#: other calls keep this part of their speed, and 99 of 100 polls take so many seconds at most
OTHERS = 0.8
SLOWEST = 0.5
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

    def begin(self) -> None:
        """Let it run, and write what is there at first."""
        recipe = self.lab.job({"name": "talks"})["recipe_sets"][0]["recipes"][0]
        self.recipe, self.key = recipe["id"], self.lab.claim()["key"]
        task = f"/recipes/{self.recipe}/tasks/{recipe['tasks'][0]['id']}/"
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        assert self.lab.call("POST", task + "status", b"status=Running", form, self.key).status < 300
        self.path = task + "logs/taskout.log"
        self.write(LINES)

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

    def follow(self, until: float, delay: float = 0.0) -> None:
        """Ask again and again until then, from after a delay on: people do not begin all at once."""
        time.sleep(delay)
        while time.monotonic() < until:
            self.poll()
            time.sleep(PAUSE)


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


def cost(lab: Lab) -> float:
    """Return the processor time that the web's processes have used, in seconds."""
    ticks = 0
    for pid in lab.pids("gunicorn"):
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(after_name[11]) + int(after_name[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def followed(lab: Lab, writer: Writer, readers: list[Reader]) -> float:
    """Let them follow while the log grows; return what a poll cost, in seconds of a processor."""
    for reader in readers:
        reader.poll()
        reader.took = []
    writer.stop.clear()
    growing = threading.Thread(target=writer.grow)
    growing.start()
    before, end = cost(lab), time.monotonic() + SECONDS
    together([partial(one.follow, end, PAUSE * place / len(readers)) for place, one in enumerate(readers)])
    after = cost(lab)
    polls = sum(len(reader.took) for reader in readers)
    writer.stop.set()
    growing.join()
    for reader in readers:
        reader.poll()
        # the record of the task's begin, and the lines
        assert reader.seen == 1 + writer.lines, (reader.seen, writer.lines)
    return (after - before) / polls


def slowest(took: list[float]) -> float:
    """Return how long 99 of 100 took at most."""
    return sorted(took)[max(0, -(-len(took) * 99 // 100) - 1)]


def shown(what: str, took: list[float], each: float) -> None:
    """Print what polls took, and what each of them cost."""
    figures = f"{statistics.median(took) * 1000:>10.1f}{slowest(took) * 1000:>10.1f}{each * 1000:>12.2f}"
    print(f"{what:<36}{figures}{len(took):>8}")


def main() -> int:
    """Measure, print, and tell by the exit status whether the bars are met."""
    with running_lab("apache") as lab:
        writer = Writer(lab)
        writer.begin()
        readers = [Reader(lab, writer.recipe) for _ in range(READERS)]
        alone = Reader(lab, writer.recipe)
        print(f"{'ms a poll':<36}{'median':>10}{'99 %':>10}{'processor':>12}{'polls':>8}")
        for what, some in (("one reader", [alone]), (f"{READERS} at once", readers)):
            before = cost(lab)
            together([reader.poll for reader in some])
            whole = (cost(lab) - before) / len(some)
            shown(f"{LINES:,} lines, {what}", [reader.took[0] for reader in some], whole)
        costs, rates = [], []
        others = Others(lab, writer.recipe)
        for what, some in (("one follower", [alone]), (f"{READERS} followers", readers)):
            costs.append(followed(lab, writer, some))
            shown(f"new lines, {what}", [took for reader in some for took in reader.took], costs[-1])
            # again: what others cost is not to count as theirs
            rates.append(others.beside(partial(followed, lab, writer, some)))
        late = slowest([took for reader in readers for took in reader.took])
    one, many = costs
    kept = rates[1] / rates[0]
    print(f"a poll of {READERS} / of one {many / one:.2f} (bar {BAR}); / reading all {many / whole:.3f} (bar {PART})")
    print(
        f"other calls with {READERS} / with one {kept:.2f} (bar {OTHERS}): {rates[1]:.0f} and {rates[0]:.0f} a second"
    )
    met = many <= one * BAR and many <= whole * PART and kept >= OTHERS and late <= SLOWEST
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())

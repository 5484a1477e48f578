"""Stock buildbot-workers with our gateway, beside the same workers with a bare master (`master.py`).

Output of a task until it lies in the log tree, MB/s of one worker and of many at once; commands one after another; what
500 connected workers cost in memory, and how soon one of them has its recipe.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from buildbotworker import VERSIONS, BuildbotWorker, worker_of
from figure import Figure
from lab import Lab, running_lab
from scale import Scale
from waiting import until

HERE = Path(__file__).parent
MIB = 1 << 20
#: 83 bytes with its newline, as the reference measured
LINE = "x" * 82


def measure(scale: Scale) -> Iterator[Figure]:
    """Yield megabytes a second, seconds a command, and memory."""
    one, each, many = scale.of(100, 2) * MIB, scale.of(2, 1) * MIB, scale.of(40, 2)
    commands, crowd = scale.of(100, 5), scale.of(500, 20)
    with tempfile.TemporaryDirectory() as place:
        bare = bare_master(Path(place) / "bare", [lines(one), "true"], repeat=1)
        quick = bare_master(Path(place) / "quick", ["true"], repeat=commands)
        all_bare = bare_master(Path(place) / "many", [lines(each)], workers=many)
    with running_lab("none", TACKROOM_BUILDBOT_LISTEN="127.0.0.1:0") as lab, tempfile.TemporaryDirectory() as place:
        with worker_of(lab, Path(place), "one"):
            rate = one / seconds_of(lab, ["one"], lines(one)) / 1e6
            yield Figure("one worker: output, ours / bare master", rate, one / bare[0]["seconds"] / 1e6, unit="MB/s")
            tasks = [{"name": "true", "command": ["true"]}] * commands
            began = time.monotonic()
            lab.settled(lab.job(*tasks, system="one")["id"], 300)
            rate = commands / (time.monotonic() - began)
            yield Figure("tasks one after another, ours / bare commands", rate, 1 / quick[0]["seconds"], unit="/s")
        with several(lab, Path(place), many) as names:
            rate = many * each / seconds_of(lab, names, lines(each)) / 1e6
            yield Figure(
                f"{many} workers: output, ours / bare master",
                rate,
                many * each / all_bare[0]["seconds"] / 1e6,
                unit="MB/s",
            )
        yield from idle(lab, Path(place), crowd)


def lines(size: int) -> str:
    """The command that writes so many bytes of lines."""
    return f"yes {LINE} | head -c {size}"


def bare_master(place: Path, commands: Sequence[str], *, workers: int = 1, repeat: int = 1) -> list[dict[str, Any]]:
    """Let stock workers run commands for a master that has nothing behind it; what it says of each command."""
    place.mkdir()
    words = [
        sys.executable,
        str(HERE / "master.py"),
        "--workers",
        str(workers),
        "--repeat",
        str(repeat),
        "port",
        *commands,
    ]
    with ExitStack() as stack:
        master = subprocess.Popen(words, cwd=place, stdout=subprocess.PIPE, text=True)
        stack.callback(master.kill)
        port = until(lambda: (place / "port").exists() and int((place / "port").read_text()), "the master listens", 30)
        for number in range(workers):
            worker = BuildbotWorker.make(VERSIONS[0], place / f"w{number}", port, f"w{number}", "password")
            stack.callback(worker.close)
        said, _ = master.communicate(timeout=300)
    told = [json.loads(line) for line in said.splitlines()]
    assert len(told) == 1 + len(commands), said
    return told[1:]


def seconds_of(lab: Lab, names: Sequence[str], command: str) -> float:
    """Run a command on all these systems at once; seconds until all of their output is in the log tree, and settled."""
    task = {"name": "output", "script": command}
    recipes = [{"system": name, "tasks": [task]} for name in names]
    began = time.monotonic()
    job = lab.post("/jobs/", {"recipe_sets": [{"recipes": [recipe]} for recipe in recipes]})
    found = lab.settled(job["id"], 300)
    assert found["result"] == "Pass", found
    return time.monotonic() - began


@contextmanager
def several(lab: Lab, place: Path, number: int) -> Iterator[list[str]]:
    """So many stock workers that are there."""
    names = [f"w{one}" for one in range(number)]
    with ExitStack() as stack:
        for name in names:
            stack.enter_context(worker_of(lab, place, name))
        yield names


def idle(lab: Lab, place: Path, number: int) -> Iterator[Figure]:
    """What workers cost that are only there."""
    with ExitStack() as stack:
        names = [f"idle{one}" for one in range(number)]
        passwords = [lab.post("/workers/", {"name": name})["password"] for name in names]
        (place / "names").write_text("".join(f"{name} {one}\n" for name, one in zip(names, passwords, strict=True)))
        (gateway,) = lab.pids("wsgi_app.cli workers")
        before, there = resident(gateway), online(lab)
        began = time.monotonic()
        words = [sys.executable, str(HERE / "idlers.py"), str(lab.workers_port()), str(place / "names")]
        crowd = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        stack.callback(crowd.wait)
        stack.callback(crowd.kill)
        until(lambda: online(lab) >= there + number, "all are there", 120)
        yield Figure(f"{number} workers: all of them let in", time.monotonic() - began, unit="s", more=False)
        yield Figure(
            f"{number} idle workers: KiB of the gateway's memory each",
            (resident(gateway) - before) / number / 1024,
            unit="KiB",
            more=False,
        )
        busy = cpu(gateway)
        began = time.monotonic()
        until(lambda: time.monotonic() - began > 5, "five seconds", 10)
        yield Figure(f"{number} idle workers: CPU of the gateway", (cpu(gateway) - busy) * 20, unit="%", more=False)


def online(lab: Lab) -> int:
    """How many workers are connected."""
    found = lab.call("GET", "/workers/?limit=1000").json["workers"]
    return sum(one["online"] for one in found)


def resident(pid: int) -> int:
    """Bytes of memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def cpu(pid: int) -> float:
    """Seconds of a processor that a process has used."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / 100

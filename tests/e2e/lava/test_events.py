"""Events through the stock lavacli, by WebSocket. Checklist: readers-lava.md section 12."""

import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from attrs import define, field
from contestlab import Site
from lavacli import Lavacli, definition, job
from listener import set_health
from waiting import until


@define
class Running:
    """A lavacli that listens, and what it has printed."""

    process: "subprocess.Popen[str]"
    lines: list[str] = field(factory=list)
    complaints: list[str] = field(factory=list)

    def until(self, pattern: str, seconds: float = 60) -> str:
        """Return the first line in which there is such a thing."""
        return until(
            lambda: next((line for line in list(self.lines) if re.search(pattern, line)), ""), pattern, seconds
        )


@contextmanager
def running(client: Lavacli, *words: str) -> Iterator[Running]:
    """Start it, and end it afterwards."""
    process = client.popen(*words)
    made = Running(process)

    def read(stream: object, lines: list[str]) -> None:
        for line in stream:  # type: ignore[attr-defined]
            lines.append(line.rstrip("\n"))

    threads = [
        threading.Thread(target=read, args=pair)
        for pair in ((process.stdout, made.lines), (process.stderr, made.complaints))
    ]
    for thread in threads:
        thread.start()
    try:
        yield made
    finally:
        process.kill()
        process.wait()
        for thread in threads:
            thread.join()
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        process.stderr.close()


def submitted(client: Lavacli, place: Path, *steps: str) -> str:
    """Submit a job of these steps, and return its number."""
    file = place / "job.yaml"
    file.write_text(yaml.safe_dump(job(definition(steps))))
    (number,) = client.lines("jobs", "submit", str(file))
    return number


def test_50_wait_for_a_job_that_ends_and_for_one_that_has_ended(newest: Lavacli, place: Path) -> None:
    """Item 50: `events wait job N --state FINISHED` returns when N ends, and at once when N has ended (trap 4)."""
    number = submitted(newest, place, "lava-test-case one --result pass")
    words = ("events", "wait", "job", number, "--state", "FINISHED")
    newest.run(*words, seconds=60)
    newest.run(*words, "--health", "COMPLETE", seconds=20)


def test_50_wait_for_a_device_and_for_the_worker(newest: Lavacli, site: Site) -> None:
    """They are told of as they are, and as they become."""
    name = "waited"
    site.lab.post("/systems/", {"name": name, "type": "other"})
    newest.run("events", "wait", "device", name, "--health", "UNKNOWN", seconds=20)
    worker = newest.lines("workers", "list")[1].removeprefix("* ").strip()
    newest.run("events", "wait", "worker", worker, "--state", "ONLINE", seconds=20)
    with running(newest, "events", "wait", "device", name, "--health", "MAINTENANCE") as waiting:
        waiting.until("Connecting to")
        set_health(site.lab, name, "maintenance")
        assert waiting.process.wait(20) == 0


def test_51_listen_by_kind(newest: Lavacli, site: Site, place: Path) -> None:
    """Item 51: each filter shows only its own kind; that of test shells is delivered, too."""
    site.lab.post("/systems/", {"name": "heard", "type": "other"})
    with (
        running(newest, "events", "listen", "--filter", "device") as devices,
        running(newest, "events", "listen", "--filter", "testjob") as jobs,
        running(newest, "events", "listen", "--filter", "worker") as workers,
        running(newest, "events", "listen", "--filter", "event") as events,
        running(newest, "events", "listen") as everything,
    ):
        devices.until(r"\[heard\]")
        workers.until(" state=Online ")
        everything.until(r"\[heard\]")
        number = submitted(newest, place, "lava-test-event 'hello there'", "lava-test-case one --result pass")
        jobs.until(rf"\[{number}\].* state=Finished health=Complete")
        assert events.until(rf"\[{number}\] message=hello there")
        set_health(site.lab, "heard", "bad")
        devices.until(r"\[heard\] <other> state=Idle health=Bad")
        for one, kind in ((devices, "device"), (jobs, "testjob"), (workers, "worker"), (events, "event")):
            told = [line for line in one.lines if not line.startswith(("Connecting", "Connection"))]
            assert told
            assert all(f" org.lavasoftware.{kind} " in line for line in told), told
        states = [match[1] for line in jobs.lines if (match := re.search(rf"\[{number}\].* state=(\w+)", line))]
        assert states == list(dict.fromkeys(states)), states
        assert states[0] in ("Submitted", "Scheduled") and states[-2:] == ["Running", "Finished"]
        everything.until(rf"org.lavasoftware.event .*\[{number}\]")


def test_53_wrong_credentials_show_no_token(site: Site, newest: Lavacli) -> None:
    """Item 53: the client is told why, tries again, and prints no secret."""
    with running(newest, "-i", "wrong", "events", "listen") as listening:
        # it asks for the version first, by the same credentials
        until(lambda: listening.process.poll() is not None or listening.complaints, "it complains")
        assert site.lab.token not in "".join((*listening.lines, *listening.complaints))
        assert "not-a-token" not in "".join((*listening.lines, *listening.complaints))


def test_53_the_client_outlives_the_publisher(newest: Lavacli, site: Site) -> None:
    """After `kill -9` it connects again by itself, and is told how everything stands: it waits for nothing in vain."""
    site.lab.post("/systems/", {"name": "outlived", "type": "other"})
    with running(newest, "events", "wait", "device", "outlived", "--health", "BAD") as waiting:
        waiting.until("Connecting to")
        os.kill(site.lab.pids("wsgi_app.cli publisher")[0], signal.SIGKILL)
        set_health(site.lab, "outlived", "bad")
        assert waiting.process.wait(40) == 0

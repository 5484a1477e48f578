"""restraint while parts of Tackroom are away: everything else is tried again, in order, and nothing is lost.

Source: harness-beaker.md 0.4, 0.5 and section 3.2.
"""

import os
import signal
from collections.abc import Callable, Iterator

import pytest
from attrs import define, field
from waiting import until

from tests.restraint.bench import Site
from tests.restraint.client import Restraintd, Task


@define
class Outage:
    """The application is not there, and nobody starts it again, until it ends."""

    site: Site
    #: those that stand still
    stopped: list[int] = field(factory=list)

    def begin(self) -> None:
        """Kill gunicorn, and hold whoever would restart it."""
        assert self.site.lab.process is not None
        self._stop([self.site.lab.process.pid])
        for pid in self.site.lab.pids("gunicorn"):
            os.kill(pid, signal.SIGKILL)
        until(lambda: not self.site.ready(), "the end of the application")

    def stall(self) -> None:
        """Let gunicorn stand still: connections are taken, and nothing is answered."""
        self._stop(self.site.lab.pids("gunicorn"))

    def end(self) -> None:
        """Let all go on, and wait until it answers."""
        while self.stopped:
            os.kill(self.stopped.pop(), signal.SIGCONT)
        until(self.site.ready, "the application", 30)

    def end_after(self, failures: int) -> Callable[[int], None]:
        """Return what ends the outage after so many failures."""
        return lambda count: self.end() if count == failures else None

    def _stop(self, pids: list[int]) -> None:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
            self.stopped.append(pid)


@pytest.fixture
def outage(site: Site) -> Iterator[Outage]:
    """An outage of the application; it is over when the test is."""
    made = Outage(site)
    yield made
    made.end()


@pytest.fixture
def httpd_outage(httpd_site: Site) -> Iterator[Outage]:
    """An outage of the application behind httpd."""
    made = Outage(httpd_site)
    yield made
    made.end()


def test_the_application_is_away(site: Site, outage: Outage) -> None:
    """Results and new logs wait, with growing pauses, for its return; then all is there, once and in order."""
    given = site.submit(1)

    def body(task: Task) -> int:
        task.report_result("/before", "PASS")
        outage.begin()
        task.report_result("/after", "WARN", 1, ("new.log", b"one\n"))
        task.output(b"two\n")
        return 0

    daemon = Restraintd(given.base(), given.id, on_retry=outage.end_after(6))
    daemon.run(body)
    assert daemon.delays == [3, 4, 6, 9, 13, 19]
    # httpd says so itself; without it there is nobody to say anything
    away = [one.status for one in daemon.trace if one.status in (0, 503)]
    assert away == [503 if site.lab.front == "apache" else 0] * 6
    assert given.settled()["status"] == "Completed"
    assert [one["path"] for one in given.results()] == ["/before", "/after"]
    after = given.results()[1]["id"]
    given.require_log(f"tasks/{given.tasks[0]}/results/{after}/logs/new.log", b"one\n")
    given.require_log(f"tasks/{given.tasks[0]}/logs/taskout.log", b"two\n")


def test_without_the_application_output_goes_on_and_health_checks_wait(httpd_outage: Outage) -> None:
    """Chunks of logs that exist are httpd's, and stored; a machine that boots meanwhile asks HEAD after HEAD."""
    given, booting = (httpd_outage.site.submit(1) for _ in range(2))
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            httpd_outage.end()

    def body(task: Task) -> int:
        task.output(b"one\n")
        task.upload()
        httpd_outage.begin()
        for _ in range(3):
            task.output(b"more\n")
            task.upload()
        assert given.on_disk(f"tasks/{task.id}/logs/taskout.log").read_bytes() == b"one\n" + b"more\n" * 3
        Restraintd(booting.base(), booting.id, on_pause=wait).run(lambda other: other.report_result("/x", "PASS"))
        return 0

    daemon = Restraintd(given.base(), given.id)
    daemon.run(body)
    assert daemon.delays == []
    assert waited == [60, 60, 60]
    for one in (given, booting):
        assert one.settled()["verdict"] == "pass"


@pytest.mark.parametrize(
    ("what", "place"),
    [("result's log", "tasks/{0}"), ("new log", "tasks/{0}/logs"), ("output", "tasks/{0}/logs/taskout.log")],
)
def test_5xx_while_the_disk_cannot_be_written(site: Site, what: str, place: str) -> None:
    """Whoever cannot write on the disk says so by 5xx, and what was sent is stored once when that can be done again."""
    given = site.submit(1)
    blocked = given.on_disk(place.format(given.tasks[0]))
    mode = blocked.stat().st_mode & 0o777

    def body(task: Task) -> int:
        blocked.chmod(0o555 if blocked.is_dir() else 0o444)
        if what == "result's log":
            # the result itself needs no place on the disk
            return task.report_result("/x", "PASS", log=("new.log", b"new\n"))
        if what == "new log":
            return task.report_log("new.log", b"new\n")
        task.output(b"new\n")
        task.upload()
        return 0

    def mend(failures: int) -> None:
        if failures == 4:
            blocked.chmod(mode)

    daemon = Restraintd(given.base(), given.id, on_retry=mend)
    try:
        daemon.run(body)
    finally:
        blocked.chmod(mode)
    assert daemon.delays == [3, 4, 6, 9]
    # mod_dav_fs says 500 for whatever it cannot do
    ours = what != "output" or site.lab.front == "none"
    assert [one.status for one in daemon.trace if one.status in (0, *range(500, 600))] == [503 if ours else 500] * 4
    assert given.settled()["verdict"] == "pass"
    assert len(given.results()) == 1
    where = f"results/{given.results()[0]['id']}/logs" if what == "result's log" else "logs"
    name = "taskout.log" if what == "output" else "new.log"
    given.require_log(f"tasks/{given.tasks[0]}/{where}/{name}", b"new\n")


def test_an_answer_that_does_not_come(site: Site, outage: Outage) -> None:
    """restraint gives up after its 60 s (scaled) and sends the result again: it is there, and nothing is lost."""
    given = site.submit(1)

    def body(task: Task) -> int:
        outage.stall()
        return task.report_result("/x", "PASS", 3)

    daemon = Restraintd(given.base(), given.id, timeout=0.5, on_retry=outage.end_after(1))
    daemon.run(body)
    assert daemon.delays[:1] == [3]
    assert given.settled()["verdict"] == "pass"
    # the protocol knows no way to tell a repeated result from a second one
    found = [(one["path"], one["result"], one["score"]) for one in given.results()]
    assert found in ([("/x", "Pass", 3)], [("/x", "Pass", 3)] * 2)

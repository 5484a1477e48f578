"""How tasks run, end and go on: harness-beaker.md 2.2, 2.7 and section 3.2, with a model of restraint."""

import itertools

import pytest

from tests.restraint.bench import Site, words
from tests.restraint.bodies import failing, never, ordinary, quiet, ranges, require_ordinary
from tests.restraint.client import Killed, LocalWatchdog, Memory, Restraintd, Task


def test_26_mb_in_one_go(httpd_site: Site) -> None:
    """Three PUTs, the first two of exactly 10 MiB, one behind the other."""
    given = httpd_site.submit(1)
    sizes = [10485760, 10485760, 5028558]
    output = words(sum(sizes), "much")

    def loud(task: Task) -> int:
        task.output(output)
        return 0

    daemon = Restraintd(given.base(), given.id)
    daemon.run(loud)
    puts = [one for one in daemon.trace if one.target.endswith("/logs/taskout.log") and one.status != 401]
    assert [(len(one.body), one.status) for one in puts] == [(size, 204) for size in sizes]
    assert given.settled()["verdict"] == "pass"
    given.require_log(f"tasks/{given.tasks[0]}/logs/taskout.log", output)


def test_a_slow_task(httpd_site: Site) -> None:
    """A PUT each 15 s, with ranges that touch; what is there can be read meanwhile."""
    given = httpd_site.submit(1)
    log = f"tasks/{given.tasks[0]}/logs/taskout.log"
    parts = [f"step {number}\n".encode() * number for number in range(1, 9)]

    def slow(task: Task) -> int:
        seen = b""
        for part in parts:
            task.output(part)
            task.upload()
            seen += part
            assert given.call("GET", log).body == seen
            # nothing new, nothing sent
            task.upload()
        return 0

    daemon = Restraintd(given.base(), given.id)
    daemon.run(slow)
    ends = [sum(len(part) for part in parts[:number]) for number in range(9)]
    assert ranges(daemon, "taskout.log") == [f"bytes {first}-{end - 1}/*" for first, end in itertools.pairwise(ends)]
    given.settled()
    given.require_log(log, b"".join(parts))


def test_rstrnt_abort_in_the_first_task(httpd_site: Site) -> None:
    """The first is Aborted, then the second without ever Running, each after its harness.log."""
    given = httpd_site.submit()

    def aborting(task: Task) -> int:
        task.output(b"enough\n")
        task.abort()
        return 0

    daemon = Restraintd(given.base(), given.id)
    daemon.run(aborting, never)
    one, two = (f"tasks/{task}" for task in given.tasks)
    assert daemon.calls[-5:] == [
        f"PUT {one}/logs/taskout.log",
        f"PUT {one}/logs/harness.log",
        f"POST {one}/status",
        f"PUT {two}/logs/harness.log",
        f"POST {two}/status",
    ]
    assert daemon.delays == []
    job = given.settled()
    assert (job["status"], job["verdict"]) == ("Aborted", "infrastructure")
    assert given.statuses() == ["Aborted", "Aborted"]
    for task in (one, two):
        assert given.logs()[f"{task}/logs/harness.log"]["state"] == "finished"


def test_the_local_watchdog(httpd_site: Site) -> None:
    """A Warn with odd fields from its plugin, then Aborted without a message; the next task runs."""
    given = httpd_site.submit()

    def hanging(task: Task) -> int:
        task.output(b"...\n")
        raise LocalWatchdog

    daemon = Restraintd(given.base(), given.id)
    daemon.run(hanging, quiet)
    assert daemon.delays == []
    assert given.statuses() == ["Aborted", "Completed"]
    assert given.settled()["verdict"] == "infrastructure"
    first = [one for one in given.results() if one["task"] == given.tasks[0]]
    assert {one["result"] for one in first} == {"Warn"}
    assert first[0]["path"] == "/10_localwatchdog"
    given.require_log(f"tasks/{given.tasks[0]}/logs/taskout.log", b"...\n")


def test_a_completed_task_is_skipped_after_a_restart(httpd_site: Site) -> None:
    """Its own record of ended tasks is gone: it looks at the recipe's document only."""
    given = httpd_site.submit()

    def dies(_task: Task) -> int:
        raise Killed

    with pytest.raises(Killed):
        Restraintd(given.base(), given.id).run(ordinary, dies)
    again = Restraintd(given.base(), given.id, Memory())
    again.run(never, failing)
    assert not [call for call in again.calls if f"tasks/{given.tasks[0]}" in call]
    require_ordinary(given)


def test_nothing_is_left_of_an_aborted_recipe(httpd_site: Site) -> None:
    """All tasks are Aborted in the document: restraint looks, and says nothing at all."""
    given = httpd_site.submit()
    given.abort()
    daemon = Restraintd(given.base(), given.id)
    daemon.run(never, never)
    assert daemon.calls == ["HEAD ", "GET "]


def test_a_cancelled_job(httpd_site: Site) -> None:
    """restraint is not told: for some seconds its logs are taken, all else is 409, and nothing is sent again."""
    given = httpd_site.submit()
    codes: list[int] = []

    def cancelled(task: Task) -> int:
        task.output(b"before\n")
        task.upload()
        assert httpd_site.call("POST", f"/jobs/{given.job}/cancel").status in (200, 202, 204)
        task.output(b"after\n")
        task.upload()
        codes.append(task.report_log("last-words.log", b"why\n"))
        codes.append(task.report_result("/late", "PASS"))
        return 0

    daemon = Restraintd(given.base(), given.id)
    daemon.run(cancelled, quiet)
    assert codes == [0, 0]
    assert daemon.delays == []
    assert given.statuses() == ["Cancelled", "Cancelled"]
    assert given.read()["cancelling"]
    again = Restraintd(given.base(), given.id)
    again.run(never, never)
    assert again.calls == ["HEAD ", "GET "]
    assert given.results() == []
    one = f"tasks/{given.tasks[0]}/logs"
    assert given.on_disk(f"{one}/last-words.log").read_bytes() == b"why\n"
    assert given.on_disk(f"{one}/taskout.log").read_bytes() == b"before\nafter\n"


def test_kill_9_and_restart_in_mid_task(httpd_site: Site) -> None:
    """Two HEADs, two GETs, no Running and no watchdog; logs go on where they were."""
    given = httpd_site.submit()
    memory = Memory()

    def dies(task: Task) -> int:
        task.output(b"a" * 189)
        task.upload()
        raise Killed

    def continues(task: Task) -> int:
        task.output(b"b" * 229)
        return 0

    with pytest.raises(Killed):
        Restraintd(given.base(), given.id, memory).run(dies, never)
    assert given.statuses() == ["Running", "Waiting"]
    again = Restraintd(given.base(), given.id, memory)
    again.run(continues, quiet)
    one = f"tasks/{given.tasks[0]}"
    assert again.calls[:5] == ["HEAD ", "GET ", "HEAD ", "GET ", f"POST {one}/results/"]
    assert ranges(again, f"{one}/logs/taskout.log") == ["bytes 189-417/*"]
    assert given.settled()["verdict"] == "pass"
    given.require_log(f"{one}/logs/taskout.log", b"a" * 189 + b"b" * 229)

"""restraint where two settings are not the usual ones: `open_gate` and `max_recipe_bytes`."""

from waiting import until

from tests.restraint.bench import Site, words
from tests.restraint.client import Restraintd, Task
from tests.restraint.outcome import require_outcome
from tests.restraint.transcript import replay

MOST = 1_000_000
SETTINGS = {"TACKROOM_OPEN_GATE": "true", "TACKROOM_MAX_RECIPE_BYTES": str(MOST), "TACKROOM_WORKERS": "1"}


def test_open_gate(httpd_site: Site) -> None:
    """In a trusted network a stock restraint needs nothing but the URL: its own bytes, no 401 anywhere."""
    require_outcome(replay(httpd_site.submit(), "/", key=False))


def test_403_logs_at_the_limit_of_bytes(httpd_site: Site) -> None:
    """A recipe that has written too much gets no new logs: its tools say so, one Warn too, and the run goes on."""
    given = httpd_site.submit(1)
    log = f"tasks/{given.tasks[0]}/logs/taskout.log"
    output = words(MOST + 1, "much")
    codes: list[int] = []

    def loud(task: Task) -> int:
        codes.append(task.report_log("first.log", b"first\n"))
        task.output(output)
        task.upload()
        until(lambda: log in given.logs() and given.logs()[log]["size"] > MOST, "the size of the log")
        codes.append(task.report_log("second.log", b"second\n"))
        codes.append(task.report_result("/sub", "PASS", log=("third.log", b"third\n")))
        task.output(b"and on\n")
        return 0

    daemon = Restraintd(given.base(key=False), given.id)
    daemon.run(loud)
    assert codes == [0, 1, 1]
    assert daemon.delays == []
    assert given.settled()["status"] == "Completed"
    given.require_log(log, output + b"and on\n")
    given.require_log(f"tasks/{given.tasks[0]}/logs/first.log", b"first\n")
    assert not [path for path in given.logs() if "second" in path or "third" in path]
    told = [one["message"] for one in given.results() if one["message"] is not None]
    assert told == ["Too many bytes in recipe"]

"""What was run with restraint (harness-beaker.md section 3.2), with a model of it against a real Tackroom.

`client.py` is the model. How tasks run and end is in test_runs.py, outages are in test_outages.py, redirects and bytes
in test_wire.py.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.restraint.bench import Site
from tests.restraint.bodies import failing, ordinary, quiet, ranges, require_ordinary
from tests.restraint.client import Restraintd, Stuck, Task

#: libsoup gives up then, and sends a call again
PATIENCE = 60


@pytest.mark.parametrize("visibility", ["public", "private"])
@pytest.mark.parametrize("slash", [True, False], ids=["slash", "no slash"])
def test_base_with_and_without_slash(httpd_site: Site, slash: bool, visibility: str) -> None:
    """Userinfo and Basic, the base URL with Beaker's slash at the end and without; nothing was sent twice."""
    given = httpd_site.submit(visibility=visibility)
    daemon = Restraintd(given.base(slash=slash), given.id)
    daemon.run(ordinary, failing)
    require_ordinary(given)
    assert daemon.delays == []
    assert {one.target.startswith("//recipes/") for one in daemon.trace} == {slash}
    # a new session for each HEAD: where reading needs the key, each is refused first
    heads = [one.status for one in daemon.trace if one.method == "HEAD"]
    assert heads == ([401, 200] if visibility == "private" else [200]) * 7


def test_the_order_of_calls(httpd_site: Site) -> None:
    """The model makes the calls of the transcript, in its order."""
    given = httpd_site.submit()
    daemon = Restraintd(given.base(), given.id)
    daemon.run(quiet, failing)
    one, two = (f"tasks/{task}" for task in given.tasks)
    assert daemon.calls == [
        *("HEAD ", "GET ", f"POST {one}/status", "HEAD ", "HEAD ", "GET ", "POST watchdog", "HEAD "),
        *(f"POST {one}/results/", f"PUT {one}/logs/taskout.log", f"PUT {one}/logs/harness.log", f"POST {one}/status"),
        *(f"POST {two}/status", "HEAD ", "HEAD ", "GET ", "POST watchdog", "HEAD "),
        *(f"POST {two}/results/", f"PUT {two}/logs/taskout.log", f"PUT {two}/logs/harness.log", f"POST {two}/status"),
    ]


def test_config_conf_only(httpd_site: Site) -> None:
    """Without the environment file there are no HEADs, and all else is the same."""
    given = httpd_site.submit(visibility="private")
    daemon = Restraintd(given.base(), given.id, health=False)
    daemon.run(ordinary, failing)
    require_ordinary(given)
    assert "HEAD" not in {one.method for one in daemon.trace}


def test_address_rule(httpd_site: Site) -> None:
    """The system's address is as good as a key: no 401 anywhere."""
    given = httpd_site.submit(address="127.0.0.1", visibility="private")
    daemon = Restraintd(given.base(key=False), given.id)
    daemon.run(ordinary, failing)
    require_ordinary(given)
    assert 401 not in {one.status for one in daemon.trace}


def test_without_a_key_all_is_dropped(httpd_site: Site) -> None:
    """A 401 without credentials in the URL is final: the task runs, nothing is stored, nothing is sent again."""
    given = httpd_site.submit()
    daemon = Restraintd(given.base(key=False), given.id)
    daemon.run(quiet, failing)
    assert daemon.delays == []
    assert given.statuses() == ["Waiting", "Waiting"]
    assert given.results() == []


def test_409_on_log_puts_after_close(httpd_site: Site) -> None:
    """Somebody aborts the recipe in mid-task: logs and results are refused for good, and restraint comes to its end."""
    given = httpd_site.submit()
    codes: list[int] = []

    def aborted(task: Task) -> int:
        task.output(b"before\n")
        task.upload()
        codes.append(task.report_log("old.log", b"before\n"))
        given.abort()
        task.output(b"after\n")
        task.upload()
        codes.append(task.report_log("old.log", b"after!\n"))
        codes.append(task.report_log("new.log", b"after\n"))
        codes.append(task.report_result("/late", "PASS"))
        return 0

    daemon = Restraintd(given.base(), given.id)
    daemon.run(aborted, quiet)
    # the tools: refused logs are failures, a refused result is not
    assert codes == [0, 1, 1, 0]
    assert daemon.delays == []
    # it had advanced its offset all the same
    assert ranges(daemon, "taskout.log")[:2] == ["bytes 0-6/*", "bytes 7-12/*"]
    assert [one.status for one in daemon.trace if one.target.endswith("logs/taskout.log")][-3:-1] == [204, 409]
    assert given.settled()["verdict"] == "infrastructure"
    assert given.statuses() == ["Aborted", "Aborted"]
    given.require_log(f"tasks/{given.tasks[0]}/logs/taskout.log", b"before\n")
    given.require_log(f"tasks/{given.tasks[0]}/logs/old.log", b"before\n")


def test_404_and_409_on_task_status(httpd_site: Site) -> None:
    """Unknown tasks are 404, ended ones 409; watchdogs of ended recipes 409: final, all of them."""
    given, other = httpd_site.submit(), httpd_site.submit()
    daemon = Restraintd(given.base(), given.id)
    daemon.run(quiet, quiet)
    recipe = f"/recipes/{given.id}"
    for path, fields, status in (
        (f"{recipe}/tasks/{given.tasks[0]}/status", {"status": "Running"}, 409),
        (f"{recipe}/tasks/{given.tasks[0]}/status", {"status": "Completed"}, 409),
        (f"{recipe}/tasks/{other.tasks[0]}/status", {"status": "Running"}, 404),
        (f"{recipe}/tasks/999999/status", {"status": "Aborted"}, 404),
        (f"{recipe}/tasks/999999/results/", {"result": "PASS"}, 404),
        (f"{recipe}/watchdog", {"seconds": "2100"}, 409),
    ):
        assert daemon.post(path, fields).status == status
    daemon.close()
    assert daemon.delays == []
    assert given.statuses() == ["Completed", "Completed"]


def test_403_results_at_the_limit(httpd_site: Site) -> None:
    """A task that reports too much is told 403, goes on, and one Warn tells of it."""
    given = httpd_site.submit(1)

    def talkative(task: Task) -> int:
        return sum(task.report_result(f"/{number}", "PASS") for number in range(12))

    daemon = Restraintd(given.base(), given.id)
    daemon.run(talkative)
    results = [one.status for one in daemon.trace if one.target.endswith("results/")]
    assert results == [201] * 8 + [403] * 4
    assert given.settled()["status"] == "Completed"
    assert [one["message"] for one in given.results()] == [None] * 8 + ["Too many results in recipe"]


@pytest.mark.parametrize("recipe", [999999, 99999999999])
def test_404_for_an_unknown_recipe(httpd_site: Site, recipe: int) -> None:
    """HEAD and GET are 404, at once: restraint tries some times and gives up."""
    given = httpd_site.submit()
    daemon = Restraintd(given.base(), recipe, health=False)
    with pytest.raises(Stuck, match="GET"):
        daemon.run()
    assert [one.status for one in daemon.trace] == [404] * 13
    checking = Restraintd(given.base(), recipe, patience=2)
    with pytest.raises(Stuck, match="HEAD"):
        checking.run()
    assert [one.status for one in checking.trace] == [404] * 2


def test_file_names(httpd_site: Site) -> None:
    """What restraint makes of odd names is stored as it arrives; a dot in front is refused, and nothing else is."""
    given = httpd_site.submit(1)
    names = {
        "sp ace.log": "sp ace.log",
        "hash#x.log": "hash",
        "q?y.log": "q",
        "pct%41.log": "pctA.log",
        "plus+and&.log": "plus+and&.log",
        "semi;colon:x.log": "semi;colon:x.log",
        "'quoted'(1).log": "'quoted'(1).log",
    }
    codes: dict[str, int] = {}

    def odd(task: Task) -> int:
        for name in (*names, ".hidden", "\u00fc.log", "empty.log"):
            codes[name] = task.report_log(name, b"" if name == "empty.log" else name.encode())
        return 0

    daemon = Restraintd(given.base(), given.id)
    daemon.run(odd)
    assert daemon.delays == []
    assert codes == {**dict.fromkeys(names, 0), ".hidden": 1, "\u00fc.log": 1, "empty.log": 0}
    given.settled()
    below = f"tasks/{given.tasks[0]}/logs/"
    assert set(given.logs()) == {f"{below}{name}" for name in (*names.values(), "harness.log")}
    for name, stored in names.items():
        assert given.on_disk(below + stored).read_bytes() == name.encode()


def test_no_answer_is_slow_under_load(httpd_site: Site) -> None:
    """Eight recipes at once: nobody waits as long as libsoup does, and nothing is sent twice."""
    given = [httpd_site.submit() for _ in range(8)]
    daemons = [Restraintd(one.base(), one.id) for one in given]
    with ThreadPoolExecutor(len(daemons)) as pool:
        list(pool.map(lambda daemon: daemon.run(ordinary, failing), daemons))
    assert max(one.seconds for daemon in daemons for one in daemon.trace) < PATIENCE
    assert [daemon.delays for daemon in daemons] == [[]] * len(daemons)
    for one in given:
        require_ordinary(one)

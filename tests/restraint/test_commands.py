"""Commands and scripts by restraint, which knows fetched tasks only: archives, fetched, unpacked and run for real."""

from pathlib import Path
from typing import Any

from lxml import etree
from waiting import until

from tests.restraint.bench import Given, Site
from tests.restraint.bodies import fetched, over
from tests.restraint.client import Restraintd, Task

NASTY = "a 'b' \"c\" $HOME `id` \\ \n\n;& \u00e4\U0001f4a9"
WORK: list[dict[str, Any]] = [
    {"name": "say it", "command": ["printf", "<%s>", NASTY, "", "-n"]},
    {"name": "show it", "script": "printf '%s' \"$WORDS\"; pwd >&2", "params": {"WORDS": NASTY, "not-a-name": "x"}},
    {"name": "fail", "script": "echo no; exit 3"},
    {"name": "never", "command": ["touch", "/nonexistent"]},
]


def daemon(given: Given, place: Path) -> Restraintd:
    """One that unpacks below a place."""
    return Restraintd(given.base(), given.id, place=place, scale=0.0001)


def outputs(given: Given) -> list[bytes]:
    """What each task has printed."""
    logs = (given.on_disk(f"tasks/{task}/logs/taskout.log") for task in given.tasks)
    return [log.read_bytes() if log.exists() else b"" for log in logs]


def test_commands_run_from_their_archives(site: Site, tmp_path: Path) -> None:
    """Words and parameters arrive as they were sent; the exit status decides; without stop_on_fail all are run."""
    given = site.submit([*WORK[:3], {"name": "last", "command": ["echo", "end"]}], max_seconds=300)
    restraint = daemon(given, tmp_path)
    restraint.run(fetched, fetched, fetched, fetched)
    job = given.settled()
    assert (job["status"], job["result"], job["verdict"]) == ("Completed", "Fail", "fail")
    assert given.statuses() == ["Completed"] * 4
    assert [(one["task"], one["result"], one["path"], one["score"]) for one in given.results()] == [
        (task, "Fail" if score else "Pass", "exit_code", score)
        for task, score in zip(given.tasks, (0, 0, 768, 0), strict=True)
    ]
    said = outputs(given)
    assert said[0] == f"<{NASTY}><><-n>".encode()
    assert said[1].startswith(NASTY.encode())
    assert said[1].endswith(b"/work\n")
    assert said[2:] == [b"no\n", b"end\n"]
    assert restraint.delays == []
    # its own watchdog is the recipe's limit
    bodies = [one.body for one in restraint.trace if one.target.endswith("/watchdog") and one.status == 204]
    assert bodies == [b"seconds=2100"] * 4


def test_a_failed_step_is_the_last(site: Site, tmp_path: Path) -> None:
    """With stop_on_fail what comes behind is not run: restraint fetches it, hears that it has ended, and is through."""
    given = site.submit([*WORK, {"name": "nor", "script": "touch /nonexistent"}], stop_on_fail=True)
    restraint = daemon(given, tmp_path)
    pauses: list[float] = []
    restraint.on_pause = pauses.append
    restraint.run(fetched, fetched, fetched, over, over)
    assert given.statuses() == ["Completed", "Completed", "Completed", "Aborted", "Aborted"]
    job = given.settled()
    assert (job["status"], job["verdict"]) == ("Aborted", "fail")
    assert given.read()["reason"] == "a task failed, and the recipe is to stop then"
    # nothing was asked for again, and what it said of tasks that had ended was refused, which is final
    assert (pauses, restraint.delays) == ([], [])
    last = [f"/tasks/{task}/" for task in given.tasks[3:]]
    refused = [
        one.status for one in restraint.trace if one.method != "GET" and any(part in one.target for part in last)
    ]
    assert set(refused) == {409}
    assert {one["task"] for one in given.results() if one["result"] == "Warn"} == set(given.tasks[3:])
    assert outputs(given)[3:] == [b"", b""]


def test_a_cancelled_job_is_soon_over(site: Site, tmp_path: Path) -> None:
    """What restraint has not begun it does not run, and it waits for nothing before it looks for its next recipe."""
    given = site.submit([*WORK[:2], {"name": "never", "command": ["touch", "/nonexistent"]}])
    restraint = daemon(given, tmp_path)
    pauses: list[float] = []
    restraint.on_pause = pauses.append

    def cancelled(task: Task) -> int:
        site.lab.call("POST", f"/jobs/{given.job}/cancel")
        return fetched(task)

    restraint.run(cancelled, over, over)
    assert given.statuses() == ["Cancelled"] * 3
    assert (pauses, restraint.delays) == ([], [])


def test_no_log_tells_the_way_to_an_archive(site: Site, tmp_path: Path) -> None:
    """Neither httpd's logs nor ours, whatever came of the call; they tell of it all the same."""
    given = site.submit(WORK[:1], visibility="private")
    document = etree.fromstring(given.call("GET", "", headers={"Authorization": f"Bearer {given.key}"}).body)
    url = str(next(document.iterfind("recipeSet/recipe/task/fetch")).get("url"))
    below = url.removeprefix(site.lab.url)
    calls = (("GET", 200), ("HEAD", 200), ("GET", 401), ("POST", 405), ("DELETE", 405))
    for method, status in calls:
        path, _, file = below.rpartition("/")
        answer = site.lab.call(method, f"{path}x/{file}" if status == 401 else below, headers={"Authorization": ""})
        assert answer.status == (404 if status == 401 else status), (method, answer)
    daemon(given, tmp_path).run(fetched)
    given.settled()
    assert site.lab.call("GET", below, headers={"Authorization": ""}).status == 200
    secret = below.split("/")[-2].encode()
    run = site.lab.data / "run"
    line = f'"{below.rpartition("/archive/")[0]}/archive/.../task.tar.gz"'.encode()

    def said() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (site.lab.said, *run.glob("*.log"))}

    # a line is written when its answer has gone out already
    until(lambda: b"".join(said().values()).count(line) == len(calls) + 2, "all calls in the log", 10)
    assert [name for name, text in said().items() if secret in text] == []


def test_steps_that_are_made_in_their_turn(site: Site, tmp_path: Path) -> None:
    """A ConTest job's second step is no archive before the first has ended: it is made of what that reported."""
    given = site.submit_descriptor(
        [
            {"name": "cmd", "label": "one", "parameters": {"executable": ["sh"], "args": ["-c", "echo first"]}},
            {
                "name": "cmd",
                "label": "two",
                "parameters": {"executable": ["printf"], "args": ["<%s> <%s>", "{{ .ID }}", NASTY]},
            },
        ]
    )
    source = [str(one.get("url")) for one in etree.fromstring(given.call("GET", "").body).iter("fetch")]
    below = source[1].removeprefix(site.lab.url)
    assert site.lab.call("GET", below).status == 503

    def first(task: Task) -> int:
        assert site.lab.call("GET", below).status == 503
        return fetched(task)

    daemon(given, tmp_path).run(first, fetched)
    assert given.statuses() == ["Completed", "Completed"]
    assert given.settled()["verdict"] == "pass"
    system = given.read()["system"]
    assert outputs(given) == [b"first\n", f"<{system}> <{NASTY}>".encode()]

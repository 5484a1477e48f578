"""`tackroom job ...`: submitting, listing, showing, following, waiting, cancelling, repeating."""

import http.client
import json
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from acting import Acting
from lab import Lab, running_lab, tackroom
from waiting import until

FILE = {"name": "from a file", "recipe_sets": [{"recipes": [{"system": "filed", "tasks": [{"name": "t"}]}]}]}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A Tackroom for all tests here."""
    with running_lab("none") as made:
        made.command("system", "add", "filed")
        yield made


@contextmanager
def started(lab: Lab, *words: str) -> "Iterator[subprocess.Popen[str]]":
    """The command, running against the lab; it is ended when it has not ended by itself."""
    environ = {**lab.environment(), "TACKROOM_URL": lab.url, "TACKROOM_TOKEN": lab.token}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [*tackroom(), *words], env=environ, stdin=pipe, stdout=pipe, stderr=pipe, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """A job in a file."""
    file = tmp_path / "job.json"
    file.write_text(json.dumps(FILE))
    return file


def test_submit_prints_the_id_or_the_job(lab: Lab, job: Path) -> None:
    """An id for people and scripts, all of the job as JSON; also from standard input, with a byte order mark or not."""
    number = lab.command("job", "submit", str(job)).stdout.strip()
    assert lab.call("GET", f"/jobs/{number}").json["name"] == "from a file"
    made = json.loads(lab.command("job", "submit", str(job), "--json").stdout)
    assert made["id"] > int(number)
    with started(lab, "job", "submit", "-") as process:
        printed, said = process.communicate('\ufeff<job><recipeSet><recipe><hostRequires force="filed"/>'
                                            '<task name="t"/></recipe></recipeSet></job>')  # fmt: skip
        assert (process.returncode, said) == (0, ""), said
    assert lab.call("GET", f"/jobs/{printed.strip()}").status == 200


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"recipe_sets": 3}', r"recipe_sets.*\(status 400, document\.invalid\)"),
        ('{"recipe_sets": [}', r"line 1 column 18.*\(status 400, document\.invalid\)"),
        ("<job>\n<recipeSet>", r"line 2.*\(status 400, document\.invalid\)"),
        ('{"recipe_sets": [{"recipes": [{"system": "nowhere", "tasks": [{"name": "t"}]}]}]}', "no system 'nowhere'"),
    ],
)
def test_a_wrong_job_is_refused_with_its_place(lab: Lab, tmp_path: Path, text: str, said: str) -> None:
    """One sentence that names line or field, exit status 4."""
    file = tmp_path / "job"
    file.write_text(text)
    done = lab.command("job", "submit", str(file), check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (4, "", 1)
    assert re.search(said, done.stderr), done.stderr


def test_wrong_files(lab: Lab, tmp_path: Path) -> None:
    """A file that is not there is wrong use; an empty one is named."""
    assert lab.command("job", "submit", str(tmp_path / "none"), check=False).returncode == 2
    (tmp_path / "empty").touch()
    done = lab.command("job", "submit", str(tmp_path / "empty"), check=False)
    assert (done.returncode, done.stderr) == (1, f"tackroom: {tmp_path}/empty is empty\n")
    assert lab.command("job", "submit", str(tmp_path / "empty"), "--timeout", "3", check=False).returncode == 2


def test_list(lab: Lab) -> None:
    """The newest first, by state and owner, at most so many; names cannot steer a terminal."""
    recipes = [{"recipes": [{"system": "filed", "tasks": [{"name": "t"}]}]}]
    jobs = [lab.post("/jobs/", {"name": name, "recipe_sets": recipes})["id"] for name in ("old", "n\x1b[31m")]
    lab.command("job", "cancel", str(jobs[0]))
    lines = lab.command("job", "list", "--limit", "2").stdout.splitlines()
    assert lines[0].split() == ["JOB", "NAME", "STATUS", "RESULT", "OWNER", "SUBMITTED"]
    assert [line.split()[0] for line in lines[2:]] == [str(jobs[1]), str(jobs[0])]
    assert re.search(r"  n\\x1b\[31m  .*  admin  20\d\d-\d\d-\d\d \d\d:\d\d:\d\d$", lines[2])
    assert "  cancelled  " in lines[3]
    cancelled = json.loads(lab.command("job", "list", "--state", "Cancelled", "--json").stdout)
    assert cancelled[0]["id"] == jobs[0]
    assert {one["status"] for one in cancelled} == {"Cancelled"}
    assert json.loads(lab.command("job", "list", "--owner", "nobody", "--json").stdout) == []
    assert len(lab.command("job", "list", "--owner", "admin", "--limit", "1").stdout.splitlines()) == 3
    assert lab.command("job", "list", "--state", "Broken", check=False).returncode == 2


def test_mine(lab: Lab) -> None:
    """Whose jobs are one's own, the token says; without one it is refused."""
    secret = lab.command("token", "create", "m", "--user", "somebody").stdout.strip()
    recipes = [{"recipes": [{"system": "filed", "tasks": [{"name": "t"}]}]}]
    made = lab.call(
        "POST", "/jobs/", json.dumps({"recipe_sets": recipes}).encode(), {"Content-Type": "application/json"}, secret
    )
    for token, told in ((secret, [made.json["id"]]), ("", None)):
        environ = {**lab.environment(), "TACKROOM_URL": lab.url, "TACKROOM_TOKEN": token, "TACKROOM_DATA": "nowhere"}
        words = [*tackroom(), "job", "list", "--mine", "--json"]
        done = subprocess.run(words, env=environ, capture_output=True, text=True, check=False, timeout=60)
        if told is None:
            assert (done.returncode, "TACKROOM_TOKEN" in done.stderr) == (4, True)
        else:
            assert [one["id"] for one in json.loads(done.stdout)] == told


def test_show_has_both_sides_and_the_reason(lab: Lab) -> None:
    """What harness and log said of each task, the verdict's reason, why a recipe ended."""
    acting = Acting(lab, "disk", "net", system="shown", name="both").claim()
    acting.log(0, "taskout.log", b"TAP version 13\n1..2\nok 1 - read\nnot ok 2 - write\n")
    acting.run(0, ("Pass", "/a"), ("Pass", "/b"))
    acting.status(1, "Running")
    acting.status(1, "Aborted", message="no route")
    lab.settled(acting.job)
    lines = lab.command("job", "show", str(acting.job)).stdout.splitlines()
    assert lines[0] == f"Job {acting.job} both: fail, result Fail, owner admin"
    assert lines[1].startswith("Why: Fail in task") and "write" in lines[1]
    assert re.fullmatch(r"Submitted 20\S+ \S+, started 20\S+ \S+, finished 20\S+ \S+ \(UTC\)", lines[2])
    assert lines[4] == f"Recipe {acting.recipe} on shown: Aborted, result Fail"
    assert "Why: no route" in lines[5]
    assert lines[6].split() == ["TASK", "NAME", "STATUS", "RESULT", "HARNESS", "LOGS"]
    assert re.fullmatch(rf"{acting.tasks[0]}\s+disk\s+Completed\s+Fail\s+2 Pass\s+1 Pass 1 Fail", lines[8])
    assert re.match(rf"{acting.tasks[1]}\s+net\s+Aborted", lines[9])
    assert json.loads(lab.command("job", "show", str(acting.job), "--json").stdout)["verdict"] == "fail"
    shown = lab.command("recipe", "show", str(acting.recipe)).stdout.splitlines()
    assert shown[0].startswith(f"Of job {acting.job}, recipe set ")
    assert shown[1:] == lines[4:]
    value = json.loads(lab.command("recipe", "show", str(acting.recipe), "--json").stdout)
    assert value["id"] == acting.recipe


def test_wait_ends_with_the_worst_verdict(lab: Lab) -> None:
    """Of many jobs the worst counts; a time that is over first is exit status 5, and says which are not settled."""
    good = Acting(lab, "t", system="good").claim()
    bad = Acting(lab, "t", system="bad").claim()
    good.run(0, ("Pass", "/"))
    bad.status(0, "Running")
    until(lambda: lab.call("GET", f"/jobs/{good.job}").json["settled"], "the good job settled")
    both = [str(good.job), str(bad.job)]
    late = lab.command("job", "wait", *both, "--timeout", "0.2", check=False)
    assert (late.returncode, late.stderr) == (5, f"tackroom: not settled after 0.2 s: job {bad.job}\n")
    with started(lab, "job", "wait", *both) as waiting:
        bad.result(0, "Fail", "/x")
        bad.status(0, "Completed")
        printed, said = waiting.communicate(timeout=60)
        assert (waiting.returncode, said) == (10, "")
    first, second = printed.splitlines()
    assert first.startswith(f"job {good.job}: pass: ")
    assert second.startswith(f"job {bad.job}: fail: Fail in task {bad.tasks[0]}")
    settled = lab.command("job", "wait", str(good.job), "--json")
    assert [job["verdict"] for job in json.loads(settled.stdout)] == ["pass"]
    assert lab.command("job", "wait", "999999", check=False).returncode == 4
    # there is none: no time in which it could be settled
    assert lab.command("job", "wait", "999999", "--timeout", "0", check=False).returncode == 4


def test_verdicts_are_exit_statuses(lab: Lab) -> None:
    """A cancelled job is 12, one whose recipe was aborted 11."""
    cancelled = Acting(lab, "t", system="left")
    lab.command("job", "cancel", str(cancelled.job))
    assert lab.command("job", "wait", str(cancelled.job), check=False).returncode == 12
    aborted = Acting(lab, "t", system="left").claim()
    aborted.run(0, end="Aborted")
    assert lab.command("job", "wait", str(aborted.job), check=False).returncode == 11
    assert lab.command("job", "wait", str(cancelled.job), str(aborted.job), check=False).returncode == 11
    # of what is settled there is nothing left to follow
    seen = lab.command("job", "watch", str(cancelled.job), str(aborted.job), check=False)
    assert seen.returncode == 11
    assert len(re.findall(r"^\S+  job \d+: (cancelled|infrastructure)", seen.stdout, re.MULTILINE)) == 2


def test_retry(lab: Lab) -> None:
    """Prints the new ids; with --wait the verdicts follow."""
    acting = Acting(lab, "t", system="again").claim()
    acting.run(0)
    lab.settled(acting.job)
    number = lab.command("job", "retry", str(acting.job)).stdout.strip()
    assert lab.call("GET", f"/jobs/{number}").json["retry_of"] == acting.job
    assert f"Retry of job {acting.job}" in lab.command("job", "show", number).stdout
    lab.command("job", "cancel", number)
    late = lab.command("job", "retry", str(acting.job), "--wait", "--timeout", "0", check=False)
    assert late.returncode == 5
    lab.command("job", "cancel", late.stderr.split()[0])


def test_watch_goes_on_across_a_restart(lab: Lab) -> None:
    """A line for each change, none lost and none twice though the server goes away in the middle."""
    acting = Acting(lab, "one", "two", system="watched", name="w").claim()
    with started(lab, "job", "watch", str(acting.job)) as watching:
        assert watching.stdout is not None
        lines = [watching.stdout.readline()]
        acting.run(0, ("Pass", "/fine"), ("Fail", "/broken"))
        while f"task {acting.tasks[0]} one: Completed, Fail" not in lines[-1]:
            lines.append(watching.stdout.readline())
        lab.stop()
        lab.start()
        acting.run(1, ("Warn", "/oops"))
        rest, said = watching.communicate(timeout=60)
        lines += rest.splitlines(keepends=True)
        assert watching.returncode == 10, said
    told = [re.sub(r"^\d\d:\d\d:\d\d\s+", "", line.rstrip("\n")) for line in lines]
    assert told[0] == f"job {acting.job} w, owner admin: Waiting"
    assert [line for line in told if line.startswith(("Fail", "Warn"))] == [
        f"Fail  /broken  (task {acting.tasks[0]})",
        f"Warn  /oops  (task {acting.tasks[1]})",
    ]
    expected = [
        f"task {task} {name}: {status}"
        for task, name, said in (
            (acting.tasks[0], "one", ("Running", "Running, Pass", "Running, Fail", "Completed, Fail")),
            (acting.tasks[1], "two", ("Running", "Running, Warn", "Completed, Warn")),
        )
        for status in said
    ]
    assert [line for line in told if line.startswith("task")] == expected
    assert told[-1].startswith(f"job {acting.job}: fail: Fail in task {acting.tasks[0]}")
    assert len(told) == len(set(told))


def test_watch_gives_up_and_can_be_left(lab: Lab) -> None:
    """--timeout ends it with 5 although nothing happens; Ctrl-C with 130, and no traceback."""
    acting = Acting(lab, "t", system="quiet")
    done = lab.command("job", "watch", str(acting.job), "--timeout", "0.5", check=False)
    assert (done.returncode, done.stderr) == (5, f"tackroom: not settled after 0.5 s: job {acting.job}\n")
    with started(lab, "job", "watch", str(acting.job)) as watching:
        assert watching.stdout is not None
        # lines come at once, also into a pipe
        assert f"job {acting.job}, owner admin: " in watching.stdout.readline()
        watching.send_signal(signal.SIGINT)
        _, said = watching.communicate(timeout=20)
        assert (watching.returncode, said.strip()) == (130, "")


def test_submit_and_wait(lab: Lab, job: Path) -> None:
    """The id at once on standard error, the job at the end, its verdict as exit status."""
    with started(lab, "job", "submit", str(job), "--wait") as process:
        assert process.stderr is not None
        number = process.stderr.readline().split()[1]
        lab.command("job", "cancel", number)
        printed, _ = process.communicate(timeout=60)
        assert process.returncode == 12
    assert printed.startswith(f"Job {number} from a file: cancelled")
    late = lab.command("job", "submit", str(job), "--wait", "--timeout", "0", "--json", check=False)
    assert late.returncode == 5
    assert json.loads(late.stdout)["settled"] is False


class Losing(ThreadingHTTPServer):
    """Passes POSTs on to a lab, and loses its first answer."""

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Pass)
        self.port = port
        self.keys: list[str | None] = []


class _Pass(BaseHTTPRequestHandler):
    server: Losing

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        connection.request("POST", self.path, body, dict(self.headers))
        answer = connection.getresponse()
        said = answer.read()
        connection.close()
        self.server.keys.append(self.headers["Idempotency-Key"])
        self.close_connection = True
        if len(self.server.keys) > 1:
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""


def test_a_submission_that_is_repeated_makes_one_job(lab: Lab, job: Path) -> None:
    """When the answer is lost, the command asks again and gets the job that it made."""
    before = {one["id"] for one in json.loads(lab.command("job", "list", "--json").stdout)}
    with Losing(lab.port) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        done = lab.command("--url", f"http://127.0.0.1:{proxy.server_port}", "job", "submit", str(job), check=False)
        proxy.shutdown()
    # the token was for another URL
    assert (done.returncode, "auth.required" in done.stderr) == (4, True)
    with Losing(lab.port) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        environ = {**lab.environment(), "TACKROOM_URL": f"http://127.0.0.1:{proxy.server_port}"}
        environ["TACKROOM_TOKEN"] = lab.token
        words = [*tackroom(), "job", "submit", str(job)]
        done = subprocess.run(words, env=environ, capture_output=True, text=True, timeout=60, check=False)
        proxy.shutdown()
    assert done.returncode == 0, done
    assert len(proxy.keys) == 2
    assert len(set(proxy.keys)) == 1
    made = json.loads(lab.command("job", "list", "--json").stdout)
    assert {one["id"] for one in made} - before == {int(done.stdout)}

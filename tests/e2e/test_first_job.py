"""What `make run ONCE=1` does, and the command's way through a job."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lab import Lab, free_port, reachable_directory, tackroom
from waiting import until

ROOT = Path(__file__).parents[2]
FIRST_JOB = ROOT / "docs" / "examples" / "first-job.xml"


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that the service user may use."""
    made = reachable_directory()
    yield made
    shutil.rmtree(made)


@pytest.mark.parametrize("front", ["apache", "none"])
def test_the_first_job_runs(place: Path, front: str) -> None:
    """One command: a job runs, a large log goes up in ranges with progress, its results are printed with lines."""
    words = ["demo", "--once", "--listen", f"127.0.0.1:{free_port()}", "--httpd", front, "--data", str(place / "data")]
    done = subprocess.run(
        [*tackroom(), *words, str(FIRST_JOB)], capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done
    assert re.search(r"console\.log .* 100 % 72\.0/72\.0 MiB", done.stdout)
    rows = [line for line in done.stdout.splitlines() if "recipes/" in line]
    assert any("Skip" in row and row.endswith("logs/taskout.log:5") for row in rows)
    assert any("WARNING" in row and row.endswith("logs/console.log:300001") for row in rows)
    assert "Verdict: pass" in done.stdout
    (log,) = (place / "data" / "logs").rglob("console.log")
    assert log.stat().st_size > 64 * 1024 * 1024
    if front == "apache":
        # the first range is the application's, all others never see Python
        access = (place / "data" / "run" / "access.log").read_text()
        ranges = [line for line in access.splitlines() if "console.log" in line and "PUT" in line]
        assert len(ranges) >= 64
    assert not any((place / "data" / "run" / name).exists() for name in ("url", "httpd.pid"))


def test_it_keeps_serving_until_ctrl_c(place: Path) -> None:
    """After the table it serves; Ctrl-C ends all of it with exit status 0."""
    job = place / "job.json"
    recipe = {"system": "demo", "tasks": [{"name": "t", "command": ["true"]}]}
    job.write_text(json.dumps({"recipe_sets": [{"recipes": [recipe]}]}))
    port = free_port()
    words = ["demo", "--listen", f"127.0.0.1:{port}", "--httpd", "none", "--data", str(place / "data"), str(job)]
    with (place / "said").open("w") as said:
        demo = subprocess.Popen([*tackroom(), *words], stdout=said, stderr=said)
    try:
        until(lambda: "Serving until Ctrl-C." in (place / "said").read_text(), "the end of the job", 60)
        demo.send_signal(signal.SIGINT)
        assert demo.wait(15) == 0
    finally:
        demo.terminate()
        demo.wait()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port)).close()


def test_the_command_goes_all_the_way_through_a_job(make_lab: Callable[..., Lab], tmp_path: Path) -> None:
    """Add a system, submit, run, show, print results, write and read logs, write a stock harness's environment."""
    lab = make_lab("apache")
    key = lab.command("system", "add", "bench", "--tag", "x86").stdout.strip()
    assert len(key) > 40
    job = {
        "recipe_sets": [{"recipes": [{"requires": {"tags": ["x86"]}, "tasks": [{"name": "t", "script": "echo ok 1"}]}]}]
    }
    file = tmp_path / "job.json"
    file.write_text(json.dumps(job))
    number = lab.command("job", "submit", str(file)).stdout.strip()
    assert "(x86)" in lab.command("job", "show", number).stdout
    lab.command("harness", "--system", "bench", "--once", "--state", str(tmp_path / "state"))
    lab.settled(int(number))
    shown = lab.command("job", "show", number).stdout
    assert "pass" in shown and "bench" in shown
    results = json.loads(lab.command("results", number, "--format", "json").stdout)
    assert {result["source"] for result in results} == {"harness", "log"}
    ran = str(results[0]["recipe"])
    assert lab.command("log", "show", ran, results[-1]["log"]).stdout == "ok 1\n"

    second = lab.command("job", "submit", str(file)).stdout.strip()
    waiting = json.loads(lab.command("job", "show", second, "--json").stdout)
    number = str(waiting["recipe_sets"][0]["recipes"][0]["id"])
    exported = lab.command("recipe", "env", number, "--system", "bench").stdout
    assert f"export BEAKER_RECIPE_ID={number}" in exported
    assert re.search(rf"BEAKER_LAB_CONTROLLER_URL=http://{number}:[\w-]+@127\.0\.0\.1:{lab.port}/", exported)
    log = tmp_path / "mine.log"
    log.write_bytes(b"".join(b"line %d \x1b[31m\n" % line for line in range(300000)))
    lab.command("log", "put", number, "logs/mine.log", str(log))
    assert lab.call("GET", f"/recipes/{number}/logs/mine.log").body == log.read_bytes()
    tail = lab.command("log", "tail", number, "logs/mine.log", "-n", "2").stdout
    assert tail == "line 299998 \\x1b[31m\nline 299999 \\x1b[31m\n"
    assert "MEND" not in lab.command("doctor").stdout


def test_on_its_own_machine_the_command_finds_url_and_token(make_lab: Callable[..., Lab]) -> None:
    """Without TACKROOM_URL and TACKROOM_TOKEN, from what serve left in the data directory."""
    lab = make_lab("none")
    environ = {**os.environ, "TACKROOM_DATA": str(lab.data)}
    done = subprocess.run(
        [*tackroom(), "system", "add", "here"], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done
    assert lab.call("GET", "/systems/here").status == 200
    assert (lab.data / "admin.token").stat().st_mode & 0o777 == 0o600


def test_the_exit_status_tells_the_verdict(make_lab: Callable[..., Lab], tmp_path: Path) -> None:
    """A failing job makes `job submit --wait` exit with 10; errors are one sentence."""
    lab = make_lab("none")
    lab.command("system", "add", "demo")
    file = tmp_path / "job.xml"
    file.write_text(
        '<job><recipeSet><recipe><hostRequires force="demo"/><task name="t"><command><arg>false</arg></command></task>'
        "</recipe></recipeSet></job>"
    )
    words = ["harness", "--system", "demo", "--once", "--state", str(tmp_path / "state")]
    harness = subprocess.Popen(
        [*tackroom(), *words],
        env={**lab.environment(), "TACKROOM_URL": lab.url, "TACKROOM_TOKEN": lab.token},
        stderr=subprocess.DEVNULL,
    )
    done = lab.command("job", "submit", str(file), "--wait", check=False)
    assert (done.returncode, harness.wait(30)) == (10, 0)
    assert "fail" in done.stdout
    refused = lab.command("job", "show", "999999", check=False)
    assert (refused.returncode, refused.stderr) == (4, "tackroom: There is no such job. (status 404, job.unknown)\n")


def test_tail_follows_a_log_from_before_its_first_byte_to_its_end(make_lab: Callable[..., Lab], tmp_path: Path) -> None:
    """It waits for a log that nobody has written yet, prints what comes, and leaves when the recipe is settled."""
    lab = make_lab("apache")
    job = lab.job({"name": "t", "script": "for n in 1 2 3 4 5 6; do echo line $n; sleep 0.3; done"})
    recipe = job["recipe_sets"][0]["recipes"][0]
    path = f"tasks/{recipe['tasks'][0]['id']}/logs/taskout.log"
    environ = {**lab.environment(), "TACKROOM_URL": lab.url, "TACKROOM_TOKEN": lab.token}
    words = ["log", "tail", "-f", str(recipe["id"]), path]
    with subprocess.Popen([*tackroom(), *words], env=environ, stdout=subprocess.PIPE, text=True) as tail:
        lab.command("harness", "--system", "demo", "--once", "--state", str(tmp_path / "state"))
        printed, _ = tail.communicate(timeout=60)
    assert (tail.returncode, printed.splitlines()) == (0, [f"line {number}" for number in range(1, 7)])

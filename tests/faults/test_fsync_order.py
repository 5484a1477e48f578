"""What an answer or an event promises is on the disk before it is said: shown by a trace of the system calls."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from acting import FORM, Acting
from lab import Lab, running_lab
from syscalls import Call, Trace, parse, strace, traced, volatile
from waiting import until

WAL = "tackroom.db-wal"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A Tackroom in whose processes every call is seen."""
    with running_lab("none", TACKROOM_WORKERS="1") as made:
        yield made


@pytest.fixture(scope="module")
def trace(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trace]:
    """What its web and its indexer do while the tests run."""
    output = tmp_path_factory.mktemp("trace") / "trace"
    with traced([*lab.pids("gunicorn"), *lab.pids("wsgi_app.cli indexer")], output) as made:
        yield made


def running(_: Lab, acting: Acting) -> str:
    """POST status."""
    acting.status(0, "Running")
    return f"POST /recipes/{acting.recipe}/tasks/{acting.tasks[0]}/status"


def ended(_: Lab, acting: Acting) -> str:
    """POST status, of the last task."""
    acting.status(0, "Aborted")
    return f"POST /recipes/{acting.recipe}/tasks/{acting.tasks[0]}/status"


def reported(_: Lab, acting: Acting) -> str:
    """POST a result."""
    acting.result(0, "Pass", "/path")
    return f"POST /recipes/{acting.recipe}/tasks/{acting.tasks[0]}/results/"


def submitted(lab: Lab, acting: Acting) -> str:
    """POST a job."""
    job = {"recipe_sets": [{"recipes": [{"system": acting.system, "tasks": [{"name": "one"}]}]}]}
    headers = {"Content-Type": "application/json", "Idempotency-Key": "this one"}
    assert lab.call("POST", "/jobs/", json.dumps(job).encode(), headers).status == 201
    return "Idempotency-Key: this one"


def declared(lab: Lab, acting: Acting) -> str:
    """Declare a log."""
    path = f"/recipes/{acting.recipe}/tasks/{acting.tasks[0]}/logs/declared.log"
    body = json.dumps({"size": 7, "sha256": hashlib.sha256(b"content").hexdigest()}).encode()
    answer = lab.call("POST", path, body, {"Content-Type": "application/json"}, acting.key)
    assert answer.status == 201, answer
    return f"POST {path}"


def watched(lab: Lab, acting: Acting) -> str:
    """Set the watchdog."""
    path = f"/recipes/{acting.recipe}/watchdog"
    assert lab.call("POST", path, b"seconds=1000", FORM, acting.key).status == 204
    return f"POST {path}"


def given_key(lab: Lab, acting: Acting) -> str:
    """POST for one more key."""
    assert lab.call("POST", f"/recipes/{acting.recipe}/key").status == 201
    return f"POST /recipes/{acting.recipe}/key"


@pytest.mark.parametrize("call", [running, ended, reported, submitted, declared, watched, given_key])
def test_a_call_is_on_disk_before_its_answer(lab: Lab, trace: Trace, call: Callable[[Lab, Acting], str]) -> None:
    """The transaction's last write, then its fsync, then the answer; the same for what it makes at the gate."""
    acting = Acting(lab, "one", system=f"calls-{call.__name__}").claim()
    calls = trace.handled(call(lab, acting))
    assert any(made.path.endswith(WAL) for made in calls if made.name == "pwrite64"), "nothing was committed"
    assert lost(lab, calls) == set()


@pytest.mark.parametrize("how", ["key", "claim"])
def test_a_recipes_first_key_is_on_disk_before_it_is_told(lab: Lab, trace: Trace, how: str) -> None:
    """Its gate files, the directory that is made for them, and that directory's name."""
    job = lab.job({"name": "one", "command": ["true"]}, system=f"first-{how}")
    recipe = job["recipe_sets"][0]["recipes"][0]["id"]
    if how == "key":
        lab.call("POST", f"/recipes/{recipe}/key")
        calls = trace.handled(f"POST /recipes/{recipe}/key")
    else:
        lab.claim(f"first-{how}")
        calls = trace.handled(f"POST /systems/first-{how}/claim")
    assert len([call for call in created(calls) if f"/gate/{recipe}/key-" in call.path]) == 2
    assert any(call.name == "mkdir" and call.path.endswith(f"/gate/{recipe}") for call in calls)
    assert lost(lab, calls) == set()


def test_the_gate_shuts_after_the_commit_and_before_the_answer(lab: Lab, trace: Trace) -> None:
    """A closed file that nobody has committed would refuse what may still be sent."""
    acting = Acting(lab, "one", system="closes").claim()
    acting.status(0, "Running")
    acting.status(0, "Completed")
    calls = trace.handled(f"POST /recipes/{acting.recipe}/tasks/{acting.tasks[0]}/status", 2)
    (closed,) = [call for call in created(calls) if call.path.endswith(f"/{acting.recipe}/closed")]
    committed = [call for call in calls if call.path.endswith(WAL) and call.end < closed.begin]
    assert committed[-1].name == "fdatasync"


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "range"])
def test_a_finished_log_is_on_disk_before_it_is_listed_so(lab: Lab, trace: Trace, whole: bool) -> None:
    """The file, and its name in every directory up to the root of the logs: before the commit that says finished."""
    acting = Acting(lab, "one", system=f"finishes-{whole}").claim()
    acting.status(0, "Running")
    path = f"/recipes/{acting.recipe}/tasks/{acting.tasks[0]}/logs/new/deep.log"
    span = {} if whole else {"Content-Range": "bytes 0-6/*"}
    assert lab.call("PUT", path, b"content", span, acting.key).status == 201
    acting.status(0, "Completed")
    lab.settled(acting.job)
    event = rf"{acting.tasks[0]}/logs/new/deep.log\", \"state\": \"finished\""

    def commits() -> list[Call]:
        return [call for call in trace.calls() if call.path.endswith(WAL) and event in call.text]

    said = until(commits, "the commit that says so")[0]
    # before a byte of it is written
    before = [call for call in trace.calls() if call.end < said.begin]
    root = lab.data / "logs" / "recipes"
    file = root / path.removeprefix("/recipes/")
    assert any(call.path.startswith(str(file.parent)) for call in before if call.name == "write")
    way = {str(place) for place in (file, *file.parents) if place.is_relative_to(root)}
    assert way <= {call.path for call in before if call.name == "fsync"}
    assert way & volatile(before) == set()


COMMIT = """
import os, sqlite3, socket, sys
ours, _ = socket.socketpair()
database = sqlite3.connect(sys.argv[1] + "/tackroom.db", isolation_level=None)
database.execute("PRAGMA journal_mode=wal")
database.execute("CREATE TABLE t (a)")
database.execute("PRAGMA synchronous=" + sys.argv[2])
database.execute("INSERT INTO t VALUES (1)")
os.mkdir(sys.argv[1] + "/gate")
os.close(os.open(sys.argv[1] + "/gate/key", os.O_CREAT | os.O_WRONLY))
for place in sys.argv[3:]:
    os.fsync(os.open(sys.argv[1] + "/" + place, os.O_RDONLY))
ours.send(b"HTTP/1.1 200 OK")
"""


@pytest.mark.parametrize(
    ("synchronous", "places", "missing"),
    [
        ("FULL", ["gate/key", "gate", "."], set()),
        ("OFF", ["gate/key", "gate", "."], {WAL}),
        ("NORMAL", ["gate/key", "gate", "."], {WAL}),
        ("FULL", ["gate", "."], {"gate/key"}),
        ("FULL", ["gate/key", "."], {"gate"}),
        ("FULL", ["gate/key", "gate"], {"."}),
    ],
)
def test_the_trace_shows_what_is_not_on_disk(
    tmp_path: Path, synchronous: str, places: Sequence[str], missing: set[str]
) -> None:
    """A program that leaves out one fsync is found out: these tests can fail."""
    place = tmp_path / "place"
    place.mkdir()
    words = [sys.executable, "-S", "-c", COMMIT, str(place), synchronous, *places]
    subprocess.run(strace(tmp_path / "trace", *words), check=True)
    calls = parse((tmp_path / "trace").read_text().splitlines())
    (answer,) = [call for call in calls if call.answers]
    found = volatile(call for call in calls if call.end < answer.begin)
    assert {str(Path(path).relative_to(place)) for path in found if Path(path).is_relative_to(place)} == missing


def test_the_directories_of_a_first_start_are_on_disk(tmp_path: Path) -> None:
    """Those that it makes, for logs and gates, are there after a power cut, whatever is written into them later."""
    data = tmp_path / "not" / "yet"
    words = [sys.executable, "-P", "-m", "wsgi_app.cli", "initialise"]
    environ = {**os.environ, "TACKROOM_DATA": str(data)}
    subprocess.run(strace(tmp_path / "trace", *words), check=True, env=environ)
    calls = parse((tmp_path / "trace").read_text().splitlines())
    made = {call.path: call.end for call in calls if call.name.startswith("mkdir")}
    for place in (data.parent, data, data / "logs", data / "logs" / "recipes", data / "gate"):
        synced = [call.begin for call in calls if call.name == "fsync" and call.path == str(place.parent)]
        assert any(begin > made[str(place)] for begin in synced), place


def created(calls: Sequence[Call]) -> list[Call]:
    """Return what made files."""
    return [call for call in calls if call.name == "openat" and "O_CREAT" in call.text]


def lost(lab: Lab, calls: Sequence[Call]) -> set[str]:
    """Return what of database and gate a power cut would take back."""
    kept = (str(lab.data / "tackroom.db"), str(lab.data / "gate"))
    return {path for path in volatile(calls) if path.startswith(kept)}

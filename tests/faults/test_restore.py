"""A lab with everything in it: backed up while all goes on, lost, restored elsewhere, served, and compared."""

import hashlib
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from acting import Acting
from attrs import define, field, frozen
from dbrows import Rows, rows
from lab import Answer, Lab, running_lab
from uploads import half_upload
from waiting import until

TAP = b"TAP version 14\n1..2\nok 1 - a\nnot ok 2 - b\n"
LOST = "Restored from the backup of "


@define
class Everything:
    """A lab with jobs of all states, and who may see them."""

    lab: Lab
    ann: str
    voided: str
    jobs: dict[str, Acting] = field(factory=dict)
    #: a job of two recipes, of which one waits for the other's system
    scheduled: dict[str, Any] = field(factory=dict)
    #: answers as they were when the backup was made
    answers: dict[tuple[str, str], Answer] = field(factory=dict)
    #: the highest numbers that the lab has ever given out
    last_id: int = 0
    last_event: int = 0

    def paths(self, *names: str) -> list[str]:
        """Return the URLs that tell of these jobs."""
        found = []
        for name in names:
            job = self.jobs[name]
            found += [f"/jobs/{job.job}", f"/jobs/{job.job}/results"]
            found += [f"/recipes/{job.recipe}/{what}" for what in ("", "results", "log-index", "watchdog")]
        return found


def call(lab: Lab, path: str, key: str = "") -> Answer:
    """Ask as JSON."""
    return lab.call("GET", path, headers={"Accept": "application/json"}, key=key)


def fill(lab: Lab) -> Everything:
    """Make one of each."""
    ann = lab.post("/tokens/", {"user": "ann", "name": "a", "scopes": ["read", "submit"]})["token"]
    voided = lab.post("/tokens/", {"user": "ann", "name": "b", "scopes": ["read"]})
    lab.call("DELETE", f"/tokens/{voided['id']}")
    made = Everything(lab, ann, voided["token"])
    jobs = made.jobs
    done = jobs["done"] = Acting(lab, "one", "two", system="bench-1", name="done").claim()
    done.status(0, "Running")
    done.log(0, "test.log", TAP)
    done.result(0, "Pass", "/smoke")
    done.status(0, "Completed")
    done.run(1, ("Fail", "/x"))
    private = jobs["private"] = Acting(lab, "one", system="bench-2", visibility="private").claim()
    private.log(0, "secret.log", b"nobody's business\n")
    private.run(0, ("Pass", "/ok"))
    damaged = jobs["damaged"] = Acting(lab, "one", system="bench-3").claim()
    path = f"/recipes/{damaged.recipe}/logs/half.bin"
    body = json.dumps({"size": 9}).encode()
    assert lab.call("POST", path, body, {"Content-Type": "application/json"}, damaged.key).status == 201
    assert lab.call("PUT", path, b"half", key=damaged.key).status in (201, 204)
    damaged.run(0)
    cancelled = jobs["cancelled"] = Acting(lab, "one", system="bench-4")
    assert lab.call("POST", f"/jobs/{cancelled.job}/cancel").status == 204
    running = jobs["running"] = Acting(lab, "one", "two", system="bench-5").claim()
    running.run(0, ("Warn", "/w"))
    running.status(1, "Running")
    running.log(1, "console.log", b"line 0\n")
    said = {"Content-Type": "application/json", "Idempotency-Key": "once"}
    assert lab.call("PUT", f"/recipes/{running.recipe}/sync/up", b'{"port": 1}', said, running.key).status < 300
    lab.call("PATCH", "/systems/bench-5", b'{"address": "192.0.2.5"}', said)
    jobs["queued"] = Acting(lab, "one", system="bench-6")
    lab.call("POST", "/systems/", b'{"name": "bench-7"}', {"Content-Type": "application/json"})
    pair = [{"system": name, "tasks": [{"name": "t"}]} for name in ("bench-7", "bench-8")]
    lab.call("POST", "/systems/", b'{"name": "bench-8"}', {"Content-Type": "application/json"})
    answer = lab.call("POST", "/jobs/", json.dumps({"recipe_sets": [{"recipes": pair}]}).encode(), said)
    assert answer.status == 201, answer
    made.scheduled = answer.json
    first = made.scheduled["recipe_sets"][0]["recipes"][0]["id"]
    assert lab.call("POST", f"/recipes/{first}/key").status == 201
    late = jobs["late"] = Acting(lab, "one", system="bench-9").claim()
    name = f"/recipes/{late.recipe}/logs/late.log"
    assert lab.call("PUT", name, b"....", key=late.key).status in (201, 204)
    with half_upload(lab, name, late.key, 4, "bytes 4-7/8") as upload:
        upload.send(b"ab")
        late.run(0)
        until(lambda: call(lab, f"/recipes/{late.recipe}/").json["settled"], "the late one, settled")
        upload.send(b"cd")
        assert upload.status() in (200, 201, 204)
    for settled in ("done", "private", "damaged", "cancelled"):
        lab.settled(jobs[settled].job)
    index = f"/recipes/{late.recipe}/log-index"
    until(lambda: call(lab, index).json["logs"][0]["state"] == "finished", "the late log, read")
    return made


@contextmanager
def load(lab: Lab, running: Acting) -> Iterator[Callable[[], int]]:
    """Let one harness append to its log, and another run recipes with logs; gives how much was done so far."""
    stop, done, troubles = threading.Event(), [0, 0], []

    def append() -> None:
        place = f"/recipes/{running.recipe}/tasks/{running.tasks[1]}/logs/console.log"
        first = len(b"line 0\n")
        while not stop.is_set():
            done[0] += 1
            line = b"line %d\n" % done[0]
            span = f"bytes {first}-{first + len(line) - 1}/*"
            if lab.call("PUT", place, line, {"Content-Range": span}, running.key).status not in (200, 201, 204):
                troubles.append(span)
            first += len(line)

    def run() -> None:
        while not stop.is_set():
            job = Acting(lab, "loaded", system="bench-0").claim()
            job.log(0, "test.log", TAP * (1 + done[1] % 7))
            job.run(0, ("Pass", "/p"))
            done[1] += 1

    threads = [threading.Thread(target=what) for what in (append, run)]
    for thread in threads:
        thread.start()
    try:
        yield lambda: min(done)
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    assert troubles == []


@frozen
class Restored:
    """The lab as it was, its backup, and the new lab, which has not been started."""

    old: Everything
    backup: Path
    #: what the backup's database has, and what the new one has
    before: Rows
    after: Rows
    made: str
    aborted: set[int]
    #: the new lab's data, which nobody has served, and the new lab, which serves a copy of that
    data: Path
    new: Lab
    #: what systems got there that asked for work
    claims: dict[str, int]


@pytest.fixture(scope="module")
def restored() -> Iterator[Restored]:
    """Fill a lab, back it up under load, let it go on, lose it, and restore it in another place."""
    with running_lab("apache", TACKROOM_SETTLE_SECONDS="3", TACKROOM_GRACE_SECONDS="1") as lab:
        old = fill(lab)
        backup = lab.data.with_name("backup")
        quiet = old.paths("done", "private", "damaged", "cancelled", "late")
        old.answers = {(path, who): call(lab, path, who or "wrong") for path in quiet for who in (old.ann, lab.token)}
        with load(lab, old.jobs["running"]) as progress:
            until(lambda: progress() > 3, "some load")
            reached = progress()
            made = json.loads(lab.command("backup", str(backup), "--json").stdout)
            until(lambda: progress() > reached, "more of it")
        manifest = json.loads((backup / "manifest.json").read_text())
        before = rows(backup / manifest["snapshot"] / "tackroom.db")
        # and it goes on: what was queued is run, numbers are given out
        queued = old.jobs["queued"].claim()
        queued.run(0, ("Pass", "/after"))
        lab.settled(queued.job)
        old.last_id = Acting(lab, "lost", system="bench-0").tasks[0]
        events = call(lab, "/events?limit=1000").json["events"]
        while more := call(lab, f"/events?limit=1000&after={events[-1]['id']}").json["events"]:
            events = more
        old.last_event = events[-1]["id"]
        assert lab.stop() == 0
        data = lab.data.with_name("new")
        told = json.loads(lab.command("restore", str(backup), "--data", str(data), "--json").stdout)
        assert (told["made"], told["counts"]) == (made["made"], made["counts"])
        after = rows(data / "tackroom.db")
        new = Lab(lab.data.with_name("served"), "apache", lab.environ)
        subprocess.run(["cp", "-a", str(data), str(new.data)], check=True)
        try:
            new.start()
            busy = ("bench-5", "bench-6", "bench-7", "bench-8")
            claims = {name: new.call("POST", f"/systems/{name}/claim?wait=0").status for name in busy}
            yield Restored(old, backup, before, after, made["made"], set(told["aborted"]), data, new, claims)
        finally:
            new.end()


def unfinished(table: Rows) -> set[int]:
    """Return the recipes that have not finished."""
    return {row["id"] for row in table["recipes"] if row["status"] not in ("Completed", "Aborted", "Cancelled")}


def by(table: list[dict[str, Any]], *names: str) -> dict[Any, dict[str, Any]]:
    """Return rows by their key."""
    return {tuple(row[name] for name in names): row for row in table}


def test_tables(restored: Restored) -> None:
    """Row by row: all is there as it was, but for what had not finished, keys of that, claims, and numbers."""
    before, after = restored.before, restored.after
    gone = unfinished(before)
    assert gone == restored.aborted
    running = restored.old.jobs["running"].recipe
    pair = {recipe["id"] for recipe in restored.old.scheduled["recipe_sets"][0]["recipes"]}
    assert gone >= {running, restored.old.jobs["queued"].recipe, *pair}
    states = {row["id"]: row["status"] for row in before["recipes"]}
    assert {states[number] for number in (running, *pair)} == {"Running", "Scheduled", "Queued"}
    for table in ("tokens", "logs", "sync_states", "idempotency", "alembic_version"):
        assert after[table] == before[table], table
        assert before[table], table
    jobs = {row["job"] for row in before["recipes"] if row["id"] in gone}
    sets = {row["recipe_set"] for row in before["recipes"] if row["id"] in gone}
    changed = {"recipes": ("id", gone), "tasks": ("recipe", gone), "jobs": ("id", jobs), "recipe_sets": ("id", sets)}
    for table, (column, numbers) in changed.items():
        old, new = ([row for row in found[table] if row[column] not in numbers] for found in (before, after))
        assert new == old, table
        assert [row["id"] for row in after[table]] == [row["id"] for row in before[table]]
    assert after["recipe_keys"] == [row for row in before["recipe_keys"] if row["recipe"] not in gone]
    assert len(after["recipe_keys"]) < len(before["recipe_keys"])
    free = {"recipe": None, "claimed_until": None, "last_recipe": None}
    assert after["systems"] == [{**row, **free} for row in before["systems"]]


def test_what_had_not_finished(restored: Restored) -> None:
    """It is Aborted with a message that names the backup's time, its tasks too; what had ended keeps its result."""
    after = restored.after
    message = f"{LOST}{restored.made}, when it had not finished: what became of it is not known"
    recipes = by(after["recipes"], "id")
    for number in restored.aborted:
        row = recipes[number,]
        assert (row["status"], row["reason"], row["watchdog"]) == ("Aborted", message, None)
    assert unfinished(after) == set()
    tasks = by(after["tasks"], "id")
    running = restored.old.jobs["running"]
    assert [tasks[number,]["status"] for number in running.tasks] == ["Completed", "Aborted"]
    assert [tasks[number,]["result"] for number in running.tasks] == ["Warn", "Warn"]
    old = by(restored.before["results"], "id")
    new = by(after["results"], "id")
    assert {key: row for key, row in new.items() if key in old} == old
    said = [row for key, row in new.items() if key not in old]
    assert {row["recipe"] for row in said} == restored.aborted
    assert {row["message"] for row in said} == {message}


def test_numbers(restored: Restored) -> None:
    """Ids and event ids go on far behind those that were given out, also behind the backup."""
    last = restored.before["id_sequence"][0]["last"]
    old = by(restored.before["results"], "id")
    fresh = [row["id"] for row in restored.after["results"] if (row["id"],) not in old]
    assert min(fresh) == last + 10_000_000 + 1 > restored.old.last_id
    assert restored.after["id_sequence"][0]["last"] == max(fresh)
    told = len(restored.before["events"])
    assert restored.after["events"][:told] == restored.before["events"]
    new = [row["id"] for row in restored.after["events"][told:]]
    first = restored.before["events"][-1]["id"] + 1_000_000_000 + 1
    assert new == list(range(first, first + len(new)))
    assert first > restored.old.last_event


def test_log_bytes(restored: Restored) -> None:
    """Every finished log is what the database says; one that grew is a beginning of what it became."""
    roots = [data / "logs" / "recipes" for data in (restored.old.lab.data, restored.data)]
    assert restored.after["logs"]
    for row in restored.after["logs"]:
        old, new = (root / str(row["recipe"]) / row["path"] for root in roots)
        if row["state"] == "growing":
            assert old.read_bytes().startswith(new.read_bytes())
            assert new.stat().st_size >= row["size"]
        else:
            assert hashlib.sha256(new.read_bytes()).hexdigest() == row["sha256"]
            assert new.read_bytes() == old.read_bytes()
            assert new.stat().st_mtime_ns == old.stat().st_mtime_ns
    states = {row["state"] for row in restored.after["logs"]}
    assert states == {"growing", "finished", "damaged"}
    growing = next(row for row in restored.after["logs"] if row["path"].endswith("console.log"))
    there = (roots[1] / str(growing["recipe"]) / growing["path"]).read_bytes()
    assert there == b"".join(b"line %d\n" % number for number in range(there.count(b"\n")))


def test_gate(restored: Restored) -> None:
    """It is what it was for what had finished; of the rest no key and no address is let in; private stays private."""
    old, new = (data / "gate" for data in (restored.old.lab.data, restored.data))
    finished = {row["id"] for row in restored.before["recipes"] if row["settled"] and row["assigned"] is not None}
    for number in finished:
        names = {path.name for path in (new / str(number)).iterdir()}
        assert names == {path.name for path in (old / str(number)).iterdir()}, number
    assert "private" in {path.name for path in (new / str(restored.old.jobs["private"].recipe)).iterdir()}
    for number in restored.aborted:
        names = {path.name for path in (new / str(number)).iterdir()}
        assert "closed" in names
        assert not [name for name in names if name.startswith(("key-", "ip-", "open"))]
    assert {int(path.name) for path in new.iterdir()} <= {row["id"] for row in restored.after["recipes"]}


def test_owner(restored: Restored) -> None:
    """All is of the user that Tackroom runs as, and nobody else may read it."""
    owner = restored.old.lab.data.stat().st_uid
    paths = [restored.data, *restored.data.rglob("*")]
    assert {path.stat().st_uid for path in paths} == {owner}
    assert {path.stat().st_mode & 0o007 for path in paths} == {0}


def test_served(restored: Restored) -> None:
    """Started, it answers as the old one did; what was aborted settles, its logs read; nothing runs again."""
    old, lab = restored.old, restored.new
    for (path, who), answer in old.answers.items():
        # the admin's token is another one
        now = call(lab, path, old.ann if who == old.ann else lab.token)
        assert (now.status, now.body) == (answer.status, answer.body), path
    assert call(lab, "/jobs/", old.lab.token).status == 401
    assert call(lab, "/jobs/", old.voided).status == 401
    running = old.jobs["running"]
    job = lab.settled(running.job)
    assert (job["status"], job["verdict"]) == ("Aborted", "infrastructure")
    assert LOST in job["reason"]
    (log,) = (log for log in call(lab, f"/recipes/{running.recipe}/log-index").json["logs"] if "console" in log["path"])
    served = lab.call("GET", f"/recipes/{running.recipe}/{log['path']}")
    assert (log["state"], log["sha256"]) == ("finished", hashlib.sha256(served.body).hexdigest())
    assert lab.call("PUT", f"/recipes/{running.recipe}/logs/more.log", b"x", key=running.key).status == 403
    secret = f"/recipes/{old.jobs['private'].recipe}/tasks/{old.jobs['private'].tasks[0]}/logs/secret.log"
    assert lab.call("GET", secret, headers={"Authorization": ""}).status == 401
    assert lab.call("GET", secret).body == b"nobody's business\n"
    assert set(restored.claims.values()) == {204}
    assert lab.settled(old.jobs["queued"].job)["verdict"] == "infrastructure"


def test_events_go_on(restored: Restored) -> None:
    """A reader that was ahead of the backup goes on behind its last id, and gets only what happened since."""
    old, lab = restored.old, restored.new
    pages, after = [], old.last_event
    while page := call(lab, f"/events?limit=1000&after={after}").json["events"]:
        pages += page
        after = page[-1]["id"]
    aborted = {e["data"]["id"] for e in pages if e["topic"] == "recipe" and e["data"]["status"] == "Aborted"}
    assert aborted == restored.aborted
    assert not [event for event in pages if event["topic"] == "recipe" and event["data"]["status"] == "Running"]
    first = pages[0]["id"]
    known = call(lab, f"/events?limit=1000&after={restored.before['events'][-3]['id']}").json["events"]
    assert [event["id"] for event in known[:3]] == [*(row["id"] for row in restored.before["events"][-2:]), first]


def test_goes_on(restored: Restored) -> None:
    """New jobs get new numbers, retries run what was aborted, a key of a repeated call gives what it gave before."""
    old, lab = restored.old, restored.new
    assert (
        lab.post("/jobs/", {"recipe_sets": [{"recipes": [{"system": "bench-4", "tasks": [{"name": "t"}]}]}]})["id"]
        > old.last_id
    )
    again = lab.post(f"/jobs/{old.jobs['queued'].job}/retry", {})
    claimed = lab.claim("bench-6")
    assert claimed["job"] == again["id"] > old.last_id
    pair = [{"system": name, "tasks": [{"name": "t"}]} for name in ("bench-7", "bench-8")]
    headers = {"Content-Type": "application/json", "Idempotency-Key": "once"}
    answer = lab.call("POST", "/jobs/", json.dumps({"recipe_sets": [{"recipes": pair}]}).encode(), headers)
    assert answer.json["id"] == old.scheduled["id"]
    found = json.loads(lab.command("doctor", "--json", check=False).stdout)
    looked = {one["check"]: one["ok"] for one in found}
    assert looked["gate"]
    assert looked["database"]
    assert looked["owner"]
    # and it can be backed up into the same directory: of its logs hardly any is new
    value = json.loads(lab.command("backup", str(restored.backup), "--json").stdout)
    assert value["logs"]["kept"] > value["logs"]["copied"]
    assert (value["differing"], value["missing"]) == ([], [])

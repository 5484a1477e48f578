"""Holds a Tackroom against a ledger: what was acknowledged is there, everything that happened did so once."""

import hashlib
import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from itertools import pairwise
from typing import Any
from urllib.parse import quote

from attrs import define, field
from fleet.content import content
from fleet.ledger import Ledger, Run, WrittenLog
from fleet.line import Line, bearer
from lab import Lab

#: seconds from the last arrival in a set until everyone who waits has been told: well below what a sync asks to be held
MEETING_SECONDS = 15.0


@define
class Proof:
    """Looks at the API, the database and the disk once all jobs are settled; `wrong` is what is not as it must be."""

    lab: Lab
    ledger: Ledger
    #: jobs up to this one are not the fleet's
    before: int = 0
    wrong: list[str] = field(factory=list)
    _database: sqlite3.Connection = field(init=False)
    _line: Line = field(init=False)

    def look(self, readers: Mapping[str, list[int]]) -> list[str]:
        """Return what is wrong, nothing if all is well; `readers`: the ids of events in the order each got them."""
        self._line = Line(self.lab, self.ledger.tally, bearer(self.lab.token))
        path = self.lab.data / "tackroom.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as self._database, closing(self._line):
            self._sound()
            self._jobs()
            self._tasks()
            self._meetings()
            self._events(readers)
            finished = self._finished()
            for run in self.ledger.runs:
                self._results(run)
                self._logs(run, finished)
            self._leftovers()
        return self.wrong

    def gate(self) -> dict[int, tuple[set[str], set[str]]]:
        """Return by recipe what its gate lacks and what it has too much, nothing where gate and database agree."""
        path = self.lab.data / "tackroom.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as self._database:
            images = self._images()
        differences = {}
        for recipe, image in images.items():
            directory = self.lab.data / "gate" / str(recipe)
            names = {entry.name for entry in directory.iterdir()} if directory.is_dir() else set()
            # once all is closed, seals say nothing
            names = {name for name in names if not name.startswith("sealed-")}
            if names != image:
                differences[recipe] = (image - names, names - image)
        return differences

    def _images(self) -> dict[int, set[str]]:
        """The gate of finished recipes, as the design has it: keys, closed, private."""
        images: dict[int, set[str]] = defaultdict(set)
        rows = "SELECT recipe, bearer, basic FROM recipe_keys"
        for recipe, *hashes in self._rows(rows):
            images[recipe] |= {f"key-{one}" for one in hashes}
        for (recipe,) in self._rows("SELECT id FROM recipes WHERE finished IS NOT NULL AND assigned IS NOT NULL"):
            images[recipe].add("closed")
        for recipe, task in self._rows("SELECT recipe, id FROM tasks WHERE finished IS NOT NULL"):
            images[recipe].add(f"task-{task}.closed")
        private = "SELECT r.id FROM recipes r JOIN jobs j ON j.id = r.job WHERE j.visibility = 'private' AND r.assigned"
        for (recipe,) in self._rows(private):
            images[recipe].add("private")
        return images

    def _sound(self) -> None:
        self._same(self._rows("PRAGMA integrity_check"), [("ok",)], "the database's integrity")
        for trouble in self.ledger.troubles:
            self.wrong.append(trouble)

    def _jobs(self) -> None:
        known = Counter(name for (name,) in self._rows("SELECT name FROM jobs WHERE id > ?", self.before))
        self._same(known, Counter(job.name for job in self.ledger.jobs), "the jobs, each once")
        settled = dict(self._rows("SELECT id, settled FROM jobs"))
        for job in self.ledger.jobs:
            self._same(settled.get(job.id), 1, f"job {job.id} settled")
        rows = self._rows("SELECT id FROM recipes WHERE job > ? AND late", self.before)
        late = [recipe for (recipe,) in rows]
        self._same(late, [], "recipes that were settled late")

    def _tasks(self) -> None:
        """Each recipe was run once, on the system that got it; its tasks are what their harness was told they are."""
        systems = dict(self._rows("SELECT id, system FROM recipes WHERE job > ?", self.before))
        ran = Counter(run.recipe for run in self.ledger.runs)
        self._same(set(ran), set(systems), "the recipes that ran")
        self._same([recipe for recipe, times in ran.items() if times > 1], [], "recipes that ran twice")
        statuses = dict(self._rows("SELECT id, status FROM tasks"))
        moves = self._moves()
        for run in self.ledger.runs:
            self._same(systems.get(run.recipe), run.system, f"the system of recipe {run.recipe}")
            for task, status in run.statuses.items():
                self._same(statuses.get(task), status, f"task {task}")
                self._same(moves[task], ["Running", status], f"what events tell of task {task}")

    def _moves(self) -> dict[int, list[str]]:
        """What each task became, in order, as the events tell; they tell its result as well, which is no move."""
        moves: dict[int, list[str]] = defaultdict(list)
        for data in self._told("task"):
            if moves[data["id"]][-1:] != [data["status"]]:
                moves[data["id"]].append(data["status"])
        return moves

    def _meetings(self) -> None:
        """Everybody who waits is told soon after the last has come; nobody is told before."""
        meetings = defaultdict(list)
        for one in self.ledger.meetings:
            meetings[one.job, one.state].append(one)
        for (job, state), members in meetings.items():
            took = max(one.told for one in members) - max(one.arrived for one in members)
            if took > MEETING_SECONDS:
                self.wrong.append(f"job {job}: {state} was told {took:.1f} s after the last had arrived")

    def _events(self, readers: Mapping[str, list[int]]) -> None:
        ids = [number for (number,) in self._rows("SELECT id FROM events ORDER BY id")]
        for name, seen in readers.items():
            self._same(all(one < other for one, other in pairwise(seen)), True, f"{name}: ids that grow")
            # it read up to the last that there was then
            there = {number for number in ids if number <= seen[-1]}
            differences = sorted(there - set(seen))[:10], sorted(set(seen) - there)[:10]
            self._same(differences, ([], []), f"{name}: events missed, events invented")

    def _finished(self) -> Counter[tuple[int, str]]:
        """How often each log was said to be finished."""
        told = self._told("log")
        return Counter((data["recipe"], data["path"]) for data in told if data["state"] == "finished")

    def _results(self, run: Run) -> None:
        path = f"/recipes/{run.recipe}/results"
        found = {result["id"]: result for result in self._pages(path, "results") if result["source"] == "harness"}
        times = Counter(result["message"] for result in found.values())
        for reported in run.results:
            what = f"result {reported.id} of recipe {run.recipe}"
            result = found.get(reported.id, {})
            self._same(
                (result.get("task"), result.get("message"), result.get("result")),
                (reported.task, reported.message, reported.result),
                what,
            )
            most = 1 if reported.once else reported.attempts
            self._same(1 <= times[reported.message] <= most, True, f"{what}: there {times[reported.message]} times")
        known = {reported.message for reported in run.results}
        if not run.abandoned:
            self._same(set(times) - known, set(), f"results of recipe {run.recipe} that nobody reported")

    def _logs(self, run: Run, finished: Counter[tuple[int, str]]) -> None:
        listed = {log["path"]: log for log in self._pages(f"/recipes/{run.recipe}/log-index", "logs")}
        self._same(set(listed), set(run.logs), f"the logs of recipe {run.recipe}")
        for path, log in run.logs.items():
            what = f"{run.recipe}/{path}"
            body = content(log.seed, 0, log.size)
            self._bytes(log, body, what)
            index = listed.get(path, {})
            self._same(
                (index.get("state"), index.get("size"), index.get("sha256")),
                ("finished", log.size, hashlib.sha256(body).hexdigest()),
                f"the index of {what}",
            )
            self._same(finished[run.recipe, path], 1, f"events that say that {what} is finished")

    def _bytes(self, log: WrittenLog, body: bytes, what: str) -> None:
        file = self.lab.data / "logs" / "recipes" / str(log.recipe) / log.path
        on_disk = file.read_bytes() if file.is_file() else None
        self._same(on_disk == body, True, f"{what} on disk, {len(body)} bytes")
        served = self._line.call("read", "GET", f"/recipes/{log.recipe}/{quote(log.path)}")
        self._same((served.status, served.body == body), (200, True), f"{what} as it is served")

    def _leftovers(self) -> None:
        """No upload that was cut off has left a file."""
        left = [str(path) for path in (self.lab.data / "logs").rglob(".*") if path.is_file()]
        self._same(left, [], "temporary files")
        said = self.lab.words()
        if "Traceback" in said:
            self.wrong.append("a traceback: " + said[said.index("Traceback") :][:3000])

    def _pages(self, path: str, name: str) -> Iterator[Any]:
        following: str | None = f"{path}?limit=1000"
        while following is not None:
            reply = self._line.call("read", "GET", following)
            value = json.loads(reply.body)
            self._same(reply.status, 200, following)
            yield from value[name]
            following = None if value["next"] is None else f"{path}{value['next'][value['next'].index('?') :]}"

    def _told(self, topic: str) -> Iterator[dict[str, Any]]:
        for (data,) in self._database.execute("SELECT data FROM events WHERE topic = ? ORDER BY id", (topic,)):
            yield json.loads(data)

    def _rows(self, query: str, *values: int) -> list[tuple[Any, ...]]:
        return self._database.execute(query, values).fetchall()

    def _same(self, found: object, expected: object, what: str) -> None:
        if found != expected:
            self.wrong.append(f"{what}: {found!r}, not {expected!r}")

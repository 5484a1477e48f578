"""Whether the program agrees with the model: the API, the database, the gate, the disk, and httpd's own words."""

import hashlib
import re
import sqlite3
import time
from pathlib import Path
from typing import Any

from attrs import define, field
from lab import Lab
from machine.model import ANY, CANCEL_SECONDS, Job, Log, Recipe
from machine.wire import Wire
from waiting import until

#: how long the gate may take where a process of its own makes it so; design.md: a watchdog within 5 s
BACKGROUND_SECONDS = 15.0
#: how long a gate file may be there still, or not be there yet, when another process has just settled the recipe
GATE_SECONDS = 3.0

#: what an installer says, and where it is told
INSTALLER = {
    "install_start": "install_started",
    "install_done": "install_finished",
    "postinstall_done": "postinstall_finished",
}
#: port, method, status and who answered, in httpd's access log
_LINE = re.compile(rb"client=\S+:([0-9]+)p? (\S+) ([0-9]+) by=(\S+).*\n")


@define
class Agreement:
    """Looks at everything."""

    lab: Lab
    wire: Wire
    admin: str
    _database: sqlite3.Connection = field(init=False)
    #: how many bytes of the access log were read
    _read: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Open the database for reading only."""
        path = self.lab.data / "tackroom.db"
        self._database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
        self._read = (self.lab.data / "run" / "access.log").stat().st_size

    def close(self) -> None:
        """Let the database go."""
        self._database.close()

    def look(self, job: Job) -> None:
        """Compare all that is cheap to ask for."""
        answer = self.wire.call("GET", f"/jobs/{job.id}", authorization=self.admin, quiet=True)
        assert answer.status == 200, answer
        value = answer.json
        (group,) = value["recipe_sets"]
        for recipe, told in zip(job.recipes, group["recipes"], strict=True):
            self._recipe(recipe, told)
            self._roles(job, recipe)
        result = max((recipe.result for recipe in job.recipes), key=_severity)
        same((value["status"], value["result"]), (job.status, result), "the job")
        same(group["status"], job.status, "the set")
        assert value["settled"] == all(told["settled"] for told in group["recipes"])
        if value["settled"]:
            same(value["verdict"], job.verdict, "the verdict")
        for recipe in job.recipes:
            self._rows(recipe)
            self.gate(recipe)
            self.disk(recipe)

    def _recipe(self, recipe: Recipe, told: dict[str, Any]) -> None:
        facts = (told["id"], told["status"], told["result"], told["system"], told["role"])
        expected = (recipe.id, recipe.status, recipe.result, recipe.system.name, recipe.role)
        same(facts, expected, f"recipe {recipe.id}")
        if recipe.reason is not ANY:
            same(told["reason"], recipe.reason, f"the reason of {recipe.id}")
        if recipe.watchdog is None:
            same(told["watchdog"], None, f"the watchdog of {recipe.id}")
        else:
            now = time.time()
            least, most = recipe.watchdog.first - now - 2, recipe.watchdog.last - now + 1
            assert told["watchdog"] is not None and least <= told["watchdog"] <= most, (recipe.id, told["watchdog"])
        if told["settled"]:
            assert recipe.closed, f"{recipe.id} is settled before its logs are closed"
            recipe.settle()
        assert told["settled"] or not recipe.settled, f"{recipe.id} is no longer settled"
        if recipe.closing is not None or not told["cancelling"]:
            cancelling = recipe.closing is not None and recipe.status == "Cancelled"
            same(told["cancelling"], cancelling, f"whether {recipe.id} is being cancelled")
        assert not (told["cancelling"] and told["settled"]), f"{recipe.id} is settled, and being cancelled"
        for word, column in INSTALLER.items():
            same(told[column] is not None, word in recipe.installs, f"{column} of {recipe.id}")
        for task, said in zip(recipe.tasks, told["tasks"], strict=True):
            facts = (said["id"], said["name"], said["status"], said["result"], said["version"])
            same(facts, (task.id, task.name, task.status, task.result, task.version), f"task {task.id}")
            same(
                (said["started"] is not None, said["finished"] is not None), (task.started, task.finished), "its times"
            )

    def _roles(self, job: Job, recipe: Recipe) -> None:
        """Who has which role: of the recipes, and of the tasks at the same place."""
        headers = {"Accept": "application/json"}
        told = self.wire.call("GET", f"/recipes/{recipe.id}/", b"", headers, authorization=self.admin, quiet=True).json
        if not recipe.assigned or recipe.status == "Scheduled":
            same([told["roles"], *(task["roles"] for task in told["tasks"])], [None, None, None], "the roles")
        elif all(peer.assigned for peer in job.recipes):
            first, second = (peer.system.name for peer in job.recipes)
            same(told["roles"], {"SERVERS": [first], "CLIENTS": [second]}, "the recipes' roles")
            told_roles = [task["roles"] for task in told["tasks"]]
            expected = [{"STANDALONE": [first, second]}, {"DRIVER": [first], "STANDALONE": [second]}]
            same(told_roles, expected, "the tasks' roles")

    def _rows(self, recipe: Recipe) -> None:
        """The database itself: its watchdog, keys, results, states and logs."""

        def rows(query: str) -> list[tuple[Any, ...]]:
            return self._database.execute(query, (recipe.id,)).fetchall()

        ((watchdog,),) = rows("SELECT watchdog FROM recipes WHERE id = ?")
        same(watchdog is not None, recipe.watchdog is not None, "the watchdog's row")
        stored = {name for row in rows("SELECT bearer, basic FROM recipe_keys WHERE recipe = ?") for name in row}
        same(
            {f"key-{name}" for name in stored}, {n for n in recipe.gate()[0] if n.startswith("key-")}, "the keys' rows"
        )
        columns = "id, task, path, result, score, message"
        found = rows(f"SELECT {columns} FROM results WHERE recipe = ? ORDER BY id")  # noqa: S608 - our own words
        same([row[1:5] for row in found], [(r.task, r.path, r.result, r.score) for r in recipe.results], "the results")
        for row, result in zip(found, recipe.results, strict=True):
            assert result.message in (row[5], ANY) and result.id in (row[0], None), (row, result)
        said = {row[0] for row in rows("SELECT state FROM sync_states WHERE recipe = ?")}
        same(said, set(recipe.said), "the states' rows")
        listed = {row[0] for row in rows("SELECT path FROM logs WHERE recipe = ?")}
        must = {path for path, log in recipe.logs.items() if log.registered}
        may = {path for path, log in recipe.logs.items() if log.registered or log.content or log.doubtful}
        assert must <= listed <= may, f"logs of {recipe.id}: {sorted(listed)}, not {sorted(must)} to {sorted(may)}"

    def gate(self, recipe: Recipe) -> None:
        """The gate's files; what another process makes or removes may take a moment."""
        must, may = recipe.gate()
        found: set[str] = set()

        def agrees() -> bool:
            nonlocal found
            found = self.names(recipe)
            return must <= found <= may

        deadline = time.monotonic() + (GATE_SECONDS if recipe.closed else 0)
        while not agrees():
            assert time.monotonic() < deadline, f"the gate of {recipe.id} lacks {must - found}, and has {found - may}"
            time.sleep(0.02)

    def names(self, recipe: Recipe) -> set[str]:
        """The gate files that are there."""
        directory = self.lab.data / "gate" / str(recipe.id)
        return {path.name for path in directory.iterdir()} if directory.is_dir() else set()

    def disk(self, recipe: Recipe) -> None:
        """The files of its logs."""
        root = self.lab.data / "logs" / "recipes" / str(recipe.id)
        found = {str(path.relative_to(root)): path.read_bytes() for path in _files(root)}
        expected = {path: log.content for path, log in recipe.logs.items()}
        same(set(found), set(expected), f"the files of {recipe.id}")
        for path, content in expected.items():
            same(found[path], content, f"the bytes of {recipe.id}/{path}")

    def closing(self, recipe: Recipe) -> None:
        """Wait until the logs of a recipe that was aborted or cancelled are closed, which must not be too early."""
        assert recipe.closing is not None
        window = recipe.closing
        while "closed" not in self.names(recipe):
            assert time.time() < window.last + BACKGROUND_SECONDS, f"the logs of {recipe.id} stay open"
            time.sleep(0.02)
        assert time.time() > window.first - 0.05, f"the logs of {recipe.id} were closed too early"
        recipe.close()

    def settled(self, job: Job) -> None:
        """Wait until a finished job is settled, and compare what is final."""

        def there() -> Any:
            answer = self.wire.call("GET", f"/jobs/{job.id}", authorization=self.admin, quiet=True)
            assert answer.status == 200, answer
            return answer.json["settled"]

        for recipe in job.recipes:
            if recipe.closing is not None:
                self.closing(recipe)
        until(there, f"the settling of job {job.id}", 60 + CANCEL_SECONDS)
        self.look(job)
        for recipe in job.recipes:
            same({name for name in self.names(recipe) if name.startswith("ip-")}, set(), f"addresses of {recipe.id}")
            ((late,),) = self._database.execute("SELECT late FROM recipes WHERE id = ?", (recipe.id,)).fetchall()
            assert not late, f"recipe {recipe.id} was settled late"
            answer = self.wire.call("GET", f"/recipes/{recipe.id}/log-index", authorization=self.admin, quiet=True)
            told = {log["path"]: (log["size"], log["sha256"], log["state"]) for log in answer.json["logs"]}
            for path, log in recipe.logs.items():
                if path in told or _listed(log):
                    same(told.get(path), (len(log.content), _sha256(log.content), "finished"), f"{recipe.id}/{path}")
            assert set(told) <= {path for path, log in recipe.logs.items() if _listed(log) or log.doubtful}

    def access_log(self) -> None:
        """Compare httpd's access log, from where it was read last, with who should have answered the calls since."""
        path = self.lab.data / "run" / "access.log"
        expected = list(self.wire.calls)
        ports = {call.port for call in expected}

        def lines() -> list[re.Match[bytes]]:
            with path.open("rb") as file:
                file.seek(self._read)
                found = _LINE.finditer(file.read())
            return [line for line in found if int(line[1]) in ports]

        until(lambda: len(lines()) >= len(expected), "the access log", 5)
        # by connection: a line may be written after the first one of the next connection
        read = sorted(lines(), key=lambda line: int(line[1]))
        expected.sort(key=lambda call: call.port)
        for line, call in zip(read, expected, strict=True):
            port, method, status, by = line[1], line[2].decode(), line[3], line[4].decode()
            same((int(port), method, int(status)), (call.port, call.method, call.status), "the access log")
            assert call.by in (None, by), f"{line[0]!r} was to be answered by {call.by}"
        self._read += max((line.end() for line in read), default=0)
        self.wire.calls.clear()


def same(found: object, expected: object, what: str) -> None:
    """Fail when the program's word differs from the model's."""
    assert found == expected, f"{what}: it is {found!r}, the model says {expected!r}"


def _files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and not path.name.startswith(".davfs.tmp")]


def _listed(log: Log) -> bool:
    return bool(log.content) or (log.registered and not log.doubtful)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _severity(result: str) -> int:
    return ("New", "None", "Skip", "Pass", "Warn", "Fail", "Panic").index(result)

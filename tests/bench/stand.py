"""An application in this process over stored work: what each call costs, in milliseconds of its processor time.

Without a server around it: what is measured is what we do, not what else the machine does meanwhile.
"""

import base64
import gc
import io
import json
import shutil
import statistics
import tempfile
import time
import xmlrpc.client
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from attrs import define, field, frozen
from emptydata import lay_out
from lab import Answer
from sqlalchemy import ColumnElement, Connection, Table, insert, literal, literal_column, select, true, update

from wsgi_app.app import Application, create_app
from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
from wsgi_app.store import schema

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
#: columns that hold numbers of the one sequence, by table
NUMBERS: dict[str, tuple[str, ...]] = {
    "jobs": ("id",),
    "job_documents": ("job",),
    "recipe_sets": ("id", "job"),
    "recipes": ("id", "job", "recipe_set"),
    "tasks": ("id", "recipe"),
    "results": ("id", "recipe", "task"),
    "logs": ("recipe", "task", "result"),
    "recipe_keys": ("recipe",),
    "events": ("job",),
}
#: tables whose rows are numbered by SQLite itself
OWN_NUMBERS = frozenset({"recipe_keys", "events"})


@frozen
class Work:
    """A recipe of one task that a system has, and its harness's key."""

    job: int
    recipe: int
    task: int
    key: str

    @property
    def path(self) -> str:
        """Where its task is."""
        return f"/recipes/{self.recipe}/tasks/{self.task}"

    @property
    def console(self) -> str:
        """Its console log, below its recipe."""
        return f"tasks/{self.task}/logs/taskout.log"


@define
class Stand:
    """One application, and what its calls have taken."""

    size: int
    settings: Mapping[str, Any] = field(factory=dict)
    place: Path = field(factory=lambda: Path(tempfile.mkdtemp(prefix="tackroom-bench-")))
    app: Application = field(init=False)
    #: the administrator's credentials, as every protocol takes them
    admin: str = field(init=False)
    took: dict[str, list[float]] = field(factory=lambda: defaultdict(list))
    #: how many things a call returned, where that is what it costs
    units: dict[str, int] = field(factory=dict)
    #: numbers that no two ask for twice
    numbers: Iterator[int] = field(factory=lambda: count(1))

    def __attrs_post_init__(self) -> None:
        """Open it, with a system."""
        config = Config(data=self.place / "data", front="none", **self.settings)
        lay_out(config)
        self.app = create_app(config)
        self.gateway.access.issue_admin_token()
        pair = f"admin:{config.admin_token.read_text().strip()}"
        self.admin = "Basic " + base64.b64encode(pair.encode()).decode()
        self.add_system("board")

    @property
    def gateway(self) -> Gateway:
        """Core's door."""
        return self.app.gateway

    def close(self) -> None:
        """Take it away."""
        self.gateway.close()
        shutil.rmtree(self.place)

    def call(self, method: str, url: str, body: bytes = b"", kind: str = JSON, key: str = "", **headers: str) -> Answer:
        """Make a call as administrator, or with a key; it must be taken."""
        path, _, query = url.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_AUTHORIZATION": f"Bearer {key}" if key else self.admin,
            "HTTP_ACCEPT": "*/*",
            "CONTENT_LENGTH": str(len(body)),
            "CONTENT_TYPE": kind,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.input_terminated": True,
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
            **{f"HTTP_{name.upper()}": value for name, value in headers.items()},
        }
        told: list[Any] = []
        answer = self.app(environ, lambda status, headers, *_: told.extend((status, headers)))
        try:
            whole = b"".join(answer)
        finally:
            if hasattr(answer, "close"):
                answer.close()
        assert told[0][0] == "2", (method, url, told, whole[:500])
        return Answer(int(told[0][:3]), dict(told[1]), whole)

    def rpc(self, method: str, *params: Any) -> Any:
        """Make an XML-RPC call."""
        body = xmlrpc.client.dumps(params, method, allow_none=True).encode()
        return xmlrpc.client.loads(self.call("POST", "/RPC2", body, "text/xml").body, use_builtin_types=True)[0][0]

    def measure(self, what: str, work: Callable[[], Any], units: int = 0) -> Any:
        """Do something and note what it took; `units`: how many things it is about, if it costs so much for each."""
        # what others have left is not its cost, nor is what it leaves to others
        gc.disable()
        began = time.process_time()
        found = work()
        self.took[what].append((time.process_time() - began) * 1000)
        gc.enable()
        if units:
            self.units[what] = units
        return found

    def cost(self, what: str) -> float:
        """Return the median of what it took, for one of its units if it has some: ms of the processor.

        The first time, when things are compiled and cached, counts only if it was the only one.
        """
        times = self.took[what]
        return statistics.median(times[1:] or times) / self.units.get(what, 1)

    def add_system(self, name: str) -> None:
        """Add a system."""
        self.call("POST", "/systems/", json.dumps({"name": name}).encode())

    def submit(self, system: str = "board", recipes: int = 1) -> Any:
        """Submit a job of so many recipes for a system, and return it."""
        recipe = {"system": system, "tasks": [{"name": "smoke", "command": ["true"]}]}
        body = json.dumps({"name": "bench", "recipe_sets": [{"recipes": [recipe]}] * recipes}).encode()
        return self.call("POST", "/jobs/", body).json

    def claim(self, job: Any, system: str = "board") -> Work:
        """Claim what was submitted."""
        found = self.call("POST", f"/systems/{system}/claim?wait=0").json
        return Work(job["id"], found["id"], found["tasks"][0]["id"], found["key"])

    def status(self, work: Work, status: str) -> None:
        """Say that the task runs, or has ended."""
        self.call("POST", f"{work.path}/status", f"status={status}".encode(), FORM, work.key)

    def report(self, work: Work) -> int:
        """Report a result."""
        body = b"result=Pass&path=/a/check&score=1&message=as+it+should+be"
        return int(self.call("POST", f"{work.path}/results/", body, FORM, work.key).headers["Location"])

    def put(self, work: Work, name: str, first: int, body: bytes) -> int:
        """PUT a range of a log of the task, and return the status."""
        span = f"bytes {first}-{first + len(body) - 1}/*"
        path = f"{work.path}/logs/{name}"
        return self.call("PUT", path, body, "text/plain", work.key, content_range=span).status

    def store(self, write: Callable[[Connection], None]) -> None:
        """Write into the database past the application."""
        with self.gateway._ground.db.write() as tx:
            write(tx)


def begun(stand: Stand) -> Work:
    """Submit a job, claim it and start its task."""
    work = stand.claim(stand.submit())
    stand.status(work, "Running")
    return work


def multiply(tx: Connection, table: Table, where: ColumnElement[bool], times: int, **changed: str) -> None:
    """Store rows so many times more: `n` counts the copies from 1 in the SQL expressions of what is changed."""
    first = select(literal(1).label("n")).where(literal(times) > 0).cte("copy", recursive=True)
    copy = first.union_all(select(first.c.n + 1).where(first.c.n < times))
    values = [literal_column(changed[column.name]) if column.name in changed else column for column in table.columns]
    rows = select(*values).select_from(copy).join(table, true()).where(where)
    tx.execute(insert(table).from_select([column.name for column in table.columns], rows))


def copy_jobs(tx: Connection, job: int, times: int) -> None:
    """Store a job so many times more, with all that belongs to it."""
    span = tx.execute(select(schema.id_sequence.c.last)).scalar_one()
    mine = select(schema.recipes.c.id).where(schema.recipes.c.job == job)
    for name, numbers in NUMBERS.items():
        table = schema.metadata.tables[name]
        if name == "jobs":
            where = table.c.id == job
        else:
            where = table.c.job == job if "job" in numbers else table.c.recipe.in_(mine)
        changed = {number: f"{name}.{number} + n * {span}" for number in numbers}
        if name in OWN_NUMBERS:
            changed["id"] = "NULL"
        if name == "logs":
            changed["path"] = f"replace(path, 'tasks/' || task, 'tasks/' || (task + n * {span}))"
        multiply(tx, table, where, times, **changed)
    leave_out(tx, span * times)


def leave_out(tx: Connection, count: int) -> None:
    """Let so many ids count as given out."""
    tx.execute(update(schema.id_sequence).values(last=schema.id_sequence.c.last + count))

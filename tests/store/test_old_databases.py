"""Databases as earlier releases left them, with data: brought up to date whole, or left as they are."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from dbrows import Rows, rows

from wsgi_app.config import Config
from wsgi_app.core.gateway import open_gateway
from wsgi_app.errors import Conflict
from wsgi_app.model import Caller
from wsgi_app.states import RecipeStatus
from wsgi_app.store.migrations import newest

OLD = sorted((Path(__file__).parent / "old").glob("*.sql"))

#: what columns hold that came later, by the row as it is
NEW: dict[tuple[str, str], Any] = {
    ("jobs", "warnings"): [],
    ("jobs", "reason"): None,
    ("recipes", "install_started"): None,
    ("recipes", "install_finished"): None,
    ("recipes", "postinstall_finished"): None,
    ("recipes", "waits_for"): None,
    ("recipes", "waits_until"): None,
    ("recipes", "damaged"): 0,
    ("systems", "last_recipe"): lambda row: row["recipe"],
    ("tasks", "reported_name"): None,
    ("recipe_keys", "claimed"): 0,
    ("logs", "request"): None,
    ("logs", "signalled"): 0,
    ("jobs", "campaign"): 0,
    ("recipes", "taken"): lambda row: row["assigned"],
    ("recipes", "archive_secret"): None,
    ("tasks", "later"): 0,
    ("tasks", "lost"): 0,
    ("tasks", "live"): 0,
    ("jobs", "metadata"): {},
    ("recipes", "cause"): None,
    ("results", "measurement"): None,
    ("results", "units"): None,
    ("systems", "description"): "",
    ("systems", "owner"): None,
    ("recipe_sets", "version"): 0,
    # of the others, one came of a log, or there are none
    ("recipes", "reported"): lambda row: int(row["id"] == 7),
    ("recipes", "log_bytes"): lambda row: {3: 1244, 7: 3}.get(row["id"], 0),
    ("recipes", "log_count"): lambda row: int(row["id"] in (3, 7)),
}

#: rows of tables that came later
NEW_ROWS: dict[str, list[dict[str, Any]]] = {
    "lab": [{"health": "active", "description": "", "most_recipes": None}],
    "readers": [{"name": "notices", "reached": 30}],
}

#: upgrades the database, and is killed by the kernel at a chosen statement; prints at how many of them it was
KILLED = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import Engine, event
from wsgi_app.store.db import Database
import wsgi_app.store.migrations

source = Path(sys.argv[1]).read_bytes()
seen, last = 0, None

@event.listens_for(Engine, "before_cursor_execute")
def count(*call):
    global seen
    seen += 1
    if seen == last:
        os.kill(os.getpid(), signal.SIGKILL)

def upgrade(path):
    database = Database(path)
    database.upgrade()
    database.close()

whole = Path(sys.argv[2]) / "whole.db"
whole.write_bytes(source)
upgrade(whole)
total = seen
points = sorted({total, total - 1, *range(2, total, max(1, total // 8))})
for point in points:
    seen, last = 0, point
    path = Path(sys.argv[2]) / f"{point}.db"
    path.write_bytes(source)
    child = os.fork()
    if child == 0:
        upgrade(path)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, (point, status)
print(*points)
"""


def make(path: Path, old: Path) -> Rows:
    """Make the old database, and return its rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(old.read_text(encoding="utf-8"))
    return rows(path)


def expected(before: Rows, after: Rows) -> Rows:
    """Return what the rows should be in the tables that there are now."""
    wanted = {}
    for table, now in after.items():
        old = before.get(table, NEW_ROWS.get(table, []))
        if table == "idempotency" and "user" in old[0]:
            old = [
                {
                    "scope": f"user {r['user']}",
                    "key": r["key"],
                    "request": "",
                    "made": r["job"],
                    "created": r["created"],
                }
                for r in old
            ]
        wanted[table] = [
            {column: row[column] if column in row else _new(table, column, row) for column in now[0]} for row in old
        ]
    wanted["alembic_version"] = [{"version_num": newest()}]
    return wanted


def _new(table: str, column: str, row: dict[str, Any]) -> Any:
    value = NEW[table, column]
    return value(row) if callable(value) else value


def test_each_revision_is_there() -> None:
    """Every revision but the newest has a database here; whoever adds one adds the one before."""
    versions = Path(open_gateway.__globals__["__file__"]).parents[1] / "store" / "migrations" / "versions"
    assert [path.stem for path in OLD] == sorted(path.name[:4] for path in versions.glob("0*.py"))[:-1]


@pytest.mark.parametrize("old", OLD, ids=lambda path: path.stem)
def test_upgraded_with_its_data(config: Config, old: Path) -> None:
    """Every row is there as it was, what came later holds what it should, and it is a database that works."""
    before = make(config.database, old)
    assert all(before[table] for table in before), "every table has a row"
    gateway = open_gateway(config)
    after = rows(config.database)
    assert after == expected(before, after)
    gateway.access.issue_admin_token()
    admin = Caller(f"Bearer {config.admin_token.read_text().strip()}", "")
    assert [job.id for job in gateway.jobs.page(admin)] == [11, 5, 1]
    assert gateway.recipes.get(admin, 7).recipe.status is RecipeStatus.RUNNING
    assert [event.id for event in gateway.events.page(admin)] == [10, 20, 30]
    assert [(result.path, result.line) for result in gateway.results.of_recipe(admin, 3)] == [("/boot", 17)]
    gateway.recipes.abort(admin, 7, "enough")
    gateway.jobs.retry(admin, 1)
    fresh = gateway.jobs.page(admin)[0]
    assert (fresh.retry_of, fresh.id) == (1, 17), "ids and events count on"
    assert gateway.events.page(admin)[3].id == 31
    with closing(sqlite3.connect(config.database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    gateway.close()


def test_killed_while_it_is_upgraded(tmp_path: Path) -> None:
    """Killed at any statement, the last included, it has left the old database as it was; the next start does it."""
    source = tmp_path / "old.db"
    before = make(source, OLD[0])
    (tmp_path / "killed").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(source), str(tmp_path / "killed")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    points = done.stdout.split()
    assert len(points) >= 8
    for point in points:
        path = tmp_path / "killed" / f"{point}.db"
        assert rows(path) == before, point
        data = tmp_path / f"data{point}"
        data.mkdir()
        path.rename(data / "tackroom.db")
        open_gateway(Config(data=data)).close()
        after = rows(data / "tackroom.db")
        assert after == expected(before, after), point


def test_a_newer_one_is_refused(config: Config) -> None:
    """A database of a newer program is not touched, and whoever starts this one is told."""
    open_gateway(config).close()
    with closing(sqlite3.connect(config.database)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = rows(config.database)
    with pytest.raises(
        Conflict, match=r"is of a newer Tackroom \(schema 9999, this one knows \d{4}\): run that one, or"
    ):
        open_gateway(config)
    assert rows(config.database) == before


def test_another_programs_is_refused(config: Config) -> None:
    """Nothing is added to a database that is not ours."""
    config.data.mkdir(parents=True)
    with closing(sqlite3.connect(config.database)) as connection, connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    with pytest.raises(Conflict, match="is a database of some other program"):
        open_gateway(config)
    assert json.dumps(rows(config.database)) == '{"bookmarks": []}'

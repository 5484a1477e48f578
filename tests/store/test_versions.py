"""Triggers: the version of a recipe set goes up with whatever a document shows, whoever changes it, and only then."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from emptydata import lay_out

from wsgi_app.config import Config
from wsgi_app.store.schema import metadata

#: columns that no document shows, by table; every other one raises the version
HIDDEN = {
    "jobs": (
        "visibility priority status cancelling settled result verdict reason submitted started finished retry_of "
        "warnings campaign metadata"
    ),
    "recipes": "watchdog taken closes waits_for waits_until reported log_bytes log_count",
    "tasks": "closes lost live",
    "results": "log line measurement units",
    "logs": ("registered size state declared_size declared_sha256 sha256 lines offsets format marks request signalled"),
}
#: what a row is, and whose it is: nobody changes that
FIXED = {"id", "job", "recipe_set", "recipe"}

COLUMNS = [
    pytest.param(table, column.name, column.name not in HIDDEN[table].split(), id=f"{table}.{column.name}")
    for table in HIDDEN
    for column in metadata.tables[table].columns
    if column.name not in FIXED
]

ROWS = """
INSERT INTO jobs (id, name, owner, visibility, priority, status, cancelling, settled, result, submitted)
  VALUES (1, 'j', 'ann', 'public', 50, 'Running', 0, 0, 'New', 1),
    (21, 'k', 'ann', 'public', 50, 'Queued', 0, 0, 'New', 1);
INSERT INTO recipe_sets (id, job, stage, status)
  VALUES (2, 1, 0, 'Running'), (3, 1, 0, 'Running'), (22, 21, 0, 'Queued');
INSERT INTO recipes (id, job, recipe_set, requires, status, cancelling, settled, late, result, stop_on_fail)
  VALUES (4, 1, 2, '{}', 'Running', 0, 0, 0, 'New', 0), (5, 1, 3, '{}', 'Running', 0, 0, 0, 'New', 0);
INSERT INTO tasks (id, recipe, name, params, status, result)
  VALUES (6, 4, 't', '{}', 'Running', 'New'), (7, 5, 't', '{}', 'Running', 'New');
INSERT INTO results (id, recipe, task, result, source, time)
  VALUES (8, 4, 6, 'Pass', 'harness', 1), (9, 4, 6, 'Pass', 'log', 1), (10, 5, 7, 'Pass', 'harness', 1);
INSERT INTO logs (recipe, path, task, registered, size, state, marks) VALUES (4, 'logs/a', NULL, 1, 0, 'growing', '[]');
"""
#: the row of each table that recipe set 2 shows
ROW = {"jobs": "id = 1", "recipes": "id = 4", "tasks": "id = 6", "results": "id = 8", "logs": "recipe = 4"}


@pytest.fixture
def database(config: Config) -> Iterator[sqlite3.Connection]:
    """A database with two sets of a job, and one of another, as the sqlite3 shell opens it: nothing of ours."""
    lay_out(config)
    with closing(sqlite3.connect(config.database, isolation_level=None)) as connection:
        connection.executescript(ROWS)
        yield connection


def versions(database: sqlite3.Connection) -> list[int]:
    """The versions of sets 2, 3 and 22."""
    return [version for (version,) in database.execute("SELECT version FROM recipe_sets ORDER BY id")]


def raised(database: sqlite3.Connection, statement: str) -> list[bool]:
    """Whose versions a statement raises."""
    before = versions(database)
    assert database.execute(statement).rowcount == 1
    return [new > old for old, new in zip(before, versions(database), strict=True)]


@pytest.mark.parametrize(("table", "column", "shown"), COLUMNS)
def test_each_column(database: sqlite3.Connection, table: str, column: str, shown: bool) -> None:
    """A column that is shown raises the version of the row's set, a job's those of all its sets; no other does."""
    statement = " ".join(("UPDATE", table, "SET", column, "= '1' WHERE", ROW[table]))
    assert raised(database, statement) == [shown, shown and table == "jobs", False]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO recipes (id, job, recipe_set, requires, status, cancelling, settled, late, result, stop_on_fail) "
        "VALUES (11, 1, 2, '{}', 'Queued', 0, 0, 0, 'New', 0)",
        "INSERT INTO tasks (id, recipe, name, params, status, result) VALUES (11, 4, 'u', '{}', 'Waiting', 'New')",
        "INSERT INTO results (id, recipe, task, result, source, time) VALUES (11, 4, 6, 'Fail', 'harness', 1)",
        "INSERT INTO logs (recipe, path, registered, size, state, marks) VALUES (4, 'logs/b', 1, 0, 'growing', '[]')",
        "DELETE FROM results WHERE id = 8",
        "DELETE FROM logs WHERE recipe = 4",
        "DELETE FROM tasks WHERE id = 6",
        "DELETE FROM recipes WHERE id = 4",
    ],
)
def test_rows_that_come_and_go(database: sqlite3.Connection, statement: str) -> None:
    """A new row raises the version of its set, and so does one that goes."""
    assert raised(database, statement) == [True, False, False]


def test_what_logs_tell_is_not_shown(database: sqlite3.Connection) -> None:
    """Results that were found in logs come, change and go without a trace, and are not counted."""
    for statement in (
        "INSERT INTO results (id, recipe, task, result, source, time) VALUES (11, 4, 6, 'Fail', 'log', 1)",
        "UPDATE results SET message = 'm', result = 'Warn' WHERE id = 9",
        "DELETE FROM results WHERE id = 9",
    ):
        assert raised(database, statement) == [False, False, False]
    assert counted(database) == [1, 1]


def test_reported_results_are_counted(database: sqlite3.Connection) -> None:
    """A recipe's count is that of its rows, however many come and go at once."""
    database.execute(
        "INSERT INTO results (id, recipe, task, result, source, time) "
        "SELECT id + 100, recipe, task, result, source, time FROM results"
    )
    assert counted(database) == [2, 2]
    database.execute("DELETE FROM results WHERE recipe = 4")
    assert counted(database) == [0, 2]


def counted(database: sqlite3.Connection) -> list[int]:
    """How many results of recipes 4 and 5 were reported."""
    return [number for (number,) in database.execute("SELECT reported FROM recipes ORDER BY id")]


def test_logs_are_counted(database: sqlite3.Connection) -> None:
    """What a recipe's logs come to is what its rows say, however they come, grow, shrink and go."""
    for statement in (
        "INSERT INTO logs (recipe, path, task, registered, size, state, marks) VALUES "
        "(4, 'b', 6, 1, 5, 'growing', '[]'), (4, 'c', 6, 1, 7, 'growing', '[]'), (5, 'b', 7, 1, 9, 'growing', '[]')",
        "UPDATE logs SET size = size * 3 WHERE recipe = 4",
        "UPDATE logs SET size = 2, state = 'finished' WHERE path = 'b'",
        "DELETE FROM logs WHERE path = 'c'",
        "DELETE FROM logs",
    ):
        database.execute(statement)
        found = database.execute(
            "SELECT log_bytes, log_count, (SELECT coalesce(sum(size), 0) FROM logs WHERE recipe = recipes.id), "
            "(SELECT count(task) FROM logs WHERE recipe = recipes.id) FROM recipes"
        ).fetchall()
        assert all(row[:2] == row[2:] for row in found), (statement, found)

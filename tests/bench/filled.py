"""A lab's database after years: recipes that are over, each with ten results and their events, in plain SQL."""

import sqlite3
from contextlib import closing
from pathlib import Path

#: results of each recipe
RESULTS = 10
#: ids that one job takes: its own, a set's, a recipe's, a task's, and those of its results
_EACH = 4 + RESULTS

_MANY = """
WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < :recipes - 1),
turns (turn) AS (SELECT 0 UNION ALL SELECT turn + 1 FROM turns WHERE turn < :results - 1),
many (n, first) AS (SELECT n, :last + 1 + n * :each FROM numbers)
"""
_JOBS = """
INSERT INTO jobs (id, name, owner, visibility, priority, status, cancelling, settled, result, verdict, submitted,
  started, finished)
SELECT first, 'nightly ' || n, 'ann', 'public', 50, 'Completed', 0, 1, 'Pass', 'pass', 1.7e9 + n, 1.7e9 + n, 1.7e9 + n
FROM many
"""
_SETS = "INSERT INTO recipe_sets (id, job, stage, status) SELECT first + 1, first, 0, 'Completed' FROM many"
_RECIPES = """
INSERT INTO recipes (id, job, recipe_set, system, requires, status, cancelling, settled, late, result, stop_on_fail,
  assigned, taken, started, finished, closes)
SELECT first + 2, first, first + 1, 'board-' || (n % 100), '{"type": null, "tags": []}', 'Completed', 0, 1, 0, 'Pass',
  0, 1.7e9 + n, 1.7e9 + n, 1.7e9 + n, 1.7e9 + n, 1.7e9 + n
FROM many
"""
_TASKS = """
INSERT INTO tasks (id, recipe, name, params, status, result, started, finished, closes)
SELECT first + 3, first + 2, 'test', '{}', 'Completed', 'Pass', 1.7e9 + n, 1.7e9 + n, 1.7e9 + n FROM many
"""
_RESULTS = """
INSERT INTO results (id, recipe, task, path, result, score, message, source, time)
SELECT first + 4 + turn, first + 2, first + 3, '/case/' || turn, 'Pass', turn, 'it went well', 'harness', 1.7e9 + n
FROM many CROSS JOIN turns
"""
_EVENTS = """
INSERT INTO events (time, topic, job, data)
SELECT 1.7e9 + n, 'result', first, json_object('id', first + 4 + turn, 'job', first, 'recipe', first + 2,
  'task', first + 3, 'path', '/case/' || turn, 'result', 'Pass')
FROM many CROSS JOIN turns
"""


def fill(database: Path, recipes: int) -> None:
    """Store so many recipes."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        (last,) = connection.execute("SELECT last FROM id_sequence").fetchone()
        values = {"recipes": recipes, "results": RESULTS, "last": last, "each": _EACH}
        for statement in (_JOBS, _SETS, _RECIPES, _TASKS, _RESULTS, _EVENTS):
            connection.execute(_MANY + statement, values)
        connection.execute("UPDATE id_sequence SET last = last + ?", (recipes * _EACH,))
        connection.execute("COMMIT")
        # as it is after years: not all of it in the log of the last hours
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

"""versions of recipe sets, raised by triggers with all that recipe documents show; counts and indexes"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

#: what documents of a set's recipes show, apart from what never changes: ids and parents
JOBS = ("name", "owner")
RECIPES = (
    *("system", "wanted_system", "requires", "role", "status", "cancelling", "settled", "late", "damaged", "result"),
    *("reason", "cause", "max_seconds", "stop_on_fail", "assigned", "archive_secret", "started", "finished"),
    *("install_started", "install_finished", "postinstall_finished"),
)
TASKS = (
    *("name", "reported_name", "role", "params", "command", "script", "fetch", "later", "status", "result", "version"),
    *("started", "finished"),
)
RESULTS = ("task", "path", "result", "score", "message", "source", "time")
LOGS = ("path", "task", "result")

RAISE_JOB = "UPDATE recipe_sets SET version = version + 1 WHERE job = {row}.id;"
RAISE_SET = "UPDATE recipe_sets SET version = version + 1 WHERE id = {row}.recipe_set;"
RAISE = (
    "UPDATE recipe_sets SET version = version + 1 WHERE id = (SELECT recipe_set FROM recipes WHERE id = {row}.recipe);"
)
ONE_MORE = "UPDATE recipes SET reported = reported + 1 WHERE id = {row}.recipe;"
ONE_LESS = "UPDATE recipes SET reported = reported - 1 WHERE id = {row}.recipe;"
ONE_LOG_MORE = (
    "UPDATE recipes SET log_bytes = log_bytes + {row}.size, log_count = log_count + ({row}.task IS NOT NULL) "
    "WHERE id = {row}.recipe; "
)
ONE_LOG_LESS = ONE_LOG_MORE.replace(" + ", " - ")
LOG_GREW = "UPDATE recipes SET log_bytes = log_bytes + NEW.size - OLD.size WHERE id = NEW.recipe;"


def upgrade() -> None:
    """Bring the schema one step forward."""
    op.add_column("recipe_sets", sa.Column("version", sa.Integer(), server_default="0", nullable=False))
    op.add_column("recipes", sa.Column("reported", sa.Integer(), server_default="0", nullable=False))
    op.execute(
        "UPDATE recipes SET reported = n FROM "
        "(SELECT recipe AS of, count(*) AS n FROM results WHERE source = 'harness' GROUP BY recipe) WHERE id = of"
    )
    op.add_column("recipes", sa.Column("log_bytes", sa.Integer(), server_default="0", nullable=False))
    op.add_column("recipes", sa.Column("log_count", sa.Integer(), server_default="0", nullable=False))
    op.execute(
        "UPDATE recipes SET log_bytes = bytes, log_count = n FROM "
        "(SELECT recipe AS of, sum(size) AS bytes, count(task) AS n FROM logs GROUP BY recipe) WHERE id = of"
    )
    awaited = sa.text("state = 'growing' AND (declared_size IS NOT NULL OR declared_sha256 IS NOT NULL)")
    op.create_index("ix_logs_awaited", "logs", ["recipe"], unique=False, sqlite_where=awaited)
    # what waits for a system is looked for by its name, and what time closes among all that is not settled; lists go by
    # the indexes of status and settled alone, which are in order of id
    op.create_index("ix_recipes_status_wanted_system", "recipes", ["status", "wanted_system"], unique=False)
    op.create_index("ix_recipes_settled_closes", "recipes", ["settled", "closes"], unique=False)
    op.create_index("ix_recipes_damaged", "recipes", ["damaged"], unique=False, sqlite_where=sa.text("damaged > 0"))
    _trigger("jobs", "UPDATE", RAISE_JOB, of=JOBS)
    for table, columns, then in (("recipes", RECIPES, RAISE_SET), ("tasks", TASKS, RAISE), ("logs", LOGS, RAISE)):
        more, less = (ONE_LOG_MORE, ONE_LOG_LESS) if table == "logs" else ("", "")
        _trigger(table, "INSERT", more + then)
        _trigger(table, "DELETE", less + then)
        _trigger(table, "UPDATE", then, of=columns)
    _trigger("logs", "UPDATE", LOG_GREW, of=["size"], when="OLD.size <> NEW.size", name="size")
    # what was found in logs is not shown
    _trigger("results", "INSERT", f"{ONE_MORE} {RAISE}", when="{row}.source = 'harness'")
    _trigger("results", "DELETE", f"{ONE_LESS} {RAISE}", when="{row}.source = 'harness'")
    _trigger("results", "UPDATE", RAISE, of=RESULTS, when="'harness' IN (OLD.source, NEW.source)")


def _trigger(
    table: str, event: str, then: str, *, of: Sequence[str] = (), when: str = "true", name: str | None = None
) -> None:
    row = "OLD" if event == "DELETE" else "NEW"
    columns = f" OF {', '.join(of)}" if of else ""
    called = f"tr_{table}_{name or event.lower()}"
    made = f"CREATE TRIGGER {called} AFTER {event}{columns} ON {table} WHEN {when} BEGIN {then} END"
    op.execute(made.format(row=row))

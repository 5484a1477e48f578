"""the first tables"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Bring the schema one step forward."""
    op.create_table(
        "events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("time", sa.Float(), nullable=False),
        sa.Column("topic", sa.String(length=16), nullable=False),
        sa.Column("job", sa.Integer(), nullable=True),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.create_index("ix_events_topic_id", ["topic", "id"], unique=False)

    op.create_table("id_sequence", sa.Column("last", sa.Integer(), nullable=False))
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner", sa.String(length=255), nullable=False),
        sa.Column("visibility", sa.String(length=16), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("cancelling", sa.Boolean(), nullable=False),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.Column("result", sa.String(length=8), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=True),
        sa.Column("submitted", sa.Float(), nullable=False),
        sa.Column("started", sa.Float(), nullable=True),
        sa.Column("finished", sa.Float(), nullable=True),
        sa.Column("retry_of", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["retry_of"], ["jobs.id"], name=op.f("fk_jobs_retry_of")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_jobs_owner"), ["owner"], unique=False)
        batch_op.create_index(batch_op.f("ix_jobs_status"), ["status"], unique=False)

    op.create_table(
        "systems",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("type", sa.String(length=255), nullable=True),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=True),
        sa.Column("health", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("recipe", sa.Integer(), nullable=True),
        sa.Column("last_seen", sa.Float(), nullable=True),
        sa.Column("claimed_until", sa.Float(), nullable=True),
        sa.Column("key_hash", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_systems")),
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("expires", sa.Float(), nullable=True),
        sa.Column("revoked", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        sa.UniqueConstraint("hash", name=op.f("uq_tokens_hash")),
    )
    op.create_table(
        "idempotency",
        sa.Column("user", sa.String(length=255), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("request", sa.String(length=64), nullable=False),
        sa.Column("job", sa.Integer(), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["job"], ["jobs.id"], name=op.f("fk_idempotency_job")),
        sa.PrimaryKeyConstraint("user", "key", name=op.f("pk_idempotency")),
    )
    op.create_table(
        "recipe_sets",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("job", sa.Integer(), nullable=False),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["job"], ["jobs.id"], name=op.f("fk_recipe_sets_job")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recipe_sets")),
    )
    with op.batch_alter_table("recipe_sets", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_recipe_sets_job"), ["job"], unique=False)

    op.create_table(
        "recipes",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("job", sa.Integer(), nullable=False),
        sa.Column("recipe_set", sa.Integer(), nullable=False),
        sa.Column("system", sa.String(length=255), nullable=True),
        sa.Column("wanted_system", sa.String(length=255), nullable=True),
        sa.Column("requires", sa.JSON(), nullable=False),
        sa.Column("role", sa.String(length=255), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("cancelling", sa.Boolean(), nullable=False),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("result", sa.String(length=8), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("watchdog", sa.Float(), nullable=True),
        sa.Column("max_seconds", sa.Integer(), nullable=True),
        sa.Column("stop_on_fail", sa.Boolean(), nullable=False),
        sa.Column("assigned", sa.Float(), nullable=True),
        sa.Column("started", sa.Float(), nullable=True),
        sa.Column("finished", sa.Float(), nullable=True),
        sa.Column("closes", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["job"], ["jobs.id"], name=op.f("fk_recipes_job")),
        sa.ForeignKeyConstraint(["recipe_set"], ["recipe_sets.id"], name=op.f("fk_recipes_recipe_set")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recipes")),
    )
    with op.batch_alter_table("recipes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_recipes_job"), ["job"], unique=False)
        batch_op.create_index(batch_op.f("ix_recipes_late"), ["late"], unique=False)
        batch_op.create_index(batch_op.f("ix_recipes_recipe_set"), ["recipe_set"], unique=False)
        batch_op.create_index(batch_op.f("ix_recipes_settled"), ["settled"], unique=False)
        batch_op.create_index(batch_op.f("ix_recipes_status"), ["status"], unique=False)
        batch_op.create_index(batch_op.f("ix_recipes_watchdog"), ["watchdog"], unique=False)

    op.create_table(
        "recipe_keys",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("recipe", sa.Integer(), nullable=False),
        sa.Column("bearer", sa.String(length=40), nullable=False),
        sa.Column("basic", sa.String(length=40), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["recipe"], ["recipes.id"], name=op.f("fk_recipe_keys_recipe")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recipe_keys")),
    )
    with op.batch_alter_table("recipe_keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_recipe_keys_recipe"), ["recipe"], unique=False)

    op.create_table(
        "sync_states",
        sa.Column("recipe", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=255), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("time", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["recipe"], ["recipes.id"], name=op.f("fk_sync_states_recipe")),
        sa.PrimaryKeyConstraint("recipe", "state", name=op.f("pk_sync_states")),
    )
    op.create_table(
        "tasks",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("recipe", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=255), nullable=True),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("command", sa.JSON(), nullable=True),
        sa.Column("script", sa.Text(), nullable=True),
        sa.Column("fetch", sa.Text(), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("result", sa.String(length=8), nullable=False),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("started", sa.Float(), nullable=True),
        sa.Column("finished", sa.Float(), nullable=True),
        sa.Column("closes", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["recipe"], ["recipes.id"], name=op.f("fk_tasks_recipe")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
    )
    with op.batch_alter_table("tasks", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_tasks_recipe"), ["recipe"], unique=False)

    op.create_table(
        "logs",
        sa.Column("recipe", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("task", sa.Integer(), nullable=True),
        sa.Column("result", sa.Integer(), nullable=True),
        sa.Column("registered", sa.Float(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("declared_size", sa.Integer(), nullable=True),
        sa.Column("declared_sha256", sa.String(length=64), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("lines", sa.Integer(), nullable=True),
        sa.Column("offsets", sa.LargeBinary(), nullable=True),
        sa.Column("format", sa.String(length=32), nullable=True),
        sa.Column("marks", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["recipe"], ["recipes.id"], name=op.f("fk_logs_recipe")),
        sa.ForeignKeyConstraint(["task"], ["tasks.id"], name=op.f("fk_logs_task")),
        sa.PrimaryKeyConstraint("recipe", "path", name=op.f("pk_logs")),
    )
    with op.batch_alter_table("logs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_logs_task"), ["task"], unique=False)

    op.create_table(
        "results",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("recipe", sa.Integer(), nullable=False),
        sa.Column("task", sa.Integer(), nullable=True),
        sa.Column("path", sa.Text(), nullable=True),
        sa.Column("result", sa.String(length=8), nullable=False),
        sa.Column("score", sa.Integer(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("log", sa.Text(), nullable=True),
        sa.Column("line", sa.Integer(), nullable=True),
        sa.Column("time", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["recipe"], ["recipes.id"], name=op.f("fk_results_recipe")),
        sa.ForeignKeyConstraint(["task"], ["tasks.id"], name=op.f("fk_results_task")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_results")),
    )
    with op.batch_alter_table("results", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_results_recipe_id"), ["recipe", "id"], unique=False)
        batch_op.create_index("ix_results_recipe_log", ["recipe", "log"], unique=False)
        batch_op.create_index("ix_results_recipe_source", ["recipe", "source"], unique=False)
        batch_op.create_index(batch_op.f("ix_results_task"), ["task"], unique=False)

    # the sequence's one row
    op.execute("INSERT INTO id_sequence (last) VALUES (0)")

"""notices: whom jobs want to be told, what was sent and what came of it, where users are reached, whose a system is"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

#: indexes of the table of deliveries, each of one column
INDEXED = ("due", "state", "recipe", "job", "owner", "created")
#: up to the newest event nobody had asked to be told: nothing has to be looked at
REACHED = "INSERT INTO readers (name, reached) SELECT 'notices', coalesce(max(id), 0) FROM events"


def upgrade() -> None:
    """Bring the schema one step forward."""
    op.add_column("systems", sa.Column("owner", sa.String(255), nullable=True))
    op.create_table(
        "notifications",
        sa.Column("job", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("notify", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["job"], ["jobs.id"], name="fk_notifications_job"),
        sa.PrimaryKeyConstraint("job", name="pk_notifications"),
    )
    op.create_table(
        "told",
        sa.Column("recipe", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("transition", sa.String(16), nullable=False),
        sa.ForeignKeyConstraint(["recipe"], ["recipes.id"], name="fk_told_recipe"),
        sa.PrimaryKeyConstraint("recipe", "transition", name="pk_told"),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("recipe", sa.Integer(), nullable=True),
        sa.Column("job", sa.Integer(), nullable=True),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("transition", sa.String(16), nullable=False),
        sa.Column("method", sa.String(16), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due", sa.Float(), nullable=True),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("ended", sa.Float(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("copy_of", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["recipe"], ["recipes.id"], name="fk_deliveries_recipe"),
        sa.ForeignKeyConstraint(["job"], ["jobs.id"], name="fk_deliveries_job"),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
        sa.UniqueConstraint("key", name="uq_deliveries_key"),
        sqlite_autoincrement=True,
    )
    for column in INDEXED:
        op.create_index(f"ix_deliveries_{column}", "deliveries", [column])
    op.create_index("ix_jobs_owner_name", "jobs", ["owner", "name"])
    op.create_table(
        "delivery_attempts",
        sa.Column("delivery", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("began", sa.Float(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["delivery"], ["deliveries.id"], name="fk_delivery_attempts_delivery", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("delivery", "number", name="pk_delivery_attempts"),
    )
    op.create_table(
        "readers",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("reached", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_readers"),
    )
    op.create_table(
        "addresses",
        sa.Column("user", sa.String(255), nullable=False),
        sa.Column("email", sa.String(320), nullable=True),
        sa.Column("irc_handle", sa.String(64), nullable=True),
        sa.Column("irc_server", sa.String(255), nullable=True),
        sa.PrimaryKeyConstraint("user", name="pk_addresses"),
    )
    # what was found before is not told now
    op.add_column("logs", sa.Column("signalled", sa.Integer(), server_default="0", nullable=False))
    op.execute(REACHED)

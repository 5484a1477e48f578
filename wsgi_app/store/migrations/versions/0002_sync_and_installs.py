"""what step 2 keeps: sync waits, install times, warnings, idempotency keys of more than jobs"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Bring the schema one step forward."""
    op.add_column("jobs", sa.Column("warnings", sa.JSON(), server_default="[]", nullable=False))
    for name in ("install_started", "install_finished", "postinstall_finished", "waits_until"):
        op.add_column("recipes", sa.Column(name, sa.Float(), nullable=True))
    op.add_column("recipes", sa.Column("waits_for", sa.String(length=255), nullable=True))
    op.create_index(op.f("ix_recipes_finished"), "recipes", ["finished"], unique=False)
    op.add_column("systems", sa.Column("last_recipe", sa.Integer(), nullable=True))
    op.execute("UPDATE systems SET last_recipe = recipe")
    op.add_column("tasks", sa.Column("reported_name", sa.Text(), nullable=True))
    op.create_table(
        "new_idempotency",
        sa.Column("scope", sa.String(length=300), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("request", sa.String(length=64), nullable=False),
        sa.Column("made", sa.Integer(), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "key", name=op.f("pk_idempotency")),
    )
    op.execute(
        "INSERT INTO new_idempotency (scope, key, request, made, created) "
        # what was asked was hashed otherwise: any request will do
        "SELECT 'user ' || \"user\", key, '', job, created FROM idempotency"
    )
    op.drop_table("idempotency")
    op.rename_table("new_idempotency", "idempotency")
    op.create_index(op.f("ix_idempotency_created"), "idempotency", ["created"], unique=False)

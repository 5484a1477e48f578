"""readers: documents, metadata, secrets, causes, measurements, live tasks; systems described, the lab paused"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Bring the schema one step forward."""
    op.add_column("jobs", sa.Column("metadata", sa.JSON(), server_default="{}", nullable=False))
    op.add_column("recipes", sa.Column("cause", sa.String(16), nullable=True))
    op.add_column("tasks", sa.Column("live", sa.Boolean(), server_default="0", nullable=False))
    op.add_column("results", sa.Column("measurement", sa.Float(), nullable=True))
    op.add_column("results", sa.Column("units", sa.String(255), nullable=True))
    op.add_column("systems", sa.Column("description", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.create_table(
        "job_documents",
        sa.Column("job", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["job"], ["jobs.id"], name="fk_job_documents_job"),
        sa.PrimaryKeyConstraint("job", name="pk_job_documents"),
    )
    op.create_table(
        "job_secrets",
        sa.Column("job", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("secrets", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["job"], ["jobs.id"], name="fk_job_secrets_job"),
        sa.PrimaryKeyConstraint("job", name="pk_job_secrets"),
    )
    lab = op.create_table(
        "lab",
        sa.Column("health", sa.String(16), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("most_recipes", sa.Integer(), nullable=True),
    )
    op.bulk_insert(lab, [{"health": "active", "description": "", "most_recipes": None}])

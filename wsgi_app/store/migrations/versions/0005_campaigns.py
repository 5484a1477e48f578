"""campaigns: jobs whose sets are made one after the other; reserved systems, tasks made late, archives, port waits"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Bring the schema one step forward."""
    op.add_column("jobs", sa.Column("campaign", sa.Boolean(), server_default="0", nullable=False))
    op.create_index("ix_jobs_settled", "jobs", ["settled"], unique=False)
    op.add_column("recipes", sa.Column("taken", sa.Float(), nullable=True))
    op.add_column("recipes", sa.Column("archive_secret", sa.String(64), nullable=True))
    # until now, nobody had a system that had not asked
    op.execute("UPDATE recipes SET taken = assigned")
    op.add_column("tasks", sa.Column("later", sa.Boolean(), server_default="0", nullable=False))
    op.add_column("tasks", sa.Column("lost", sa.Boolean(), server_default="0", nullable=False))
    op.create_table(
        "job_tags",
        sa.Column("job", sa.Integer(), nullable=False),
        sa.Column("tag", sa.String(255), nullable=False),
        sa.ForeignKeyConstraint(["job"], ["jobs.id"], name="fk_job_tags_job"),
        sa.PrimaryKeyConstraint("job", "tag", name="pk_job_tags"),
    )
    op.create_index("ix_job_tags_tag_job", "job_tags", ["tag", "job"], unique=False)
    op.create_table(
        "campaigns",
        sa.Column("job", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("plan", sa.JSON(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("test", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("due", sa.Float(), nullable=True),
        sa.Column("recipe_set", sa.Integer(), nullable=True),
        sa.Column("end", sa.String(16), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["job"], ["jobs.id"], name="fk_campaigns_job"),
        sa.ForeignKeyConstraint(["recipe_set"], ["recipe_sets.id"], name="fk_campaigns_recipe_set"),
        sa.PrimaryKeyConstraint("job", name="pk_campaigns"),
    )
    op.create_index("ix_campaigns_due", "campaigns", ["due"], unique=False)
    op.create_table(
        "campaign_runs",
        sa.Column("job", sa.Integer(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("started", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["job"], ["campaigns.job"], name="fk_campaign_runs_job"),
        sa.PrimaryKeyConstraint("job", "run", name="pk_campaign_runs"),
    )
    op.create_table(
        "campaign_attempts",
        sa.Column("job", sa.Integer(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("test", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("begun", sa.Float(), nullable=False),
        sa.Column("targets", sa.JSON(), nullable=False),
        sa.Column("recipe_set", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("ended", sa.Float(), nullable=True),
        sa.Column("passed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failed", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["job"], ["campaigns.job"], name="fk_campaign_attempts_job"),
        sa.ForeignKeyConstraint(["recipe_set"], ["recipe_sets.id"], name="fk_campaign_attempts_recipe_set"),
        sa.PrimaryKeyConstraint("job", "run", "test", "attempt", name="pk_campaign_attempts"),
    )
    op.create_index("ix_campaign_attempts_recipe_set", "campaign_attempts", ["recipe_set"], unique=False)
    op.create_table(
        "campaign_reports",
        sa.Column("job", sa.Integer(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("reporter", sa.String(32), nullable=False),
        sa.Column("time", sa.Float(), nullable=False),
        sa.Column("success", sa.Boolean(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["job"], ["campaigns.job"], name="fk_campaign_reports_job"),
        sa.PrimaryKeyConstraint("job", "run", "place", name="pk_campaign_reports"),
    )
    op.create_table(
        "port_waits",
        sa.Column("task", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("recipe", sa.Integer(), nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("protocol", sa.String(8), nullable=False),
        sa.Column("timeout", sa.Float(), nullable=True),
        sa.Column("interval", sa.Float(), nullable=False),
        sa.Column("due", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["task"], ["tasks.id"], name="fk_port_waits_task"),
        sa.ForeignKeyConstraint(["recipe"], ["recipes.id"], name="fk_port_waits_recipe"),
        sa.PrimaryKeyConstraint("task", name="pk_port_waits"),
    )
    op.create_index("ix_port_waits_due", "port_waits", ["due"], unique=False)
    op.create_index("ix_port_waits_recipe", "port_waits", ["recipe"], unique=False)

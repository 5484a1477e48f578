"""workers: systems whose worker connects to a gateway, and the gateways"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Bring the schema one step forward."""
    op.create_table(
        "gateways",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("seen", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_gateways"),
    )
    op.create_table(
        "workers",
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("password_md5", sa.String(32), nullable=False),
        sa.Column("detach", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("shutdown", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("gateway", sa.String(64), nullable=True),
        sa.Column("version", sa.String(255), nullable=True),
        sa.Column("address", sa.String(255), nullable=True),
        sa.Column("connected", sa.Float(), nullable=True),
        sa.Column("heard", sa.Float(), nullable=True),
        sa.Column("in_hand", sa.Integer(), nullable=True),
        sa.Column("leaving", sa.Boolean(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["name"], ["systems.name"], name="fk_workers_name", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("name", name="pk_workers"),
    )

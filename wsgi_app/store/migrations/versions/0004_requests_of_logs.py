"""which request made a log"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Bring the schema one step forward."""
    op.add_column("logs", sa.Column("request", sa.String(64), nullable=True))

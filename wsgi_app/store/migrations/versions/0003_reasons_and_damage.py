"""what step 3 keeps: reasons of verdicts, damaged logs, who asked for a key; counts of results by an index alone"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Bring the schema one step forward."""
    op.add_column("jobs", sa.Column("reason", sa.Text(), nullable=True))
    op.add_column("recipes", sa.Column("damaged", sa.Integer(), server_default="0", nullable=False))
    op.add_column("recipe_keys", sa.Column("claimed", sa.Boolean(), server_default="0", nullable=False))
    op.drop_index("ix_results_recipe_source", "results")
    op.create_index("ix_results_recipe_source", "results", ["recipe", "source", "task", "result"], unique=False)

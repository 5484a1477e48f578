"""Alembic migrations: `versions/` holds one file a step, in order."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine


def alembic_config() -> Config:
    """Alembic's configuration for these migrations."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config


def upgrade(engine: Engine) -> None:
    """Run the migrations that the database lacks, all in one transaction; nothing when it is up to date."""
    config = alembic_config()
    # immediate: two processes that start at once must not both migrate
    with engine.connect().execution_options(immediate=True) as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

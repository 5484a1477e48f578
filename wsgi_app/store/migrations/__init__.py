"""Alembic migrations: `versions/` holds one file a step, in order."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect

from wsgi_app.errors import Conflict


def alembic_config() -> Config:
    """Alembic's configuration for these migrations."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config


def upgrade(engine: Engine) -> None:
    """Run the migrations that the database lacks, all in one transaction; nothing when it is up to date.

    Raises `Conflict` when it is a newer program's, or nothing of ours.
    """
    config = alembic_config()
    # immediate: two processes that start at once must not both migrate
    with engine.connect().execution_options(immediate=True) as connection, connection.begin():
        _require_ours(connection, engine.url.database or "")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@cache
def newest() -> str | None:
    """Return the revision that the migrations lead to."""
    return ScriptDirectory.from_config(alembic_config()).get_current_head()


def knows(revision: str) -> bool:
    """Return whether this program can bring a database of that revision to the present schema."""
    return revision in {script.revision for script in ScriptDirectory.from_config(alembic_config()).walk_revisions()}


def _require_ours(connection: Connection, path: str) -> None:
    found = MigrationContext.configure(connection).get_current_heads()
    if not found and inspect(connection).get_table_names():
        raise Conflict(f"{path} is a database of some other program: name another data directory")
    for revision in found:
        if not knows(revision):
            raise Conflict(
                f"the database {path} is of a newer Tackroom (schema {revision}, this one knows {newest()}): run that "
                f"one, or move {Path(path).parent} aside and restore a backup from before: tackroom restore DIR"
            )

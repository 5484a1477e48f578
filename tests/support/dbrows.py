"""All rows of a database file, as values that can be compared."""

from pathlib import Path
from typing import Any

from sqlalchemy import MetaData, create_engine, select

Rows = dict[str, list[dict[str, Any]]]


def rows(path: Path) -> Rows:
    """Return all rows of an SQLite database by table, as they lie there."""
    engine = create_engine(f"sqlite:///{path}")
    try:
        metadata = MetaData()
        metadata.reflect(engine)
        with engine.connect() as connection:
            return {
                table.name: [dict(row) for row in connection.execute(select(table)).mappings()]
                for table in metadata.sorted_tables
            }
    finally:
        engine.dispose()

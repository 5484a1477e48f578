"""Parts of a transaction: what one has done can be undone, and the rest stays."""

from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from wsgi_app.errors import Conflict
from wsgi_app.store import ids
from wsgi_app.store.db import Database, savepoint


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """An empty one."""
    made = Database(tmp_path / "db")
    made.upgrade()
    return made


TWICE = "insert {}into job_tags (job, tag) values (1, 'a'), (1, 'a')"


def test_a_part_is_undone_alone(database: Database) -> None:
    """By whatever it raised; what contradicts what is stored is a `Conflict`."""
    with database.write() as tx:
        first = ids.take(tx, 1)[0]
        with pytest.raises(Conflict, match="contradicts itself"), savepoint(tx):
            ids.take(tx, 100)
            tx.exec_driver_sql(TWICE.format(""))
        with pytest.raises(ValueError, match="mine"), savepoint(tx):
            ids.take(tx, 100)
            raise ValueError("mine")
        with savepoint(tx):
            ids.take(tx, 1)
    with database.read() as tx:
        assert tx.exec_driver_sql("select last from id_sequence").scalar_one() == first + 1
    database.close()


def test_when_all_is_undone_with_it(database: Database) -> None:
    """SQLite may undo the whole transaction: then nothing goes on behind the part, and what it said is told."""
    with database.read() as tx:
        before = tx.exec_driver_sql("select last from id_sequence").scalar_one()
    with pytest.raises(IntegrityError), database.write() as tx:
        ids.take(tx, 10)
        with savepoint(tx):
            tx.exec_driver_sql(TWICE.format("or rollback "))
    with database.write() as tx:
        assert tx.exec_driver_sql("select last from id_sequence").scalar_one() == before
    database.close()

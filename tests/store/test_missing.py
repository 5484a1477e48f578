"""A database that is not there is not made anew by whoever only wants to use it."""

from pathlib import Path

import pytest

from wsgi_app.errors import Unavailable
from wsgi_app.store.db import Database


def test_a_lost_database_is_an_error_and_comes_back(tmp_path: Path) -> None:
    """Without the file each transaction is refused and none is made; put back, it is used again."""
    path = tmp_path / "odd ?name#.db"
    database = Database(path)
    with pytest.raises(Unavailable), database.read():
        raise AssertionError("there is nothing to read")
    assert not path.exists()
    database.upgrade()
    with database.read() as tx:
        tables = tx.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one()
    assert tables > 10
    database.close()
    aside = path.rename(tmp_path / "aside")
    for _ in range(2):
        with pytest.raises(Unavailable), database.write():
            raise AssertionError("there is nothing to write")
    assert not path.exists()
    aside.rename(path)
    with database.write() as tx:
        assert tx.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one() == tables
    database.close()

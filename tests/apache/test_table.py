"""The routing table, row by row, against real servers: table.toml says what a row means."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from routing import Row, check, rows

if TYPE_CHECKING:
    from tests.apache.conftest import Plane

TABLE = Path(__file__).with_name("table.toml")
#: what is left of it on the plain listener beside TLS
PLAIN = Path(__file__).with_name("plain.toml")


def cases() -> Iterator[Any]:
    """Every plane with every row that it is asked."""
    for plane in ("apache", "apache-prefix", "tls-prefix", "embedded", "embedded-prefix"):
        for row in rows(TABLE):
            if not plane.startswith("embedded") or row.embedded != 0:
                yield pytest.param(plane, row, id=f"{plane}-{row.number}-{row.what}")


@pytest.mark.parametrize(("plane", "row"), list(cases()), indirect=["plane"], scope="session")
def test_the_table(plane: "Plane", row: Row) -> None:
    """Each request is answered as its row says, and by whom it says; over TLS no differently."""
    check(row, plane)


@pytest.mark.parametrize("plane", ["plain-prefix"], indirect=True, scope="session")
@pytest.mark.parametrize("row", [pytest.param(row, id=f"{row.number}-{row.what}") for row in rows(PLAIN)])
def test_the_plain_listener_beside_tls(plane: "Plane", row: Row) -> None:
    """Harnesses are served as ever, everything else is refused: each request is answered as its row says."""
    check(row, plane)


def test_every_difference_has_its_reason() -> None:
    """A row that is answered otherwise without httpd says why."""
    assert [row.what for row in rows(TABLE) if (row.embedded is not None) != bool(row.why)] == []

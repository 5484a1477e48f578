"""One id sequence for jobs, recipe sets, recipes, tasks and results: a number means one thing, everywhere."""

from sqlalchemy import Connection, bindparam, select, update

from wsgi_app.errors import Unavailable
from wsgi_app.store.schema import id_sequence

#: foreign clients keep ids in signed 32-bit integers
LARGEST = 2**31 - 1

_TAKE = update(id_sequence).values(last=id_sequence.c.last + bindparam("count")).returning(id_sequence.c.last)


def take(tx: Connection, count: int) -> range:
    """Take the next `count` ids. Raises `Unavailable` when the sequence is used up."""
    last = tx.execute(_TAKE, {"count": count}).scalar_one()
    if last > LARGEST:
        raise Unavailable("all ids are used up")
    return range(last - count + 1, last + 1)


def newest(tx: Connection) -> int:
    """Return the id that was taken last."""
    last: int = tx.execute(select(id_sequence.c.last)).scalar_one()
    return last


def leave_out(tx: Connection, count: int) -> None:
    """Let the next `count` ids never be given out; half of what is left, when there are fewer than twice as many."""
    last: int = tx.execute(select(id_sequence.c.last)).scalar_one()
    tx.execute(update(id_sequence).values(last=last + min(count, (LARGEST - last) // 2)))

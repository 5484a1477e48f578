"""However the outbox is cut into batches, and wherever whoever reads it dies: the same deliveries."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from notifying import ABORTED, CANCELLED, COMPLETED, HOOK, address, begin, end, submit
from sqlalchemy import Connection

from wsgi_app.conditions import Condition
from wsgi_app.core.gateway import Gateway, open_gateway
from wsgi_app.core.notices import decide
from wsgi_app.notification import Criteria, Method, Notify, Recipient, Turn, When
from wsgi_app.store import deliveries, notifications

WANTED = (
    Criteria(When.ALL),
    Criteria(When.ABORTED, Turn.REGRESSION),
    Criteria(When.COMPLETED, Turn.PROGRESSION),
    Criteria(When.FINISHED, others=Condition("name", "exact", "boot")),
    Criteria(When.RUNNING),
)


#: where it dies: before it writes that, or when all is written; or not at all
DEATHS = ("", "insert_drafts", "note_told", "move", "end")


class DiedError(Exception):
    """It was killed."""


def keys(gateway: Gateway, caller: Any) -> list[str]:
    """The keys of all deliveries."""
    return sorted(one.key for one in gateway.deliveries.page(caller, limit=1000))


def history(bench: Any) -> None:
    """Let many things happen that nobody looks at."""
    bench.gateway.addresses.put(bench.admin, address("admin"))
    chance = random.Random(11)  # noqa: S311
    recipients = (Recipient(Method.EMAIL, user="admin"), Recipient(Method.IRC, user="admin"))
    for number in range(24):
        wanted = Notify(chance.choice(WANTED), recipients=recipients, callbacks=(HOOK,))
        recipe = submit(bench, wanted if number % 4 else None, name=chance.choice(("boot", "boot", "other")))
        begin(bench, recipe)
        end(bench, recipe, chance.choice((COMPLETED, COMPLETED, ABORTED, ABORTED, CANCELLED)))


@pytest.fixture
def lived(bench: Any, tmp_path: Path) -> Any:
    """A bench with a history, what is told of it all at once, and a copy of its database from before."""
    history(bench)
    with closing(sqlite3.connect(bench.config.database)) as connection:
        connection.execute("VACUUM INTO ?", (str(tmp_path / "before.db"),))
    while bench.gateway.notices.decide(100_000):
        pass
    wanted = keys(bench.gateway, bench.admin)
    assert len(wanted) > 20
    assert len(wanted) == len(set(wanted))
    return bench, wanted, (tmp_path / "before.db").read_bytes()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.integers(1, 60), st.sampled_from(DEATHS))))
def test_any_batches_and_deaths(lived: Any, tmp_path_factory: pytest.TempPathFactory, steps: Any) -> None:
    """Batches of any size, a death before any write or after all of them: nothing is lost, nothing is there twice."""
    bench, wanted, before = lived
    data = tmp_path_factory.mktemp("data")
    (data / "tackroom.db").write_bytes(before)
    (data / "admin.token").write_text(bench.config.admin_token.read_text())
    config = type(bench.config)(data=data)
    gateway = open_gateway(config, bench.clock)
    for limit, death in steps:
        with pytest.MonkeyPatch.context() as patch:
            _kill(patch, death)
            try:
                gateway.notices.decide(limit)
            except DiedError:
                gateway.close()
                gateway = open_gateway(config, bench.clock)
    while gateway.notices.decide(7):
        pass
    assert keys(gateway, bench.admin) == wanted
    gateway.close()


def _kill(patch: pytest.MonkeyPatch, where: str) -> None:
    """Let it die before it writes that: what a process that was killed had not committed is gone, too."""

    def die(*given: Any) -> None:
        raise DiedError

    if where == "insert_drafts":
        patch.setattr(deliveries, where, die)
    elif where in ("note_told", "move"):
        patch.setattr(notifications, where, die)
    elif where == "end":
        move = notifications.move

        def last(tx: Connection, reader: str, event: int) -> None:
            move(tx, reader, event)
            raise DiedError

        patch.setattr(notifications, "move", last)


def test_nothing_is_written_for_nobody(bench: Any) -> None:
    """Events of jobs that want nobody told cost no write; the position follows in large steps."""
    recipe = submit(bench, None)
    begin(bench, recipe)
    end(bench, recipe, COMPLETED)
    with bench.gateway._ground.read() as tx:
        before = notifications.reached(tx, decide.READER)
    while bench.gateway.notices.decide(5):
        pass
    with bench.gateway._ground.read() as tx:
        assert notifications.reached(tx, decide.READER) == before
    recipe = submit(bench, Notify(Criteria(When.FINISHED), callbacks=(HOOK,)))
    begin(bench, recipe)
    end(bench, recipe, COMPLETED)
    while bench.gateway.notices.decide(5):
        pass
    assert len(keys(bench.gateway, bench.admin)) == 1

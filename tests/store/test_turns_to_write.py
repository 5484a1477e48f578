"""Who writes first, of the threads of one process."""

import threading
from pathlib import Path

from emptydata import lay_out
from waiting import until

from wsgi_app.config import Config
from wsgi_app.store.db import SINGLES, Database


def asleep(thread: threading.Thread) -> bool:
    """Whether a thread waits for something."""
    state = Path(f"/proc/self/task/{thread.native_id}/stat").read_text().rpartition(")")[2].split()[0]
    return state == "S"


def test_many_calls_wait_for_few(tmp_path: Path) -> None:
    """Who writes for many calls waits for a few others, however many write for themselves."""
    config = Config(data=tmp_path / "data")
    lay_out(config)
    database = Database(config.database)
    order: list[str] = []

    def write(name: str) -> None:
        with database.write(many=name == "many"):
            order.append(name)

    names = [*(f"single {number}" for number in range(4 * SINGLES)), "many"]
    threads = [threading.Thread(target=write, args=(name,)) for name in names]
    with database.write(many=True):
        for thread in threads:
            thread.start()
        # asked several times: a thread sleeps for a moment, too, before it gets at the interpreter
        for _ in range(5):
            until(lambda: all(asleep(thread) for thread in threads), "all waiting", 10)
        assert not order
    for thread in threads:
        thread.join(10)
    assert sorted(order) == sorted(names)
    assert order.index("many") <= 2 * SINGLES
    database.close()

"""A data directory with very many settled logs, rows and files; and what an indexer's start over it takes."""

import os
import subprocess
import time
from functools import partial
from pathlib import Path

from attrs import frozen
from lab import tackroom
from sqlalchemy import Connection, and_
from stand import Stand, Work, begun, copy_jobs, multiply
from waiting import until

from wsgi_app.store.schema import logs

#: logs of one recipe: a file has at most 65,000 names on ext4
EACH = 1000


@frozen
class Started:
    """What a start took."""

    #: seconds from the process's start until a log that waited for it was indexed, and its recipe settled
    seconds: float
    #: of these, seconds of a processor
    cpu: float
    #: MiB resident at the most
    memory: float


def settled(stand: Stand, count: int) -> None:
    """Store so many logs, of recipes that are settled; the files of a recipe are names of one."""
    if not count:
        return
    work, each = begun(stand), min(EACH, count)
    stand.put(work, "log-0.log", 0, b"a line\n")
    stand.status(work, "Completed")
    stand.store(partial(_finish, work=work, each=each, recipes=count // each))
    with stand.gateway._ground.read() as tx:
        rows = tx.exec_driver_sql("SELECT recipe, id FROM tasks").all()
    for recipe, task in rows:
        directory = stand.place / f"data/logs/recipes/{recipe}/tasks/{task}/logs"
        directory.mkdir(parents=True, exist_ok=True)
        first = f"{directory}/log-0.log"
        Path(first).write_bytes(b"a line\n")
        for number in range(1, each):
            os.link(first, f"{directory}/log-{number}.log")


def _finish(tx: Connection, work: Work, each: int, recipes: int) -> None:
    tx.exec_driver_sql("UPDATE logs SET state = 'finished', size = 7, lines = 1 WHERE recipe = ?", (work.recipe,))
    tx.exec_driver_sql("UPDATE recipes SET settled = 1 WHERE id = ?", (work.recipe,))
    tx.exec_driver_sql("UPDATE jobs SET settled = 1 WHERE id = ?", (work.job,))
    if each > 1:
        name = "replace(path, 'log-0.log', 'log-' || n || '.log')"
        first = and_(logs.c.recipe == work.recipe, logs.c.path.like("%/log-0.log"))
        multiply(tx, logs, first, each - 1, path=name)
    if recipes > 1:
        copy_jobs(tx, work.job, recipes - 1)


def started(stand: Stand) -> Started:
    """Start an indexer over it while one log waits, and end it when that is indexed and its recipe settled."""
    work = begun(stand)
    stand.put(work, "new.log", 0, b"ok 1 - a line\n")
    stand.status(work, "Completed")
    began = time.monotonic()
    process = subprocess.Popen(
        [*tackroom(), "indexer"],
        env={**os.environ, "TACKROOM_DATA": str(stand.place / "data")},
        stderr=subprocess.PIPE,
    )
    try:

        def done() -> bool:
            assert process.poll() is None, process.communicate()
            return bool(stand.call("GET", f"/jobs/{work.job}").json["settled"])

        until(done, "the recipe settled", 60)
        seconds = time.monotonic() - began
        memory = _peak(process.pid)
    finally:
        process.terminate()
        _, _, used = os.wait4(process.pid, 0)
        process.returncode = 0
        process.communicate()
    return Started(seconds, used.ru_utime + used.ru_stime, memory)


def _peak(pid: int) -> float:
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024

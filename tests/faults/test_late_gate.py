"""A gate that is shut late, because whoever was to do it could not: what is taken until then is not lost."""

import sqlite3
import time
from contextlib import closing

from acting import Acting
from lab import running_lab
from waiting import until

GRACE = {"TACKROOM_GRACE_SECONDS": "1", "TACKROOM_QUIET_SECONDS": "0.2"}
#: the only chunk
CHUNK = b"the last words\n"


def test_what_comes_before_the_gate_is_shut_is_in_the_index() -> None:
    """The database is locked while an aborted recipe's logs close: its harness goes on, and what is taken is listed."""
    with running_lab("apache", **GRACE) as lab:
        acting = Acting(lab, "one", system="late").claim()
        acting.status(0, "Running")
        path = f"/recipes/{acting.recipe}/tasks/{acting.tasks[0]}/logs/taskout.log"
        assert (lab.data / "logs" / path.removeprefix("/")).exists()
        assert lab.call("POST", f"/jobs/{acting.job}/cancel").status == 204
        with closing(sqlite3.connect(lab.data / "tackroom.db", timeout=30, isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            closes = database.execute("SELECT closes FROM recipes WHERE id = ?", (acting.recipe,)).fetchone()[0]
            # the indexer has seen that nothing is there, and waits to say so
            until(lambda: time.time() > closes + 1.5, "the end of the grace period")
            taken = lab.call("PUT", path, CHUNK, {"Content-Range": f"bytes 0-{len(CHUNK) - 1}/*"}, acting.key)
            database.execute("ROLLBACK")
        assert taken.status == 204
        lab.settled(acting.job)
        logs = lab.call("GET", f"/recipes/{acting.recipe}/log-index").json["logs"]
        assert [(log["state"], log["size"]) for log in logs] == [("finished", len(CHUNK))]

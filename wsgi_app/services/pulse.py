"""The pulse of a web worker: the service manager hears that it answers for as long as the database does."""

import threading
import time

from wsgi_app.core.readiness import Readiness
from wsgi_app.services.sdnotify import Notices

#: seconds between two looks while the worker has not come up
ASK_SECONDS = 0.5


def start(notices: Notices, readiness: Readiness) -> None:
    """Look at the database now and then in a thread, and tell what is found, if anybody wants to know."""
    if notices.wanted:
        threading.Thread(target=_beat, args=(notices, readiness), name="pulse", daemon=True).start()


def _beat(notices: Notices, readiness: Readiness) -> None:
    while not reaches_database(readiness):
        time.sleep(ASK_SECONDS)
    notices.at_work()
    while notices.interval is not None:
        time.sleep(notices.interval)
        if reaches_database(readiness):
            notices.alive()


def reaches_database(readiness: Readiness) -> bool:
    """Return whether the database answers. One that somebody has locked does: starting anew would not unlock it."""
    database, _ = readiness.look_at_database()
    return database.reason is None or database.readable

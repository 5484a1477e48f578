"""gunicorn's configuration, as far as it is code: what its workers inherit from their master, and begin with."""

import importlib
import os
import sys
from typing import Any

from wsgi_app.lasting import lasting
from wsgi_app.services import pulse, sdnotify


def on_starting(server: Any) -> None:
    """Import the application before the workers are forked: one that was killed is replaced at once.

    The modules only. What is opened (the database, threads) is each worker's own.
    """
    with lasting():
        for name in ("wsgi_app.app", "wsgi_app.store.migrations"):
            importlib.import_module(name)
    # only a worker knows when calls can be answered: out of the master's environment, so that it does not say READY
    server.notices = sdnotify.taken(os.environ)


def pre_fork(server: Any, worker: Any) -> None:
    """Hand on to a worker whom it is to tell how it is."""
    worker.notices = server.notices


def post_worker_init(worker: Any) -> None:
    """Have a worker that has loaded the application tell how it is; nothing is imported from the data from now on."""
    # gunicorn has put the directory that it was started in, which is the data's, before all others, in spite of -P
    sys.path[:] = [place for place in sys.path if place != worker.cfg.chdir]
    pulse.start(worker.notices, worker.wsgi.gateway.readiness)

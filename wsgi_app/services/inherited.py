"""gunicorn's configuration, as far as it is code: what its workers inherit from their master."""

import importlib


def on_starting(_server: object) -> None:
    """Import the application before the workers are forked: one that was killed is replaced at once.

    The modules only. What is opened (the database, threads) is each worker's own.
    """
    importlib.import_module("wsgi_app.app")

"""The `tackroom` command."""

from wsgi_app.cli.main import main

__all__ = ["main"]

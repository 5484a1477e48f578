"""The native API: jobs, recipes, systems and events as JSON. See README.md beside this file."""

from wsgi_app.protocols.native.app import make_app

__all__ = ["make_app"]

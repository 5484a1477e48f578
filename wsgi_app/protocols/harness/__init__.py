"""Beaker's harness HTTP API: what test systems say. See README.md beside this file."""

from wsgi_app.protocols.harness.app import make_app

__all__ = ["make_app"]

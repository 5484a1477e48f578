"""LAVA's doors for readers and submitters: XML-RPC, REST v0.2, logs. See README.md beside this file."""

from wsgi_app.protocols.lava.app import make_app

__all__ = ["make_app"]

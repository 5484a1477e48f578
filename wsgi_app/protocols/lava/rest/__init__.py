"""LAVA's REST API v0.2, and older URLs, for readers, submitters and scripts. Source: readers-lava.md section 8."""

from wsgi_app.protocols.lava.rest.app import make_app

__all__ = ["make_app"]

"""The job-control API of ConTest, version 5, in Python and over HTTP. See README.md beside this file."""

from wsgi_app.protocols.contest.app import RULES, make_app

__all__ = ["RULES", "make_app"]

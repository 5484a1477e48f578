"""Perspective Broker: the wire of Buildbot's workers. Twisted is imported in this package and nowhere else.

It needs no reactor of its own: `prepare` lays one over the asyncio loop that runs.
"""

from wsgi_app.harnesses.buildbot.pb.door import Door, Limits
from wsgi_app.harnesses.buildbot.pb.overloop import prepare

__all__ = ["Door", "Limits", "prepare"]

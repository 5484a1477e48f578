"""The workers' gateway: stock buildbot-workers run recipes.

It is the master side of Buildbot's worker protocol (the package `pb`, where alone Twisted is), and towards the
controller a harness like any other: HTTP, and no other way in. Source: protocols/workers-buildbot.md.
"""

"""What the indexer says of itself, for whoever watches over it."""

import time
from collections.abc import Mapping

from wsgi_app.indexer.backlog import Backlog
from wsgi_app.indexer.ongoing import Ongoing
from wsgi_app.indexer.tree import Tree


def take(recipes: Mapping[int, Ongoing], backlog: Backlog, tree: Tree) -> dict[str, object]:
    """Return its figures: closed logs that wait to be read or are being read, and for how long the oldest does."""
    now = time.monotonic()
    waits = backlog.waits(recipes)
    return {
        "recipes": len(recipes),
        "backlog": len(waits),
        "lag_seconds": round(now - min(waits, default=now), 3),
        "watches": tree.watches,
        "watch_limit": tree.watch_limit,
        "overflows": tree.overflows,
        "blind": tree.blind,
    }

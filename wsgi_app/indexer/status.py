"""What the indexer says of itself, for whoever watches over it."""

import time
from collections.abc import Iterable, Mapping

from wsgi_app.indexer.ongoing import Ongoing
from wsgi_app.indexer.tree import Tree
from wsgi_app.model import LogAddress


class Status:
    """How far the indexer is behind, and how it watches; it remembers since when each log waits."""

    def __init__(self) -> None:
        self._since: dict[LogAddress, float] = {}

    def take(self, recipes: Mapping[int, Ongoing], reading: Iterable[LogAddress], tree: Tree) -> dict[str, object]:
        """Return its figures: closed logs that wait to be read or are being read, and for how long the oldest does."""
        now = time.monotonic()
        waiting = {*reading, *_closed(recipes.values())}
        self._since = {address: self._since.get(address, now) for address in waiting}
        oldest = min(self._since.values(), default=now)
        return {
            "recipes": len(recipes),
            "backlog": len(waiting),
            "lag_seconds": round(now - oldest, 3),
            "watches": tree.watches,
            "watch_limit": tree.watch_limit,
            "overflows": tree.overflows,
            "blind": tree.blind,
        }


def _closed(recipes: Iterable[Ongoing]) -> Iterable[LogAddress]:
    for recipe in recipes:
        for path in recipe.pending:
            address = recipe.logs[path]
            if recipe.closed(address):
                yield address

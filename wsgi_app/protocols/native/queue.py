"""The queue: which recipe sets wait for systems, and why."""

import re

from werkzeug.wrappers import Response

from wsgi_app.clock import rfc3339
from wsgi_app.core.gateway import Gateway
from wsgi_app.core.queue import Place, Waiting
from wsgi_app.errors import Invalid
from wsgi_app.protocols import web
from wsgi_app.protocols.native.wire import LARGEST_ID, LARGEST_PAGE, PAGE
from wsgi_app.protocols.web import Request

#: priority and set of the last entry of a page
_PLACE = re.compile(r"([0-9]{1,3})-([0-9]{1,10})", re.ASCII)


class Queue:
    """What waits."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def page(self, request: Request) -> Response:
        """GET /queue."""
        limit = request.number("limit", PAGE, least=1, most=LARGEST_PAGE)
        job = request.number("job", 0, least=0, most=LARGEST_ID)
        found = self._gateway.queue.page(request.caller, job=job or None, after=_place(request), limit=limit)
        last = found[-1] if len(found) == limit else None
        after = None if last is None else f"{last.job.priority}-{last.recipe_set}"
        return web.json_response(
            {"queue": [_value(waiting) for waiting in found], "next": web.next_page(request, after)}
        )


def _place(request: Request) -> Place | None:
    text = request.text("after")
    if text is None:
        return None
    found = _PLACE.fullmatch(text)
    if found is None:
        raise Invalid("after reads PRIORITY-SET", field="after")
    return Place(int(found[1]), int(found[2]))


def _value(waiting: Waiting) -> dict[str, object]:
    return {
        "job": waiting.job.id,
        "name": waiting.job.name,
        "owner": waiting.job.owner,
        "priority": waiting.job.priority,
        "recipe_set": waiting.recipe_set,
        "recipes": [recipe.id for recipe in waiting.recipes],
        "since": rfc3339(waiting.job.submitted),
        "reason": waiting.reason,
    }

"""Sync over HTTP: each handler decodes, calls one gateway method, encodes. Source: design.md section 6."""

import json
from typing import Any

from werkzeug.wrappers import Response

from wsgi_app.clock import rfc3339
from wsgi_app.core.gateway import Gateway
from wsgi_app.core.sync import StateOverview
from wsgi_app.documents import jobjson
from wsgi_app.errors import BadDocument, TooLarge
from wsgi_app.model import Attendant
from wsgi_app.protocols import web
from wsgi_app.protocols.native.wire import LARGEST_PAGE, LONGEST_WAIT, PAGE, WAIT
from wsgi_app.protocols.web import Request

#: bytes that a recipe may say to the others with a state, and how deep it may nest them
LONGEST_SAYING = 4096
DEEPEST_SAYING = 32


class Sync:
    """Where the recipes of a set meet."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def arrive(self, request: Request, recipe: int, state: str) -> Response:
        """PUT /recipes/R/sync/STATE: 201 the first time, then 204."""
        if self._gateway.sync.arrive(request.caller, recipe, state, lambda: _saying(request)):
            return web.json_response({"recipe": recipe, "state": state}, 201)
        return web.no_content()

    def wait(self, request: Request, recipe: int, state: str) -> Response:
        """GET /recipes/R/sync/STATE."""
        found = self._gateway.sync.wait(
            request.caller,
            recipe,
            state,
            role=request.text("role"),
            any_one=request.flag("any"),
            others=request.flag("others"),
            seconds=request.number("timeout", WAIT, least=0, most=LONGEST_WAIT),
        )
        return web.json_response(
            {
                "reached": found.reached,
                "waiting_for": [
                    {"recipe": one.recipe, "system": one.system, "role": one.role} for one in found.missing
                ],
                "said": {str(one.recipe): _said(one) for one in found.there},
            }
        )

    def overview(self, request: Request, recipe: int) -> Response:
        """GET /recipes/R/sync/: the states of the recipe's set."""
        limit = request.number("limit", PAGE, least=1, most=LARGEST_PAGE)
        after = request.text("after") or ""
        found = self._gateway.sync.overview(request.caller, recipe, after=after, limit=limit)
        following = web.next_page(request, found.states[-1].state) if found.more else None
        return web.json_response({"states": [_state_value(state) for state in found.states], "next": following})


def _state_value(state: StateOverview) -> dict[str, Any]:
    return {
        "state": state.state,
        "recipes": [
            {
                "recipe": one.recipe,
                "system": one.system,
                "role": one.role,
                "status": one.status,
                "there": rfc3339(one.there),
                "said": _said(one),
                "waiting": one.recipe in state.waiting,
            }
            for one in state.recipes
        ],
    }


def _said(one: Attendant) -> Any:
    return None if one.said is None else json.loads(one.said)


def _saying(request: Request) -> str | None:
    """Return what a recipe says as JSON text, None for nothing. Raises `TooLarge`, `BadDocument`."""
    if (request.content_length or 0) > LONGEST_SAYING:
        raise TooLarge(f"what is said with a sync state has at most {LONGEST_SAYING} bytes")
    body = request.get_data()
    if not body:
        return None
    value = jobjson.parse(body)
    if _deeper(value, DEEPEST_SAYING):
        raise BadDocument(f"what is said with a sync state is nested at most {DEEPEST_SAYING} deep")
    text = json.dumps(value, ensure_ascii=False)
    if not jobjson.is_text(text):
        raise BadDocument("half a surrogate pair is no text")
    return text


def _deeper(value: object, deepest: int) -> bool:
    """Return whether arrays and objects are nested deeper than that: answers nest them deeper still."""
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return deepest == 0 or any(_deeper(one, deepest - 1) for one in inner)

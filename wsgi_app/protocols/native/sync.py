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
from wsgi_app.protocols.native.jobs import LONGEST_WAIT, WAIT
from wsgi_app.protocols.web import Request

#: bytes that a recipe may say to the others with a state
LONGEST_SAYING = 4096


class Sync:
    """Where the recipes of a set meet."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def arrive(self, request: Request, recipe: int, state: str) -> Response:
        """PUT /recipes/R/sync/STATE: 201 the first time, then 204."""
        said = _saying(request.get_data())
        if self._gateway.sync.arrive(request.caller, recipe, state, said):
            return web.json_response({"recipe": recipe, "state": state}, 201)
        return web.no_content()

    def wait(self, request: Request, recipe: int, state: str) -> Response:
        """GET /recipes/R/sync/STATE."""
        found = self._gateway.sync.wait(
            request.caller,
            recipe,
            state,
            role=request.args.get("role"),
            any_one=request.flag("any"),
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
        """GET /recipes/R/sync/: all states of the recipe's set."""
        found = self._gateway.sync.overview(request.caller, recipe)
        return web.json_response({"states": [_state_value(state) for state in found]})


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


def _saying(body: bytes) -> str | None:
    """Return what a recipe says as JSON text, None for nothing. Raises `TooLarge`, `BadDocument`."""
    if not body:
        return None
    if len(body) > LONGEST_SAYING:
        raise TooLarge(f"what is said with a sync state has at most {LONGEST_SAYING} bytes")
    value = jobjson.parse(body)
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError):
        raise BadDocument("a number in it is too large for JSON") from None
    if not jobjson.is_text(text):
        raise BadDocument("half a surrogate pair is no text")
    return text

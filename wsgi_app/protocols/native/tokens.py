"""Tokens: each handler decodes, calls one gateway method, encodes."""

import re
from datetime import UTC, datetime
from typing import Any

from werkzeug.wrappers import Response

from wsgi_app.clock import rfc3339
from wsgi_app.core.gateway import Gateway
from wsgi_app.documents import jobjson
from wsgi_app.errors import Invalid
from wsgi_app.model import Token
from wsgi_app.protocols import web
from wsgi_app.protocols.native import wire
from wsgi_app.protocols.native.wire import LARGEST_ID, LARGEST_PAGE, PAGE
from wsgi_app.protocols.web import Request

#: RFC 3339, date-time
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)


class Tokens:
    """What users prove by who they are."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def page(self, request: Request) -> Response:
        """GET /tokens/."""
        limit = request.number("limit", PAGE, least=1, most=LARGEST_PAGE)
        after = request.number("after", 0, least=0, most=LARGEST_ID)
        found = self._gateway.tokens.page(request.caller, user=request.text("user"), after=after, limit=limit)
        last = found[-1].id if len(found) == limit else None
        return web.json_response({"tokens": [_value(token) for token in found], "next": web.next_page(request, last)})

    def create(self, request: Request) -> Response:
        """POST /tokens/."""
        issued = self._gateway.tokens.create(request.caller, **_read(request))
        # it is told once: nobody in between is to keep it
        return web.json_response(
            {**_value(issued.token), "token": issued.secret}, 201, headers={"Cache-Control": "no-store"}
        )

    def revoke(self, request: Request, token: int) -> Response:
        """DELETE /tokens/ID."""
        self._gateway.tokens.revoke(request.caller, token)
        return web.no_content()


def _value(token: Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "user": token.user,
        "name": token.name,
        "scopes": list(token.scopes),
        "created": rfc3339(token.created),
        "expires": rfc3339(token.expires),
    }


def _read(request: Request) -> dict[str, Any]:
    """Return what the body says of a token. Raises `BadDocument`, `Invalid` naming the field."""
    given = wire.read_json(request)
    if not isinstance(given, dict):
        raise Invalid("a JSON object is expected")
    unknown = sorted(set(given) - {"name", "user", "scopes", "expires"})
    if unknown:
        raise Invalid(f"a token has no {unknown[0]}", field=unknown[0])
    if given.get("name") is None:
        raise Invalid("name is missing", field="name")
    values: dict[str, Any] = {}
    for field in ("name", "user"):
        text = given.get(field)
        if text is not None:
            if not (isinstance(text, str) and jobjson.is_text(text)):
                raise Invalid(f"{field} must be a string", field=field)
            values[field] = text
    if "scopes" in given:
        scopes = given["scopes"]
        if not (isinstance(scopes, list) and all(isinstance(scope, str) for scope in scopes)):
            raise Invalid("scopes must be an array of strings", field="scopes")
        values["scopes"] = tuple(scopes)
    if given.get("expires") is not None:
        values["expires"] = _seconds(given["expires"])
    return values


def _seconds(value: object) -> float:
    """Return an RFC 3339 time as seconds since the epoch."""
    if isinstance(value, str) and _TIME.fullmatch(value):
        try:
            moment = datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            # a 13th month, or a year of more than four digits in UTC
            pass
        else:
            return moment.timestamp()
    raise Invalid("expires is a time such as 2027-01-31T12:00:00Z, or null", field="expires")

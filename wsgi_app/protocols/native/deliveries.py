"""Deliveries, and where users are reached: each handler decodes, calls one gateway method, encodes."""

from typing import Any

from attrs import asdict
from werkzeug.wrappers import Response

from wsgi_app.clock import rfc3339
from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
from wsgi_app.documents import jobjson
from wsgi_app.errors import Invalid
from wsgi_app.notification import Address, Attempt, BodyForm, Callback, Dataset, Delivery, DeliveryState, Method
from wsgi_app.protocols import web
from wsgi_app.protocols.native.systems import read_object
from wsgi_app.protocols.native.wire import LARGEST_ID, LARGEST_PAGE, PAGE
from wsgi_app.protocols.web import Request

_ADDRESS = ("email", "irc_handle", "irc_server")
_TEST = ("method", "target", "callback")
_CALLBACK = {"method": None, "token": None, "header": None, "dataset": Dataset, "content_type": BodyForm}


class Deliveries:
    """What is sent to receivers outside."""

    def __init__(self, gateway: Gateway, config: Config) -> None:
        self._gateway = gateway
        self._config = config

    def page(self, request: Request) -> Response:
        """GET /deliveries/."""
        limit = request.number("limit", PAGE, least=1, most=LARGEST_PAGE)
        found = self._gateway.deliveries.page(
            request.caller,
            states=request.words("state", DeliveryState),
            methods=request.words("method", Method),
            recipe=request.number("recipe", 0, least=0, most=LARGEST_ID) or None,
            job=request.number("job", 0, least=0, most=LARGEST_ID) or None,
            after=request.number("after", 0, least=0, most=LARGEST_ID),
            limit=limit,
        )
        last = found[-1].id if len(found) == limit else None
        values = [_value(delivery) for delivery in found]
        return web.json_response({"deliveries": values, "next": web.next_page(request, last)})

    def get(self, request: Request, delivery: int) -> Response:
        """GET /deliveries/ID."""
        found = self._gateway.deliveries.get(request.caller, delivery)
        log = self._gateway.deliveries.attempts(request.caller, delivery)
        return web.json_response({**_value(found), "log": [_attempt(one) for one in log]})

    def redeliver(self, request: Request, delivery: int) -> Response:
        """POST /deliveries/ID/redeliver."""
        return self._made(self._gateway.deliveries.redeliver(request.caller, delivery))

    def test(self, request: Request) -> Response:
        """POST /deliveries/test."""
        given = read_object(request)
        _only(given, _TEST, "a test has no {}", "")
        method = given.get("method")
        if method not in list(Method):
            raise Invalid(f"method is one of {', '.join(Method)}", field="method")
        target = _text(given.get("target"), "target")
        callback = None if given.get("callback") is None else _callback(given["callback"], target)
        if callback is not None and method != Method.CALLBACK:
            raise Invalid("only a callback has this", field="callback")
        return self._made(self._gateway.deliveries.test(request.caller, Method(method), target, callback))

    def get_address(self, request: Request, user: str) -> Response:
        """GET /users/NAME/address."""
        return web.json_response(asdict(self._gateway.addresses.get(request.caller, user)))

    def put_address(self, request: Request, user: str) -> Response:
        """PUT /users/NAME/address."""
        given = read_object(request)
        _only(given, _ADDRESS, "an address has no {}", "")
        values = {name: None if given.get(name) is None else _text(given[name], name) for name in _ADDRESS}
        return web.json_response(asdict(self._gateway.addresses.put(request.caller, Address(user, **values))))

    def remove_address(self, request: Request, user: str) -> Response:
        """DELETE /users/NAME/address."""
        self._gateway.addresses.remove(request.caller, user)
        return web.no_content()

    def _made(self, delivery: Delivery) -> Response:
        location = f"{self._config.prefix}deliveries/{delivery.id}"
        return web.json_response(_value(delivery), 201, {"Location": location})


def _value(delivery: Delivery) -> dict[str, Any]:
    order = delivery.order
    return {
        "id": delivery.id,
        "key": delivery.key,
        "job": delivery.job,
        "recipe": delivery.recipe,
        "owner": delivery.owner,
        "transition": None if order.test else delivery.transition,
        "method": delivery.method,
        "target": delivery.target,
        "user": order.user,
        "callback": None if order.callback is None else _callback_value(order.callback),
        "test": order.test,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "due": rfc3339(delivery.due),
        "created": rfc3339(delivery.created),
        "ended": rfc3339(delivery.ended),
        "reason": delivery.reason,
        "status": delivery.status,
        "copy_of": delivery.copy_of,
    }


def _callback_value(callback: Callback) -> dict[str, Any]:
    # its token is nobody's business any more; that there is one helps to find out why a receiver says no
    return {
        "method": callback.method,
        "header": None if callback.token is None else callback.header,
        "dataset": callback.dataset,
        "content_type": callback.content_type,
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "began": rfc3339(attempt.began),
        "seconds": round(attempt.seconds, 3),
        "outcome": attempt.outcome,
        "status": attempt.status,
        "reason": attempt.reason,
    }


def _callback(given: object, url: str) -> Callback:
    if not isinstance(given, dict):
        raise Invalid("callback must be an object", field="callback")
    _only(given, tuple(_CALLBACK), "a callback has no {}", "callback.")
    values: dict[str, Any] = {}
    for name, kind in _CALLBACK.items():
        value = given.get(name)
        if value is None:
            continue
        if kind is None:
            values[name] = _text(value, f"callback.{name}")
        elif value in list(kind):
            values[name] = kind(value)
        else:
            raise Invalid(f"{name} is one of {', '.join(kind)}", field=f"callback.{name}")
    return Callback(url, **values)


def _only(given: dict[str, Any], names: tuple[str, ...], message: str, where: str) -> None:
    for name in given:
        if name not in names:
            raise Invalid(message.format(name), field=f"{where}{name}")


def _text(value: object, field: str) -> str:
    if not (isinstance(value, str) and value and jobjson.is_text(value)):
        raise Invalid(f"{field} must be a string that is not empty", field=field)
    return value

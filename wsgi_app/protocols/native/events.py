"""Events, in pages and as a stream: each handler decodes, calls one gateway method, encodes."""

import json
from collections.abc import Iterator

from werkzeug.wrappers import Response

from wsgi_app.core.events import Stream
from wsgi_app.core.gateway import Gateway
from wsgi_app.errors import Invalid, TackroomError
from wsgi_app.model import Event
from wsgi_app.protocols import web
from wsgi_app.protocols.native import wire
from wsgi_app.protocols.native.wire import LARGEST_PAGE, PAGE
from wsgi_app.protocols.web import Request

#: https://html.spec.whatwg.org/multipage/server-sent-events.html
STREAM = "text/event-stream"

#: milliseconds after which a client that lost its stream comes back
RETRY = 2000
#: seconds without an event after which a stream says that it is still there. A client that is gone is noticed when
#: something is sent to it: embedded by the second time, behind httpd by the third, and its thread is free again
STILL_SECONDS = 10.0

_LARGEST_ID = 2**62
#: digits
_LONGEST_ID = 18


class Events:
    """What happened."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def get(self, request: Request) -> Response:
        """GET /events: a page, or a stream for those who would rather have that."""
        wanted = request.accept_mimetypes.best_match([web.JSON, STREAM], web.JSON)
        return self._stream(request) if wanted == STREAM else self._page(request)

    def _page(self, request: Request) -> Response:
        limit = request.number("limit", PAGE, least=1, most=LARGEST_PAGE)
        after = request.number("after", 0, least=0, most=_LARGEST_ID)
        topics = request.args.getlist("topic")
        found = self._gateway.events.page(request.caller, after=after, limit=limit, topics=topics)
        last = found[-1].id if len(found) == limit else None
        return web.json_response(
            {"events": [wire.event_value(event) for event in found], "next": web.next_page(request, last)}
        )

    def _stream(self, request: Request) -> Response:
        stream = self._gateway.events.follow(
            request.caller, after=_start(request), topics=request.args.getlist("topic"), pause=STILL_SECONDS
        )
        response = Response(_blocks(stream), content_type=STREAM, headers={"Cache-Control": "no-store"})
        response.call_on_close(stream.close)
        return response


def _start(request: Request) -> int | None:
    """Return the id behind which a stream is to begin, None for what happens from now on. Raises `Invalid`."""
    last = request.headers.get("Last-Event-ID")
    if last is None:
        after = request.number("after", -1, least=0, most=_LARGEST_ID)
        return None if after < 0 else after
    if not (last.isascii() and last.isdigit() and len(last) <= _LONGEST_ID):
        raise Invalid("Last-Event-ID is the id of an event", field="Last-Event-ID")
    return int(last)


def _blocks(stream: Stream) -> Iterator[str]:
    """Yield a stream as it goes over the wire."""
    # the id makes those who begin now resume here, too, when they are cut off before the first event
    yield f"retry: {RETRY}\nid: {stream.after}\n\n"
    try:
        for events in stream:
            yield "".join(map(_block, events)) or ": still here\n\n"
    except TackroomError:
        # the token is void, or the database busy: the end; who comes back is told
        return


def _block(event: Event) -> str:
    # JSON of ours has no line ends
    data = json.dumps(wire.event_value(event), ensure_ascii=False, separators=(",", ":"))
    return f"id: {event.id}\nevent: {event.topic}\ndata: {data}\n\n"

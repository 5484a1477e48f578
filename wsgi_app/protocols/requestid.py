"""The id of a request: one word that httpd, the application and the indexer all write beside what they say of it."""

import re
import secrets
from collections.abc import Iterable
from typing import Any

from wsgi_app import logging
from wsgi_app.protocols.web import REQUEST_ID, Environ, StartResponse, WSGIApplication

HEADER = "X-Request-Id"
#: what mod_unique_id makes, and more
_ID = re.compile(r"[A-Za-z0-9@_-]{1,64}")


def identified(application: WSGIApplication, *, embedded: bool) -> WSGIApplication:
    """Return the application with an id for each request, which is in the log lines of the thread that answers it.

    httpd says which, and answers with it itself. Embedded mode believes nobody: it makes one, and answers with it.
    """

    def answer(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        given = "" if embedded else environ.get("HTTP_X_REQUEST_ID", "")
        known = given if _ID.fullmatch(given) else secrets.token_urlsafe(18)
        environ[REQUEST_ID] = known
        # until the thread answers the next one: a stream goes on after this function
        logging.request.set(known)

        def begin(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, [*headers, (HEADER, known)], *rest)

        return application(environ, begin if embedded else start_response)

    return answer

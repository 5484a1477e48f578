"""What browsers must not be made to do: the rules of both planes (apache/parts/logs.conf has the same).

A browser sends us what it has, Basic credentials and its machine's address, whoever's page makes it ask; but it says
so: by `Origin` with all that is not GET or HEAD, and by `Sec-Fetch-Site` where the URL is https or this machine's.
Sources: https://fetch.spec.whatwg.org/#origin-header, https://www.w3.org/TR/fetch-metadata/
"""

import re
from collections.abc import Iterable
from typing import Any

from wsgi_app.protocols.web import Environ, StartResponse, WSGIApplication

#: an answer is no page that runs anything, is shown in no frame, read by no other site, kept by nobody, and tells no
#: other site where somebody came from; what has its own word for one of these keeps that
SAFE = (
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "sandbox; default-src 'none'"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
)

#: a GET that changes something, as installers call it
_CALLBACK = re.compile(r"/(?:install_start|install_done|postinstall_done|install_fail)/.*", re.DOTALL)


def is_foreign(environ: Environ, path: str, *, embedded: bool) -> bool:
    """Whether a browser asks, for a page of another site, for a change; behind httpd, which has seen the host, less.

    An installer's callback changes something by GET, too, of which browsers say nothing over plain HTTP; but they alone
    say which language they want, so these calls are not for them at all.
    """
    callback = _CALLBACK.fullmatch(path) is not None
    if callback and "HTTP_ACCEPT_LANGUAGE" in environ:
        return True
    if environ["REQUEST_METHOD"] in ("GET", "HEAD") and not callback:
        return False
    if environ.get("HTTP_SEC_FETCH_SITE", "").lower() in ("cross-site", "same-site"):
        return True
    origin = environ.get("HTTP_ORIGIN", "").lower()
    host = environ.get("HTTP_HOST", "").lower()
    return embedded and bool(origin) and origin not in (f"http://{host}", f"https://{host}")


def guarded(application: WSGIApplication) -> WSGIApplication:
    """Return the application with `SAFE` added to all of its answers."""

    def answer(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            given = {name.lower() for name, _ in headers}
            return start_response(status, [*headers, *(pair for pair in SAFE if pair[0].lower() not in given)], *rest)

        return application(environ, start)

    return answer

"""The API below /contest/."""

import socket
from collections.abc import Iterable

from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
from wsgi_app.protocols.contest.api import API
from wsgi_app.protocols.contest.listener import VERBS, HTTPListener
from wsgi_app.protocols.web import Environ, StartResponse, WSGIApplication

PLACE = "/contest"
#: URL rules of its calls
RULES = tuple(f"{PLACE}/{verb}" for verb in VERBS)


def make_app(gateway: Gateway, config: Config) -> WSGIApplication:
    """Return the WSGI application of the job-control API."""
    api = API(gateway, config.event_timeout, lambda: config.server_id or socket.gethostname())
    listener = HTTPListener().serve(api)

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        moved = {"SCRIPT_NAME": environ["SCRIPT_NAME"] + PLACE, "PATH_INFO": environ["PATH_INFO"][len(PLACE) :]}
        return listener({**environ, **moved}, start_response)

    return application

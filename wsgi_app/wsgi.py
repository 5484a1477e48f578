"""What gunicorn starts: `gunicorn "wsgi_app.wsgi:application()"`."""

import signal
from types import FrameType

from wsgi_app import logging
from wsgi_app.app import Application, create_app
from wsgi_app.config import load


def application() -> Application:
    """Return the application with the settings that the environment and the configuration file give."""
    logging.set_up("web")
    made = create_app(load().config)
    before = signal.getsignal(signal.SIGTERM)

    def leave(number: int, frame: FrameType | None) -> None:
        # what waits would outlast gunicorn's patience, and httpd would say 502
        made.gateway.send_home()
        if callable(before):
            before(number, frame)

    signal.signal(signal.SIGTERM, leave)
    return made

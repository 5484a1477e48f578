"""What gunicorn starts: `gunicorn "wsgi_app.wsgi:application()"`."""

from wsgi_app import logging
from wsgi_app.app import Application, create_app
from wsgi_app.config import load


def application() -> Application:
    """Return the application with the settings that the environment and the configuration file give."""
    logging.set_up("web")
    return create_app(load().config)

"""The server itself: its version, who asks, and what master_config says. No passwords here."""

from werkzeug.wrappers import Response

from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
from wsgi_app.errors import Invalid
from wsgi_app.protocols import web
from wsgi_app.protocols.lava.app import VERSION
from wsgi_app.protocols.lava.configuration import master_config
from wsgi_app.protocols.web import Request

#: what clients find at the root
_LISTS = ("jobs", "devices", "devicetypes", "workers", "aliases", "tags")


class System:
    """What a client asks first."""

    def __init__(self, gateway: Gateway, config: Config) -> None:
        self._gateway = gateway
        self._config = config

    def root(self, _request: Request) -> Response:
        """GET /api/v0.2/, and /api/: the lists that there are, each with its URL."""
        base = f"{self._config.public_url}api/v0.2/"
        return web.json_response({name: f"{base}{name}/" for name in _LISTS})

    def version(self, _request: Request) -> Response:
        """GET system/version/."""
        return web.json_response({"version": VERSION})

    def whoami(self, request: Request) -> Response:
        """GET system/whoami/; null for those who send no token."""
        return web.json_response({"user": self._gateway.access.user(request.caller)})

    def master_config(self, _request: Request) -> Response:
        """GET system/master_config/."""
        return web.json_response(master_config(self._config))

    def token(self, _request: Request) -> Response:
        """POST token/: always 400."""
        raise Invalid("users have no passwords here: make a token (`tackroom token create`), or ask an administrator")

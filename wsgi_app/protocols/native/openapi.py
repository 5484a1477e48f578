"""The document of the whole HTTP API, written by hand beside this file: openapi.yaml."""

from importlib import resources

from werkzeug.wrappers import Response

from wsgi_app.config import Config
from wsgi_app.protocols.web import Request

#: RFC 9512
YAML = "application/yaml"

#: what the file has for the server's URL; paths begin with a slash of their own
_SERVER = "\n  - url: /\n"


class OpenAPI:
    """What can be asked, and what is answered."""

    def __init__(self, config: Config) -> None:
        self._server = config.prefix.rstrip("/") or "/"

    def get(self, _request: Request) -> Response:
        """GET /openapi.yaml: the document with this site's prefix as the server's URL."""
        text = resources.files(__package__).joinpath("openapi.yaml").read_text(encoding="utf-8")
        return Response(text.replace(_SERVER, f"\n  - url: {self._server}\n", 1), content_type=YAML)

"""What an installer calls: harness-beaker.md 1.3. Answers are Python literals, as Beaker's are."""

from werkzeug.wrappers import Response

from wsgi_app.core.gateway import Gateway
from wsgi_app.protocols.web import Request


class Installs:
    """Installer callbacks, of any verb."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def begin(self, request: Request, recipe: int) -> Response:
        """/install_start/R: True the first time, then False."""
        return _literal(self._gateway.installs.begin(request.caller, recipe))

    def finish(self, request: Request, recipe: int, name: str | None = None) -> Response:
        """/install_done/R/NAME: the name in force; a name here would be a guest's, which we have none of."""
        return _literal(self._gateway.installs.finish(request.caller, recipe))

    def finish_post(self, request: Request, recipe: int) -> Response:
        """/postinstall_done/R."""
        self._gateway.installs.finish_post(request.caller, recipe)
        return _literal(True)

    def fail(self, request: Request, recipe: int) -> Response:
        """/install_fail/R: abort the recipe."""
        self._gateway.installs.fail(request.caller, recipe)
        return _literal(None)


def _literal(value: object) -> Response:
    return Response(repr(value), content_type="text/plain; charset=utf-8")

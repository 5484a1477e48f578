"""The least that a Werkzeug application can do, for the gunicorn that runs ours: what the calls are compared with."""

from werkzeug.wrappers import Request, Response

from wsgi_app.protocols.web import WSGIApplication


def application() -> WSGIApplication:
    """Return it."""

    @Request.application
    def hello(_request: Request) -> Response:
        return Response("hello\n")

    return hello

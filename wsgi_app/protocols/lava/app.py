"""LAVA's XML-RPC at /RPC2; its REST API and older URLs are in rest/."""

from wsgi_app import __version__
from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
from wsgi_app.protocols.lava import wire
from wsgi_app.protocols.lava.calls import table
from wsgi_app.protocols.lava.endpoint import Endpoint, refuse
from wsgi_app.protocols.rpc import Server
from wsgi_app.protocols.web import Face, Route, WSGIApplication

#: whose calls these are: clients choose arguments by year and month
VERSION = f"2026.09+tackroom.{__version__}"

_CAPABILITIES = {
    "introspect": {"specUrl": "http://xmlrpc-c.sourceforge.net/xmlrpc-c/introspection.html", "specVersion": 1},
    "faults_interop": {
        "specUrl": "http://xmlrpc-epi.sourceforge.net/specs/rfc.fault_codes.php",
        "specVersion": 20010516,
    },
    "auth_token": {"specUrl": "docs/reference/lava.md", "specVersion": 1},
}


def make_app(gateway: Gateway, config: Config) -> WSGIApplication:
    """Return the WSGI application of the XML-RPC endpoint."""
    server = Server(table(gateway, config, VERSION), wire.fault_of, _CAPABILITIES)
    endpoint = Endpoint(gateway, config, server)
    return Face(
        [
            # both: with one of them, another method would find nothing at the other
            *(Route(rule, ["POST"], endpoint.post) for rule in ("/RPC2", "/RPC2/")),
            *(Route(rule, ["GET"], endpoint.to_help) for rule in ("/RPC2", "/RPC2/")),
            Route("/api/help/", ["GET"], endpoint.help),
        ],
        refuse,
    )

"""TLS of the door: a certificate with its chain, and its key, out of PEM files."""

from __future__ import annotations

from pathlib import Path

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from zope.interface import implementer

from wsgi_app.harnesses.plain import plain


@implementer(IOpenSSLServerConnectionCreator)
class Settings:
    """What Twisted asks for the settings of each connection: made once, of files that are read once."""

    def __init__(self, certificate: str, key: str) -> None:
        """Read the files; raises OSError, or ValueError when they hold no certificate or not its key."""
        for path in (certificate, key):
            Path(path).open("rb").close()  # a better word for a missing file than OpenSSL's
        self._context = SSL.Context(SSL.TLS_SERVER_METHOD)
        self._context.set_min_proto_version(SSL.TLS1_2_VERSION)
        try:
            self._context.use_certificate_chain_file(certificate)
            self._context.use_privatekey_file(key)
            self._context.check_privatekey()
        except SSL.Error as error:
            raise ValueError(plain(f"{certificate}, {key}: no certificate with its key ({error})")) from error

    def serverConnectionForTLS(self, _protocol: object) -> SSL.Connection:  # noqa: N802 (Twisted's name)
        """A new connection by these settings."""
        return SSL.Connection(self._context, None)

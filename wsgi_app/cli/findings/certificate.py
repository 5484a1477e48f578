"""The certificate that an https base_url shows: whether others can trust it, and for how long."""

import socket
import ssl
import time
from urllib.parse import urlsplit

from wsgi_app.cli.findings.finding import Finding
from wsgi_app.cli.running import by_units
from wsgi_app.cli.trust import mistrust
from wsgi_app.config import without_password

#: seconds before its end from which on the play makes another
SOON = 30 * 86400.0
#: seconds for the connection
_PATIENCE = 10


def certificate(url: str) -> Finding | None:
    """Look at the certificate of who answers at an https URL; None when nobody does, or not by TLS."""
    shown_url = without_password(url)
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        with (
            socket.create_connection((host, parts.port or 443), _PATIENCE) as plain,
            ssl.create_default_context().wrap_socket(plain, server_hostname=host) as secure,
        ):
            shown = secure.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        what, mend = mistrust(error)
        return Finding("certificate", f"what answers at {shown_url} {what}", mend)
    # that nobody answers, or that this is no URL, is found by who calls
    except (OSError, ValueError):
        return None
    end = ssl.cert_time_to_seconds(str(shown["notAfter"]))
    days = int((end - time.time()) // 86400)
    what = f"the certificate of {shown_url} is trusted, and good for {days} more days"
    return Finding("certificate", what, _renewal() if end - time.time() < SOON else None)


def _renewal() -> str:
    if not by_units():
        return "renew it, and let httpd read it again"
    return (
        "run the play again: it renews a certificate of the lab's own CA; one that you gave it is renewed by you first "
        "(lab_controller_certificate)"
    )

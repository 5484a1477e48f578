"""Whether httpd can use a certificate and its key."""

import ssl
from pathlib import Path


def unusable(certificate: Path, key: Path) -> str | None:
    """Return why a server cannot be started with this certificate and this key (PEM files), or None.

    It is the same library that httpd asks. Dates and names are not looked at: httpd serves with any.
    """
    for path in (certificate, key):
        try:
            path.read_bytes()
        except OSError as error:
            return f"{path}: {error.strerror}"
    try:
        # nobody is there to type a passphrase
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=lambda: "")
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None)
        if reason == "KEY_VALUES_MISMATCH":
            return f"{key} is not the key of {certificate}"
        if reason is not None:
            return f"{certificate} with {key}: {reason.lower().replace('_', ' ')}"
        return f"{certificate} and {key}: one of them is no PEM file, is damaged, or the key needs a passphrase"
    return None

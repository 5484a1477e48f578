"""Whom the command trusts over https: the CAs of this machine (or of SSL_CERT_FILE), and that of a lab."""

import os
import ssl
from pathlib import Path

import click

#: OpenSSL's codes, X509_V_ERR_*
_NOT_YET_VALID, _EXPIRED = 9, 10
_OTHER_NAME = (62, 64)


def context(ca_file: Path | None) -> ssl.SSLContext:
    """Return a context that trusts the CAs of this machine, and those in `ca_file`.

    Raises `click.ClickException` when no certificate can be read from that.
    """
    made = ssl.create_default_context()
    if ca_file is not None:
        try:
            made.load_verify_locations(ca_file)
        # of ssl too: a file without certificates
        except OSError as error:
            reason = "there is no certificate in it" if isinstance(error, ssl.SSLError) else error.strerror
            raise click.ClickException(f"ca_file {ca_file}: {reason}") from None
    return made


def mistrust(error: ssl.SSLError) -> tuple[str, str]:
    """Return what is wrong with the TLS of who answers, as it reads after a name, and what to do."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        return f"does not speak TLS as it should ({error.reason or error})", "see whether its URL begins with http://"
    if error.verify_code == _EXPIRED:
        return "has a certificate that has expired", "run the play again on a lab controller: it renews it"
    if error.verify_code == _NOT_YET_VALID:
        return "has a certificate that is not valid yet", "see whether the clocks of both machines are right"
    said = error.verify_message.rstrip(".")
    if error.verify_code in _OTHER_NAME:
        return (
            f"has a certificate for another name ({said})",
            "use a name that is in it, or add this one to lab_controller_alt_names and run the play again",
        )
    return (
        f"has a certificate that is not trusted here ({said})",
        "take the certificate of the lab's CA and name it as ca_file in the profile or in SSL_CERT_FILE"
        f"{_missing_file()}, or install it on this machine",
    )


def _missing_file() -> str:
    """Tell of a file that is named and is not there: OpenSSL says nothing of it."""
    named = os.environ.get("SSL_CERT_FILE")
    return f" (now {named}, which is not there)" if named and not Path(named).is_file() else ""

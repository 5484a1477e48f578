"""Words for a server whose certificate is not trusted."""

from __future__ import annotations

import ssl
from urllib.error import URLError

EXPIRED = 10  #: OpenSSL's codes, X509_V_ERR_*
OTHER_NAME = (62, 64)


def mistrust(error: BaseException) -> str:
    """Say what is wrong with the certificate that an error is about, and what to do; "" when it is about none."""
    cause = error.reason if isinstance(error, URLError) else error
    if not isinstance(cause, ssl.SSLCertVerificationError):
        return ""
    what = f"the controller's certificate is not trusted ({cause.verify_message.rstrip('.')})"
    if cause.verify_code == EXPIRED:
        return f"{what}: renew it there, or set this system's clock"
    if cause.verify_code in OTHER_NAME:
        return f"{what}: call the controller by a name that is in it"
    return f"{what}: install the certificate of the lab's CA on this system, or name its file in SSL_CERT_FILE"

"""Words for a server whose certificate is not trusted."""

from __future__ import annotations

import ssl
from urllib.error import URLError

#: OpenSSL's codes, X509_V_ERR_*: not yet valid, expired; not for this name, not for this address
OUT_OF_DATE = (9, 10)
OTHER_NAME = (62, 64)


def mistrust(error: BaseException) -> str:
    """Say what is wrong with the certificate that an error is about, and what to do; "" when it is about none."""
    cause = error.reason if isinstance(error, URLError) else error
    if not isinstance(cause, ssl.SSLCertVerificationError):
        return ""
    what = f"the controller's certificate is not trusted ({cause.verify_message.rstrip('.')})"
    if cause.verify_code in OUT_OF_DATE:
        return f"{what}: set this system's clock, or renew it there"
    if cause.verify_code in OTHER_NAME:
        return f"{what}: call the controller by a name that is in it"
    return f"{what}: install the certificate of the lab's CA on this system, or name its file in SSL_CERT_FILE"

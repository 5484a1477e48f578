"""Mails and calls to receivers outside: whether those of the last day arrived."""

from collections.abc import Iterator

from sqlalchemy import Connection

from wsgi_app.cli.findings.finding import Finding
from wsgi_app.cli.running import by_units
from wsgi_app.config import Config
from wsgi_app.notification import Method
from wsgi_app.store import deliveries

#: seconds for which a failure is told
RECENT = 86400.0


def told(config: Config, tx: Connection, now: float) -> Iterator[Finding]:
    """Tell what of it failed within a day, and was not sent once more."""
    failed = deliveries.failed_since(tx, now - RECENT)
    if not config.mail_host:
        mails = sum(number for method, _, number in failed if method is Method.EMAIL)
        failed = [one for one in failed if one[0] is not Method.EMAIL]
        if mails:
            where = "lab_controller_mail_host in the inventory" if by_units() else "the setting mail_host"
            yield Finding(
                "mail",
                f"jobs asked for {mails} mails within a day, and mail_host is not set",
                f"name the SMTP server in {where}, then: tackroom notify redeliver",
            )
    if failed:
        [method, reason, _], number = failed[0], sum(number for _, _, number in failed)
        yield Finding(
            "deliveries",
            f"{number} deliveries failed within a day; most often by {method}: {reason}",
            "see which: tackroom notify list --state failed; when the reason is gone: tackroom notify redeliver",
        )
    else:
        yield Finding("deliveries", "no delivery failed within a day that could have been sent")

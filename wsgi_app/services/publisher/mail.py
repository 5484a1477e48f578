"""Mails, by one SMTP server that the settings name."""

import re
import smtplib
import ssl
from contextlib import suppress
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, localtime
from pathlib import Path
from urllib.parse import urlsplit

from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
from wsgi_app.documents.reports.shown import printable
from wsgi_app.errors import TackroomError
from wsgi_app.notification import Delivery
from wsgi_app.protocols.lava.notices import mail as texts
from wsgi_app.services.publisher.sending import Begin, NotNow, Refused, Unsent, Unsure

#: seconds for each word of the server
SECONDS = 30.0
#: characters of a subject
LONGEST_SUBJECT = 200
_PORTS = {"none": 25, "starttls": 587, "tls": 465}
_DOT = re.compile(rb"^\.", re.MULTILINE)
#: it is taken, or the mail may come
_YES = (250, 251, 252, 354)


class Mails:
    """Sends mails."""

    def __init__(self, gateway: Gateway, config: Config) -> None:
        self._gateway = gateway
        self._config = config
        self._trust = ssl.create_default_context()

    def host(self, delivery: Delivery) -> str:
        """Return the server: the same for all."""
        return f"mail {self._config.mail_host}"

    def send(self, delivery: Delivery, begin: Begin) -> int | None:
        """Hand a mail to the server, and return its status. Raises `Unsent`."""
        if not self._config.mail_host:
            raise Refused("no mail_host is set")
        content = self._message(delivery).as_bytes()
        try:
            with self._server() as server:
                return _hand_over(server, self._sender, delivery.target, content, begin)
        except Unsent:
            raise
        except smtplib.SMTPAuthenticationError as error:
            # what somebody puts right here, or there
            raise NotNow(f"{self._config.mail_host} does not let us in: {_said(error.smtp_error)}") from None
        except smtplib.SMTPResponseException as error:
            raise NotNow(
                f"{self._config.mail_host}: {error.smtp_code} {_said(error.smtp_error)}", error.smtp_code
            ) from None
        except (OSError, smtplib.SMTPException) as error:
            raise NotNow(f"{self._config.mail_host}: {_words(error)}") from None

    @property
    def _sender(self) -> str:
        return self._config.mail_from or f"tackroom@{urlsplit(self._config.public_url).hostname or 'localhost'}"

    def _message(self, delivery: Delivery) -> EmailMessage:
        if delivery.recipe is None:
            subject = "A test of Tackroom's mails"
            text = f"This is a test: delivery {delivery.id} of {self._config.public_url}\n"
        else:
            try:
                dossier = self._gateway.dossiers.of(delivery.recipe)
                subject = texts.subject(dossier)
                text = texts.text(self._gateway, dossier, delivery, self._config.public_url)
            except TackroomError as error:
                raise Refused(f"there is nothing to be told: {error.message}") from None
        return message(self._sender, delivery, subject, text)

    def _server(self) -> smtplib.SMTP:
        config = self._config
        port = config.mail_port or _PORTS[config.mail_security]
        if config.mail_security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(config.mail_host, port, timeout=SECONDS, context=self._trust)
        else:
            server = smtplib.SMTP(config.mail_host, port, timeout=SECONDS)
        try:
            if config.mail_security == "starttls":
                # where it is not offered this raises: nothing is said in the open then
                server.starttls(context=self._trust)
            server.ehlo_or_helo_if_needed()
            if config.mail_user:
                server.login(config.mail_user, _password(config.mail_password_file))
        except BaseException:
            server.close()
            raise
        return server


def message(sender: str, delivery: Delivery, subject: str, text: str) -> EmailMessage:
    """Return a mail; whatever its subject says, it has these headers and no others."""
    made = EmailMessage(policy=SMTP)
    domain = sender.rpartition("@")[2]
    made["From"] = Address("Tackroom", addr_spec=sender)
    made["To"] = Address(addr_spec=delivery.target)
    made["Subject"] = printable(" ".join(subject.split()))[:LONGEST_SUBJECT]
    made["Date"] = format_datetime(localtime())
    # the same for each attempt: who gets it twice sees it once
    made["Message-ID"] = f"<{delivery.key}@{domain}>"
    made["Auto-Submitted"] = "auto-generated"
    made["List-Id"] = f"Notifications of Tackroom <notifications.{domain}>"
    if delivery.job is not None:
        made["X-Tackroom-Job"] = str(delivery.job)
    # seven bits: no server has to be asked what it takes
    made.set_content(text, cte="base64" if not text.isascii() else "quoted-printable")
    return made


def _hand_over(server: smtplib.SMTP, sender: str, receiver: str, content: bytes, begin: Begin) -> int:
    _require(server.mail(sender))
    _require(server.rcpt(receiver))
    _require(server.docmd("DATA"))
    begin()
    # from here on it may have it
    try:
        server.send(_DOT.sub(b"..", content) + (b"" if content.endswith(b"\r\n") else b"\r\n") + b".\r\n")
        code, said = server.getreply()
    except (OSError, smtplib.SMTPException) as error:
        raise Unsure(f"it gave no answer ({_words(error)}): whether it took the mail is not known") from None
    _require((code, said))
    with suppress(OSError, smtplib.SMTPException):
        server.quit()
    return code


def _require(answer: tuple[int, bytes]) -> None:
    code, said = answer
    if code in _YES:
        return
    kind: type[Unsent] = Refused if 500 <= code < 600 else NotNow
    raise kind(f"it answered {code} {_said(said)}".rstrip(), code)


def _password(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise NotNow("mail_password_file cannot be read") from None


def _said(words: bytes | str) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return printable(" ".join(text.split()))[:300]


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it took too long"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, OSError) and error.strerror and not isinstance(error, smtplib.SMTPException):
        return error.strerror
    return _said(str(error)) or type(error).__name__

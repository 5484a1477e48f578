"""Callbacks: HTTP requests to whom a job names, signed, and made so that each arrives once or is known not to have.

The signature is that of Standard Webhooks (https://www.standardwebhooks.com), for which receivers have libraries.
"""

import base64
import binascii
import email.utils
import hashlib
import hmac
import re
import socket
import ssl
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import IO

from attrs import frozen

from wsgi_app import __version__
from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
from wsgi_app.errors import TackroomError
from wsgi_app.notification import BodyForm, Callback, Delivery
from wsgi_app.protocols.lava.notices import callback as bodies
from wsgi_app.services.publisher.sending import Begin, NotNow, Refused, Unsent, Unsure
from wsgi_app.services.publisher.target import Place, Rules, parse

#: seconds for a request and its answer, and bytes of a body that may take another one
ALL_SECONDS = 30.0
BYTES_A_SECOND = 256 << 10
#: bytes of an answer that are read, and seconds for what follows its head
LONGEST_ANSWER = 64 << 10
REST_SECONDS = 2.0
#: bytes of a body that are kept in memory; more are put on disk
IN_MEMORY = 1 << 20
_BLOCK = 64 << 10
#: characters of an answer's body that a reason shows
_SHOWN = 200
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: ([^\r\n]*))?\r?\n")
_KINDS = {BodyForm.JSON: "application/json", BodyForm.URLENCODED: "application/x-www-form-urlencoded"}


class Callbacks:
    """Sends callbacks."""

    def __init__(self, gateway: Gateway, config: Config) -> None:
        self._gateway = gateway
        self._config = config
        self._rules = Rules(config)
        self._trust = ssl.create_default_context()

    def host(self, delivery: Delivery) -> str:
        """Return the host that is called."""
        try:
            return parse(delivery.target).authority
        except Refused:
            return ""

    def send(self, delivery: Delivery, begin: Begin) -> int | None:
        """Make the request, and return the status of its answer. Raises `Unsent`."""
        callback = delivery.order.callback or Callback(delivery.target)
        # whether it may go there does not depend on what it says
        place = self._rules.place(delivery.target)
        with tempfile.SpooledTemporaryFile(IN_MEMORY, dir=str(self._config.run)) as body:
            try:
                url = bodies.write(self._gateway, self._config, delivery, callback, body)
            except TackroomError as error:
                raise Refused(f"there is nothing to be told: {error.message}") from None
            place = self._rules.place(url)
            size = body.tell()
            head = self._head(delivery, callback, place, body, size)
            with self._connection(place) as connection:
                begin()
                answer = _exchange(connection, head, body, size)
        return _judged(answer)

    def _head(self, delivery: Delivery, callback: Callback, place: Place, body: IO[bytes], size: int) -> bytes:
        stamp = str(int(time.time()))
        headers = {
            "Host": place.authority,
            "User-Agent": f"tackroom/{__version__}",
            "Accept": "*/*",
            "Connection": "close",
            "Idempotency-Key": delivery.key,
            "webhook-id": delivery.key,
            "webhook-timestamp": stamp,
            "webhook-signature": sign(_secret(self._config), delivery.key, stamp, body),
        }
        if callback.method == "POST":
            headers |= {"Content-Type": _KINDS[callback.content_type], "Content-Length": str(size)}
        if callback.token is not None:
            # raw: what stands before it, if anything, is the submitter's to say
            headers[callback.header] = callback.token
        lines = [f"{callback.method} {place.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        if any(not (line.isascii() and line.isprintable()) for line in lines):
            raise Refused("the request cannot be written: its URL or token is no ASCII")
        return "".join(f"{line}\r\n" for line in (*lines, "")).encode()

    def _connection(self, place: Place) -> socket.socket:
        connection = self._rules.connect(place.host, place.port)
        if not place.secure:
            return connection
        try:
            return self._trust.wrap_socket(connection, server_hostname=place.host)
        except ssl.SSLCertVerificationError as error:
            connection.close()
            raise NotNow(f"the certificate of {place.host} is not trusted: {error.verify_message}") from None
        except OSError as error:
            connection.close()
            raise NotNow(f"{place.host} speaks no TLS with us: {_words(error)}") from None


@frozen
class Answer:
    """What a receiver said."""

    status: int
    words: str
    headers: Mapping[str, str]
    body: str


def sign(secret: bytes, key: str, stamp: str, body: IO[bytes]) -> str:
    """Return the signature of a request with this key, time and body, which is at its begin then."""
    digest = hmac.new(secret, f"{key}.{stamp}.".encode(), hashlib.sha256)
    body.seek(0)
    while block := body.read(_BLOCK):
        digest.update(block)
    body.seek(0)
    return f"v1,{base64.b64encode(digest.digest()).decode()}"


def _secret(config: Config) -> bytes:
    try:
        return base64.b64decode(config.callback_key.read_text().strip().removeprefix("whsec_"), validate=True)
    except (OSError, binascii.Error, UnicodeDecodeError):
        raise NotNow(f"{config.callback_key} cannot be read: 'tackroom initialise' makes one where none is") from None


def _exchange(connection: socket.socket, head: bytes, body: IO[bytes], size: int) -> Answer:
    """Send a request and return its answer. Raises `NotNow` when it did not go out whole, `Unsure` of no answer."""
    end = time.monotonic() + ALL_SECONDS + size / BYTES_A_SECOND
    sent: OSError | None = None
    try:
        block = head
        while block:
            connection.settimeout(_left(end))
            connection.sendall(block)
            block = body.read(_BLOCK)
    except OSError as error:
        # it may have said why before it closed
        sent, end = error, min(end, time.monotonic() + REST_SECONDS)
    try:
        answer = _read_answer(connection, end)
    except OSError as error:
        if sent is not None:
            raise NotNow(f"it did not take the whole request: {_words(sent)}") from None
        raise Unsure(f"it gave no answer ({_words(error)}): whether it took the message is not known") from None
    if sent is not None and answer.status < 300:
        raise NotNow(f"it answered {answer.status} before it had the whole request", answer.status)
    return answer


def _read_answer(connection: socket.socket, end: float) -> Answer:
    """Return an answer. Raises OSError: there is none, or it is none of HTTP."""
    data = b""
    while True:
        head, mark, rest = _split(data)
        if mark:
            found = _STATUS.match(head)
            if found is None:
                raise OSError("what it says is no HTTP")
            if found[1][:1] != b"1":
                break
            # a word in between: the answer follows
            data = rest
            continue
        if len(data) > LONGEST_ANSWER:
            raise OSError("the head of its answer is too long")
        connection.settimeout(_left(end))
        block = connection.recv(_BLOCK)
        if not block:
            raise OSError("the connection was closed")
        data += block
    lines = head.decode("latin-1").splitlines()[1:]
    pairs = (line.partition(":") for line in lines if ":" in line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    rest = _read_rest(connection, rest, headers, min(end, time.monotonic() + REST_SECONDS))
    words = (found[2] or b"").decode("latin-1")
    return Answer(int(found[1]), words, headers, rest.decode("utf-8", "replace"))


def _split(data: bytes) -> tuple[bytes, bytes, bytes]:
    """Return an answer's head with the end of its last line, what ends it (nothing: it is not all there), the rest."""
    found = re.search(rb"\r?\n\r?\n", data)
    return (data, b"", b"") if found is None else (data[: found.start()] + b"\r\n", b"\n", data[found.end() :])


def _read_rest(connection: socket.socket, data: bytes, headers: Mapping[str, str], end: float) -> bytes:
    """Return the begin of an answer's body. It is read so that its sender can end in peace; nothing depends on it."""
    length = headers.get("content-length", "")
    most = min(int(length), LONGEST_ANSWER) if length.isdecimal() and len(length) < 10 else LONGEST_ANSWER
    with suppress(OSError):
        while len(data) < most:
            connection.settimeout(_left(end))
            block = connection.recv(_BLOCK)
            if not block:
                break
            data += block
    return data[:most]


def _judged(answer: Answer) -> int:
    """Return the status of an answer that says it was taken. Raises `Unsent`."""
    status = answer.status
    if 200 <= status < 300:
        return status
    said = f"it answered {status} {_printable(answer.words)}".rstrip()
    if 300 <= status < 400:
        raise Refused(f"{said} and points to {_whereto(answer)}: redirects are not followed", status)
    text = _printable(answer.body)
    reason = f"{said}: {text}" if text else said
    kind: type[Unsent] = NotNow if status in (408, 429) or status >= 500 else Refused
    raise kind(reason, status, _seconds(answer.headers.get("retry-after", "")))


def _whereto(answer: Answer) -> str:
    location = answer.headers.get("location", "")
    with suppress(ValueError):
        if host := re.match(r"(?i:https?:)?//([^/?#\\]*)", location):
            return _printable(host[1].rpartition("@")[2]) or "nowhere"
    return "another path of its own" if location else "nowhere"


def _seconds(text: str) -> float | None:
    """Return how long `Retry-After` says to wait: seconds, or until a date."""
    if text.isdecimal() and len(text) < 10:
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError, OSError):
        return None


def _printable(text: str) -> str:
    shown = " ".join(text.split())[:_SHOWN]
    return "".join(letter if letter.isprintable() else "?" for letter in shown)


def _left(end: float) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _words(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "it took too long"
    if isinstance(error, ssl.SSLError):
        return (error.reason or "TLS").replace("_", " ").lower()
    return error.strerror or str(error) or type(error).__name__

"""The controller over HTTP: one call at a time, repeated until there is an answer.

Source: design.md sections 2 and 5, protocols/harness-beaker.md section 0. 2xx is delivered, 4xx is refused for good,
everything else (5xx, no connection, a timeout) is tried again for ever, byte for byte the same.
"""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlencode, urljoin, urlsplit

from wsgi_app.harnesses.local.mistrust import mistrust

TIMEOUT = 60.0  #: seconds without a byte after which a call counts as failed
FIRST_DELAY = 1.0
DELAY_FACTOR = 1.5
LONGEST_DELAY = 60.0
IDLE = 1.0  #: seconds after which a kept connection is not trusted any more
ANSWER_LIMIT = 16 * 1024 * 1024
COME_BACK = (408, 429)  #: the two 4xx that mean "later"


class Refused(Exception):
    """The controller answered 4xx (or a redirect): saying it again would not help."""

    def __init__(self, status: int, message: str, code: str = "") -> None:
        super().__init__(f"{status} {message}".strip())
        self.status = status
        self.message = message
        self.code = code  #: such as "sync.dead-peer", where the controller says one


class Unreachable(Exception):
    """The controller has neither taken nor refused a call in the time that there was (see `Controller.hurry`)."""


class Answer(NamedTuple):
    """A 2xx answer."""

    status: int
    location: str  #: the Location header as it was sent, or ""
    length: int  #: the Content-Length header; for HEAD that of what was asked for
    body: bytes


class Address(NamedTuple):
    """A base URL taken apart."""

    scheme: str
    host: str
    port: int
    prefix: str  #: "" or "/lab": without a trailing slash
    password: str  #: from the userinfo of the URL, or ""
    ca_file: str = ""  #: whose CAs are trusted over https beside those of this system

    @property
    def url(self) -> str:
        """The base URL in its one form: no userinfo, no trailing slash."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.prefix}"


def address(url: str) -> Address:
    """Take a base URL apart; raises ValueError when it is not an http or https URL."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"not an http or https URL: {url}")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return Address(parts.scheme, parts.hostname, port, parts.path.rstrip("/"), unquote(parts.password or ""))


def segment(name: str) -> str:
    """Quote a log's name for a URL; slashes in it stay."""
    return quote(name, safe="/")


class Controller:
    """Speaks to the controller at `base` with one bearer `key`; paths are given below the base URL.

    `say` hears of trouble, `pause` waits between two attempts, at most `longest` seconds.
    """

    def __init__(
        self,
        base: Address,
        key: str,
        say: Callable[[str], None],
        *,
        pause: Callable[[float], object] = time.sleep,
        longest: float = LONGEST_DELAY,
    ) -> None:
        self.base = base
        self.key = key
        self._say = say
        self._pause = pause
        self._longest = longest
        self._until: float | None = None
        self._connection: http.client.HTTPConnection | None = None
        self._used = 0.0

    def get(self, path: str) -> Answer:
        """GET a JSON document; raises Refused."""
        return self.call("GET", path, headers={"Accept": "application/json"})

    def post(self, path: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Answer:
        """POST a form; raises Refused."""
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.call("POST", path, body=urlencode(form).encode(), headers={**kind, **(headers or {})})

    def put(self, path: str, body: bytes, content_range: str = "") -> Answer:
        """PUT bytes of a log, with a Content-Range when one is given; raises Refused."""
        headers = {"Content-Type": "text/plain"}
        if content_range:
            headers["Content-Range"] = content_range
        return self.call("PUT", path, body=body, headers=headers)

    def declare(self, path: str, size: int, sha256: str) -> dict[str, Any]:
        """Say what a log is to be and return what the controller knows of it; raises Refused."""
        body = json.dumps({"size": size, "sha256": sha256}).encode()
        answer = self.call("POST", path, body=body, headers={"Content-Type": "application/json"})
        try:
            value = json.loads(answer.body)
        except ValueError:
            value = None
        return value if isinstance(value, dict) else {}

    def size(self, path: str) -> int:
        """Return the size in bytes that a log has on the controller, 0 when there is none; raises Refused."""
        try:
            answer = self.call("HEAD", path)
        except Refused as refusal:
            if refusal.status in (404, 410):
                return 0
            raise
        return answer.length

    def below(self, path: str, location: str) -> str:
        """Resolve a Location header against the path that was asked for; the result is a path below the base."""
        target = urlsplit(urljoin(self.base.url + path, location)).path.rstrip("/")
        prefix = self.base.prefix
        return target[len(prefix) :] if prefix and target.startswith(prefix + "/") else target

    def hurry(self, seconds: float) -> None:
        """Give up so many seconds from now: calls that have no answer by then raise Unreachable."""
        self.close()  # an open connection would wait for longer
        self._until = time.monotonic() + seconds

    def call(
        self, method: str, path: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send one request until the controller has taken or refused it; raises Refused (Unreachable: see `hurry`)."""
        delay = FIRST_DELAY
        while True:
            try:
                answer = self._exchange(method, path, body, dict(headers or {}))
            except (OSError, http.client.HTTPException) as error:
                self.close()
                trouble = mistrust(error) or str(error) or type(error).__name__
            else:
                if 200 <= answer.status < 300:
                    return answer
                code, words = _complaint(answer)
                trouble = f"{answer.status} {words}".strip()
                if answer.status < 500 and answer.status not in COME_BACK:
                    raise Refused(answer.status, words, code)
            if self._until is not None and time.monotonic() + delay > self._until:
                raise Unreachable(f"{method} {path}: {trouble}")
            self._say(f"{method} {path}: {trouble}; again in {delay:.0f} s")
            self._pause(delay)
            delay = min(delay * DELAY_FACTOR, self._longest)

    def close(self) -> None:
        """Drop the connection; the next call makes a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _exchange(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        if time.monotonic() - self._used > IDLE:
            self.close()
        if self._connection is None:
            self._connection = self._open()
        headers["Authorization"] = f"Bearer {self.key}"
        headers["User-Agent"] = "tackroom-harness"
        if method in ("POST", "PUT"):
            body = body or b""
            headers["Content-Length"] = str(len(body))
        self._connection.request(method, self.base.prefix + path, body=body, headers=headers)
        response = self._connection.getresponse()
        content = response.read(ANSWER_LIMIT)
        if response.length:  # read(amount) does not complain about an answer that was cut off
            raise http.client.IncompleteRead(content, response.length)
        self._used = time.monotonic()
        if response.will_close or not response.isclosed():
            self.close()
        length = response.headers.get("Content-Length") or ""
        location = response.headers.get("Location") or ""
        return Answer(response.status, location, int(length) if length.isdigit() else 0, content)

    def _open(self) -> http.client.HTTPConnection:
        host, port = self.base.host, self.base.port
        left = TIMEOUT if self._until is None else self._until - time.monotonic()
        timeout = max(1.0, min(left, TIMEOUT))
        if self.base.scheme == "https":
            return http.client.HTTPSConnection(host, port, timeout=timeout, context=self._trust())
        return http.client.HTTPConnection(host, port, timeout=timeout)

    def _trust(self) -> ssl.SSLContext:
        # anew for each connection: CAs may be installed meanwhile
        context = ssl.create_default_context()
        if self.base.ca_file:
            context.load_verify_locations(self.base.ca_file)
        return context


def _complaint(answer: Answer) -> tuple[str, str]:
    """What an error's body says: its code, if it has one, and its message on one line and cut short."""
    text = " ".join(answer.body.decode("utf-8", "replace").split())
    if text.startswith("<"):
        return "", ""  # a page for browsers says nothing of use
    try:
        error = json.loads(text)["error"]
        return str(error["code"]), str(error["message"])[:300]
    except (ValueError, KeyError, TypeError):
        return "", text[:300]

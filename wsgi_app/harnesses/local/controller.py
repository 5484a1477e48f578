"""The controller over HTTP: one call at a time, repeated until there is an answer.

Source: design.md sections 2 and 5, protocols/harness-beaker.md section 0. 2xx is delivered, 4xx is refused for good,
everything else (5xx, no connection, a timeout) is tried again for ever, byte for byte the same.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from wsgi_app.harnesses.address import Address
from wsgi_app.harnesses.line import (
    DELAY_FACTOR,
    FIRST_DELAY,
    LONGEST_DELAY,
    TIMEOUT,
    Answer,
    Line,
    Refused,
    Trouble,
    Unreachable,
)

__all__ = ["Answer", "Controller", "Refused", "Unreachable"]


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
        self._line = Line(base)

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
            left = TIMEOUT if self._until is None else self._until - time.monotonic()
            timeout = max(1.0, min(left, TIMEOUT))
            try:
                return self._line.attempt(method, path, key=self.key, body=body, headers=headers, timeout=timeout)
            except Trouble as error:
                trouble = str(error)
            if self._until is not None and time.monotonic() + delay > self._until:
                raise Unreachable(f"{method} {path}: {trouble}")
            self._say(f"{method} {path}: {trouble}; again in {delay:.0f} s")
            self._pause(delay)
            delay = min(delay * DELAY_FACTOR, self._longest)

    def close(self) -> None:
        """Drop the connection; the next call makes a new one."""
        self._line.close()

"""The command's way to a Tackroom: URL, token, calls."""

import json
import os
import ssl
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import click
import urllib3
from attrs import frozen

from wsgi_app.cli.localserver import LocalServer, local_server
from wsgi_app.cli.profiles import Profile, load_profiles
from wsgi_app.cli.running import start
from wsgi_app.cli.trust import context, mistrust

DEFAULT_URL = "http://127.0.0.1:8080/"
#: seconds before each further try of a call that may be repeated and got no answer
AGAIN_AFTER = (0.2, 0.6)


class Unreachable(Exception):
    """No Tackroom answers at the URL."""


class Stranger(Unreachable):
    """What answers at the URL is no Tackroom: it is of no use to try again."""


class Mistrusted(Stranger):
    """Who answers at the URL cannot show that it is who it should be: `what` is wrong, and what to do."""

    def __init__(self, what: str, mend: str) -> None:
        self.what = what
        self.mend = mend
        super().__init__(f"{what}: {mend}")


class Refused(Exception):
    """Tackroom said no; `status` is the HTTP status, `code` the error code (empty when it gave none).

    `value` is what it said beside an error, as JSON.
    """

    def __init__(self, status: int, message: str, code: str = "", value: Any = None) -> None:
        self.status = status
        self.code = code
        self.value = value
        super().__init__(message)


class Client:
    """Calls to one Tackroom. With `patient`, what may be repeated is tried again when nobody answers.

    Over https it is trusted by the CAs of this machine, and by that in `ca_file`.
    """

    def __init__(
        self,
        url: str,
        token: str | None,
        ca_file: Path | None = None,
        *,
        patient: bool = True,
        connect_seconds: float = 5,
    ) -> None:
        self.url = url if url.endswith("/") else url + "/"
        self.token = token
        self._again = AGAIN_AFTER if patient else ()
        self._pool = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=connect_seconds, read=330),
            retries=False,
            ssl_context=None if ca_file is None else context(ca_file),
        )

    @classmethod
    def from_environment(cls) -> "Client":
        """Return a client for the lab that was asked for.

        URL: `--url`, `--profile`, `TACKROOM_URL`, `TACKROOM_PROFILE`, the profiles' default, the Tackroom of this
        machine. Token: `TACKROOM_TOKEN` unless `TACKROOM_URL` says that it is for another URL or `--profile` has its
        own; else the profile's or this machine's, when the URL is theirs. Raises `click.ClickException`.
        """
        return destination().client()

    def call(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        value: object = None,
        headers: Mapping[str, str] | None = None,
        key: str | None = None,
        seconds: float | None = None,
    ) -> urllib3.BaseHTTPResponse:
        """Call `path` (below the URL) with bytes or a JSON value, and read the answer.

        GET, HEAD, and what has an Idempotency-Key are tried again when nobody answers. `seconds` is how long to wait
        for the answer. Raises `Unreachable`, `Refused`.
        """
        sent = dict(headers or {})
        if value is not None:
            body = json.dumps(value).encode()
            sent["Content-Type"] = "application/json"
        repeatable = method in ("GET", "HEAD") or "Idempotency-Key" in sent
        return self._request(method, path, body, sent, key, again=self._again if repeatable else (), seconds=seconds)

    def stream(
        self, path: str, *, headers: Mapping[str, str] | None = None, key: str | None = None, seconds: float = 330
    ) -> urllib3.BaseHTTPResponse:
        """GET `path` without reading the body: the caller reads and closes it. `seconds` is the longest silence in it.

        Raises `Unreachable`, `Refused`; reading raises `urllib3.exceptions.HTTPError`.
        """
        return self._request("GET", path, None, dict(headers or {}), key, seconds=seconds, read=False)

    def get(self, path: str, *, seconds: float | None = None) -> Any:
        """Return the JSON value at `path`."""
        return self.ask("GET", path, headers={"Accept": "application/json"}, seconds=seconds)

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """Call as `call` does and return the JSON object that comes. Raises `Stranger`, too."""
        answer = self.call(method, path, **options)
        try:
            value = answer.json()
        except (ValueError, RecursionError):
            value = None
        # a Tackroom's answers are objects with something in them
        if not isinstance(value, dict) or not value:
            raise self._stranger(f"{method} {path} is not answered as in its API")
        return value

    def pages(self, path: str, name: str) -> Iterator[Any]:
        """Yield the entries of a list, page after page."""
        place: str | None = path
        while place is not None:
            page = self.get(place)
            if name not in page:
                raise self._stranger(f"GET {place} is not answered as in its API")
            yield from page[name]
            place = None if page["next"] is None else urljoin(place, page["next"])

    def _request(
        self,
        method: str,
        path: str,
        body: bytes | None,
        sent: dict[str, str],
        key: str | None,
        *,
        again: tuple[float, ...] = (),
        seconds: float | None = None,
        read: bool = True,
    ) -> urllib3.BaseHTTPResponse:
        if secret := key or self.token:
            if not (secret.isascii() and secret.isprintable()):
                raise click.ClickException("the token or key has characters in it that none has: copy it again")
            sent["Authorization"] = f"Bearer {secret}"
        options: dict[str, Any] = {"body": body, "headers": sent, "redirect": False, "preload_content": read}
        if seconds is not None:
            options["timeout"] = urllib3.Timeout(connect=min(seconds, 5), read=seconds)
        for pause in (*again, None):
            try:
                response = self._pool.request(method, urljoin(self.url, path), **options)
            except urllib3.exceptions.SSLError as error:
                raise self._mistrusted(error) from None
            except urllib3.exceptions.HTTPError as error:
                # silence for as long as we were to wait is an answer, too
                if pause is None or isinstance(error, urllib3.exceptions.ReadTimeoutError):
                    raise self._unreachable(error) from None
                time.sleep(pause)
            else:
                break
        if response.status >= 400:
            raise _refused(response)
        if response.status >= 300:
            raise self._stranger(f"it sends elsewhere: {response.headers.get('Location')}")
        return response

    def _unreachable(self, error: urllib3.exceptions.HTTPError) -> Unreachable:
        reason = str(error).rpartition(": ")[2]
        return Unreachable(
            f"no Tackroom answers at {self.url} ({reason}): start one with '{start()}', "
            "or say where it is with --url, --profile or TACKROOM_URL"
        )

    def _mistrusted(self, error: urllib3.exceptions.SSLError) -> Unreachable:
        cause = error.args[0] if error.args else None
        if not isinstance(cause, ssl.SSLError) or isinstance(cause, ssl.SSLEOFError):
            # cut off, as any connection may be
            return self._unreachable(error)
        what, mend = mistrust(cause)
        return Mistrusted(f"what answers at {self.url} {what}", mend)

    def _stranger(self, what: str) -> Stranger:
        return Stranger(
            f"what answers at {self.url} is no Tackroom ({what}): "
            "say where one is with --url, --profile or TACKROOM_URL"
        )


@frozen
class Destination:
    """Where a lab is, the token for it, and the file of its CA if that is not one of this machine's."""

    url: str
    token: str | None
    ca_file: Path | None

    def client(self, *, patient: bool = True, connect_seconds: float = 5) -> Client:
        """Return a client for it, as `Client` takes these. Raises `click.ClickException`."""
        return Client(self.url, self.token, self.ca_file, patient=patient, connect_seconds=connect_seconds)


def destination() -> Destination:
    """Return the lab that was asked for, as `Client.from_environment` says."""
    context = click.get_current_context(silent=True)
    options = {} if context is None else context.find_root().params
    asked, url = options.get("profile"), options.get("url")
    if asked and url:
        raise click.UsageError("--profile and --url both say where: give one of them", context)
    given = url or (None if asked else os.environ.get("TACKROOM_URL"))
    labs = load_profiles()
    name = asked or os.environ.get("TACKROOM_PROFILE") or labs.default
    profile = labs.named(name) if name else None
    local = local_server()
    theirs = profile or local
    url = _checked(given or (DEFAULT_URL if theirs is None else theirs.url))
    ca_file = profile.ca_file if profile is not None and _checked(profile.url) == url else None
    return Destination(url, _token(url, profile, local, asked is not None), ca_file)


def _token(url: str, profile: Profile | None, local: LocalServer | None, asked: bool) -> str | None:
    """Return the token for a URL; what was meant for another URL never goes there."""
    own = profile.secret() if profile is not None and _checked(profile.url) == url else None
    if asked and own:
        return own
    token, meant = os.environ.get("TACKROOM_TOKEN"), os.environ.get("TACKROOM_URL")
    if token and (not meant or _checked(meant) == url):
        return token
    if own:
        return own
    return local.token if local is not None and _checked(local.url) == url else None


def _checked(url: str) -> str:
    """Return a URL in one spelling. Raises `click.UsageError` when it is none."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or parts.query or parts.fragment:
        raise click.UsageError(f"a Tackroom's URL reads http://HOST:PORT/, not {url!r}")
    path = parts.path if parts.path.endswith("/") else parts.path + "/"
    return f"{parts.scheme}://{parts.netloc.lower() if '@' not in parts.netloc else parts.netloc}{path}"


def _refused(response: urllib3.BaseHTTPResponse) -> Refused:
    body = response.data
    value = None
    try:
        value = json.loads(body)
        error = value["error"]
        code, message, field = error["code"], error["message"], error.get("field")
    except (ValueError, KeyError, TypeError):
        # from who stands before it: of a page for browsers only the status tells something
        text = "" if b"<html" in body.lower() else " ".join(body.decode("utf-8", "replace").split())
        return Refused(response.status, f"{text[:300] or response.reason} (status {response.status})", value=value)
    message = message.rstrip(".") if response.status == 401 else message
    where = f" ({field})" if field and field not in message else ""
    hint = ""
    if response.status == 401:
        hint = ": set TACKROOM_TOKEN, or the token of a profile, to a token of this Tackroom"
    return Refused(response.status, f"{message}{where}{hint} (status {response.status}, {code})", code)

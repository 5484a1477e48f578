"""The command's way to a Tackroom: URL, token, calls."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import urllib3

DEFAULT_URL = "http://127.0.0.1:8080/"


class Unreachable(Exception):
    """No Tackroom answers at the URL."""


class Refused(Exception):
    """Tackroom said no; `status` is the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


class Client:
    """Calls to one Tackroom."""

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url if url.endswith("/") else url + "/"
        self.token = token
        self._pool = urllib3.PoolManager(timeout=urllib3.Timeout(connect=5, read=330), retries=False)

    @classmethod
    def from_environment(cls) -> "Client":
        """Return a client for `TACKROOM_URL` with `TACKROOM_TOKEN`, else for the Tackroom that runs on this machine."""
        local = local_server()
        url = os.environ.get("TACKROOM_URL")
        token = os.environ.get("TACKROOM_TOKEN")
        if url is None and local is not None:
            url = local.url
        if token is None and local is not None and url == local.url:
            token = local.token
        return cls(url or DEFAULT_URL, token)

    def call(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        value: object = None,
        headers: Mapping[str, str] | None = None,
        key: str | None = None,
    ) -> urllib3.BaseHTTPResponse:
        """Call `path` (below the URL) with bytes or a JSON value. Raises `Unreachable`, `Refused`."""
        sent = dict(headers or {})
        secret = key or self.token
        if secret:
            sent["Authorization"] = f"Bearer {secret}"
        if value is not None:
            body = json.dumps(value).encode()
            sent["Content-Type"] = "application/json"
        try:
            response = self._pool.request(method, urljoin(self.url, path), body=body, headers=sent, redirect=False)
        except urllib3.exceptions.HTTPError as error:
            reason = str(error).rpartition(": ")[2]
            raise Unreachable(
                f"no Tackroom answers at {self.url} ({reason}): start one with 'tackroom serve'"
            ) from None
        if response.status >= 400:
            raise Refused(response.status, _reason(response))
        return response

    def get(self, path: str) -> Any:
        """Return the JSON value at `path`."""
        return self.call("GET", path, headers={"Accept": "application/json"}).json()

    def pages(self, path: str, name: str) -> Iterator[Any]:
        """Yield the entries of a list, page after page."""
        place: str | None = path
        while place is not None:
            page = self.get(place)
            yield from page[name]
            place = None if page["next"] is None else urljoin(place, page["next"])


class LocalServer:
    """The Tackroom that `serve` runs on this machine, as its data directory tells."""

    def __init__(self, data: Path) -> None:
        # a directory of somebody else's may say anything; our token does not go there
        if (data / "run" / "url").stat().st_uid not in (os.geteuid(), 0):
            raise PermissionError(f"{data} is not ours")
        self.data = data
        self.url = (data / "run" / "url").read_text().strip()
        self.token = (data / "admin.token").read_text().strip()


def local_server() -> LocalServer | None:
    """Return the first Tackroom of this machine whose files we may read, or None."""
    given = os.environ.get("TACKROOM_DATA")
    for data in [Path(given)] if given else [Path("var"), Path("/var/lib/tackroom")]:
        try:
            return LocalServer(data)
        except OSError:
            continue
    return None


def _reason(response: urllib3.BaseHTTPResponse) -> str:
    try:
        error = json.loads(response.data)["error"]
    except (ValueError, KeyError, TypeError):
        text = response.data.decode("utf-8", "replace").strip()
        return f"{text or response.reason} (status {response.status})"
    where = f" ({error['field']})" if error.get("field") else ""
    hint = ": set TACKROOM_TOKEN to a token" if response.status == 401 else ""
    return f"{error['message']}{where}{hint} (status {response.status}, {error['code']})"

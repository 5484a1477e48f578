"""Somebody on another machine who calls a lab controller over TLS, and trusts whom they were told to."""

import http.client
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import define, field

#: seconds that an answer may take
PATIENCE = 100.0
#: seconds between two calls of `calling`
PAUSE = 0.1


@define
class Outsider:
    """Calls `host`, which is this machine, on `port`; trusts nobody but what is in one file."""

    directory: Path
    host: str
    port: int
    _trusted: str | None = field(default=None, init=False)

    def goes_to(self, host: str, port: int) -> None:
        """Call another one from now on."""
        self.host, self.port = host, port

    def trust(self, certificate: Path, name: str) -> None:
        """Remember a CA's certificate by a name, and trust it alone from now on."""
        shutil.copy(certificate, self.directory / f"{name}.crt")
        self.trusts(name)

    def trusts(self, name: str) -> None:
        """Trust a CA alone that is remembered."""
        self._trusted = name

    def get(self, path: str, token: str | None = None) -> tuple[int, str]:
        """Return the status and text of an answer. Raises OSError when there is none that can be trusted."""
        return self._call("GET", path, token)

    def post(self, path: str, token: str) -> tuple[int, str]:
        """Do the same by POST, with an empty body."""
        return self._call("POST", path, token)

    @contextmanager
    def calling(self, path: str) -> Iterator[list[tuple[int, str]]]:
        """Get a path over and over meanwhile, on new connections. Yields the answers; what broke has status 0."""
        answers: list[tuple[int, str]] = []
        over = threading.Event()

        def call() -> None:
            while not over.is_set():
                try:
                    answers.append(self.get(path))
                except (OSError, http.client.HTTPException) as error:
                    answers.append((0, f"{type(error).__name__}: {error}"))
                time.sleep(PAUSE)

        caller = threading.Thread(target=call)
        caller.start()
        try:
            yield answers
        finally:
            over.set()
            caller.join()

    def _call(self, method: str, path: str, token: str | None) -> tuple[int, str]:
        context = ssl.create_default_context(
            cadata=None if self._trusted is None else (self.directory / f"{self._trusted}.crt").read_text()
        )
        with (
            socket.create_connection(("127.0.0.1", self.port), PATIENCE) as plain,
            context.wrap_socket(plain, server_hostname=self.host) as secured,
        ):
            connection = http.client.HTTPConnection(self.host, self.port)
            connection.sock = secured
            headers = {} if token is None else {"Authorization": f"Bearer {token}"}
            connection.request(method, f"/{path}", headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

"""Debian's Chromium, and a site of our own that notes what a browser asks it for."""

import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from attrs import define, field

#: a headless browser hangs now and then while it dumps a page: how long that is waited for, and how often it is tried
PATIENCE = 40.0
TRIES = 3


@define
class Site:
    """Serves `pages` as HTML, whatever else as an empty answer, and notes all that it is asked."""

    pages: dict[str, str] = field(factory=dict)
    asked: list[str] = field(factory=list)
    #: called with each path, query and all, before it is answered; a page is loaded when all of it is answered
    meanwhile: Callable[[str], None] = lambda _: None
    port: int = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def site() -> Iterator[Site]:
    """A site on a port of its own."""
    made = Site()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            made.asked.append(f"{self.command} {self.path}")
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            made.meanwhile(self.path)
            body = made.pages.get(self.path.partition("?")[0], "").encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    for method in ("GET", "POST"):
        setattr(Handler, f"do_{method}", Handler.answer)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield made
        server.shutdown()


def visit(url: str, seconds: int = 3) -> str:
    """Open a page in a fresh browser that lets pages open windows, give it so much of its time, return the page."""
    binary = shutil.which("chromium")
    if binary is None:
        pytest.skip("chromium is not installed")
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-dev-shm-usage",
    ]
    flags += [
        "--disable-popup-blocking",
        "--no-first-run",
        "--disable-component-update",
        f"--virtual-time-budget={seconds}000",
    ]
    for _ in range(TRIES):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
            process = subprocess.Popen(
                [binary, *flags, f"--user-data-dir={home}", "--dump-dom", url],
                env={"HOME": home, "PATH": os.environ["PATH"], "TMPDIR": home},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            try:
                page, said = process.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
                continue
        assert process.returncode == 0, said
        return page
    raise AssertionError(f"the browser hung {TRIES} times")

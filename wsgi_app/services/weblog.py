"""What gunicorn says: its own words as our log lines, and in embedded mode the access log that httpd writes else."""

import re
import traceback
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote_to_bytes

from gunicorn import glogging

from wsgi_app import logging as lines

#: what httpd's mod_log_config writes for bytes that do not print
_ESCAPES = {8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 13: "\\r", 34: '\\"', 92: "\\\\"}

#: an archive of commands is had by the word in its URL, which is nobody's to read here; as apache/tackroom.conf has it
_ARCHIVE = re.compile(rb"(/recipes/+[0-9]+/+tasks/+[0-9]+/+archive/).*", re.DOTALL)


class Weblog(glogging.Logger):  # type: ignore[misc]
    """gunicorn's logger."""

    def setup(self, cfg: Any) -> None:
        """Begin, or begin anew after a change of settings."""
        super().setup(cfg)
        lines.set_up("web")
        # through our own lines, wherever they go
        self.error_log.handlers[:] = []
        self.error_log.propagate = True

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Say what went wrong; a URL loses its query and what else a secret may be in."""
        plain = (
            _plain(arg.partition("?")[0].encode("utf-8", "replace")).decode() if isinstance(arg, str) else arg
            for arg in args
        )
        super().exception(msg, *plain, **kwargs)

    def access(self, resp: Any, req: Any, environ: Any, request_time: timedelta) -> None:
        """Write a line of the form of apache/tackroom.conf: who reads one reads the other."""
        if not self.access_log_enabled:
            return
        try:
            self.access_log.info(line(resp, req, environ, request_time))
        except (KeyError, ValueError, AttributeError):
            self.error_log.error("a request cannot be logged: %s", traceback.format_exc())


def line(resp: Any, req: Any, environ: Any, request_time: timedelta) -> str:
    """Return the access log's line of a request."""
    # as it was sent, decoded once, as httpd decodes it; without the query
    path = _plain(unquote_to_bytes(req.path.encode("latin-1", "replace")))
    address, port = environ["REMOTE_ADDR"], environ.get("REMOTE_PORT", "-")
    status = str(resp.status).split(None, 1)[0]
    words = (
        # when it began, as httpd has it
        (datetime.now(UTC) - request_time).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000",
        f"id={environ.get('tackroom.request', '-')}",
        f"client={address}:{port}",
        _escaped(environ["REQUEST_METHOD"].encode("latin-1")),
        status,
        "by=application",
        f"recipe={_recipe(path)}",
        f'range="{_escaped(environ.get("HTTP_CONTENT_RANGE", "-").encode("latin-1", "replace"))}"',
        f"in={_escaped(environ.get('CONTENT_LENGTH', '-').encode('latin-1', 'replace'))}",
        f"out={resp.sent}",
        f"us={request_time // timedelta(microseconds=1)}",
        "-" if resp.should_close() else "+",
        f'"{_escaped(path)}"',
    )
    return " ".join(words)


def _plain(path: bytes) -> bytes:
    return _ARCHIVE.sub(rb"\1.../task.tar.gz", path)


def _recipe(path: bytes) -> str:
    number = path.partition(b"/recipes/")[2].partition(b"/")[0]
    return number.decode() if number.isdigit() else "-"


def _escaped(value: bytes) -> str:
    return "".join(_ESCAPES.get(byte) or (chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}") for byte in value)

"""One reading of URL paths for both planes: what httpd does to a path, done here for embedded mode too.

httpd refuses encoded slashes and NULs, resolves dot segments, and merges slashes before anything looks at the path.
harness-beaker.md 0.2: clients send `//recipes/...` as a matter of course.
"""

import re
from urllib.parse import unquote_to_bytes

_BAD_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")
_FORBIDDEN = re.compile("%(?:2[fF]|00)|\0")
_DOT = re.compile("%2[eE]")
_ABSOLUTE_FORM = re.compile("https?://[^/?#]*", re.IGNORECASE)


class BadPath(Exception):
    """A path that httpd refuses by itself; `status` is its answer."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(status)


def canonical(target: str) -> bytes:
    """Return the path of a request target, decoded, with slashes merged and dot segments resolved.

    Raises `BadPath`: 400 for broken escapes and for a path that leaves the root, 404 for encoded slashes and NULs.
    """
    path = _ABSOLUTE_FORM.sub("", target, count=1) if not target.startswith("/") else target
    path = path.partition("?")[0].partition("#")[0]
    if _BAD_ESCAPE.search(path):
        raise BadPath(400)
    if _FORBIDDEN.search(path):
        raise BadPath(404)
    # httpd takes an encoded dot for a dot before it resolves segments
    return unquote_to_bytes(_resolved(_DOT.sub(".", path)))


def _resolved(path: str) -> str:
    segments: list[str] = []
    parts = path.split("/")
    for place, segment in enumerate(parts):
        last = place == len(parts) - 1
        if segment in ("", "."):
            if last:
                segments.append("")
        elif segment == "..":
            if not segments:
                raise BadPath(400)
            segments.pop()
            if last:
                segments.append("")
        else:
            segments.append(segment)
    return "/" + "/".join(segments)

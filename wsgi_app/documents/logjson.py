"""A log as JSON, as every protocol shows it, and what is declared of one. Source: design.md sections 4 and 5."""

import re
from typing import Any

from wsgi_app.documents import jobjson
from wsgi_app.errors import Invalid
from wsgi_app.model import Declaration, Log

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


def log_value(log: Log) -> dict[str, Any]:
    """Return the JSON value of a log."""
    return {
        "path": log.path,
        "task": log.task,
        "result": log.result,
        "size": log.size,
        "state": log.state,
        "sha256": log.sha256,
        "lines": log.lines,
        "format": log.format,
        "marks": [{"kind": mark.kind, "line": mark.line, "title": mark.title} for mark in log.marks],
        "declared": None if log.declared is None else {"size": log.declared.size, "sha256": log.declared.sha256},
    }


def parse_declaration(body: bytes) -> Declaration:
    """Read a declaration: `size` in bytes, `sha256` in hexadecimal, or both. Raises `BadDocument`, `Invalid`."""
    given = jobjson.parse(body)
    if not isinstance(given, dict):
        raise Invalid("a declaration is a JSON object")
    for name in given.keys() - {"size", "sha256"}:
        raise Invalid(f"a declaration has no {name}", field=name)
    size, sha256 = given.get("size"), given.get("sha256")
    if size is not None and (type(size) is not int or size < 0):
        raise Invalid("size is a whole number of bytes", field="size")
    if sha256 is not None and not (isinstance(sha256, str) and _SHA256.fullmatch(sha256)):
        raise Invalid("sha256 is 64 hexadecimal digits", field="sha256")
    if size is None and sha256 is None:
        raise Invalid("a declaration has size, sha256, or both", field="size")
    return Declaration(size, None if sha256 is None else sha256.lower())

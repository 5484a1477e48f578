"""The tables of the URLs, from the OpenAPI document."""

from importlib.resources import files
from typing import Any

import yaml

from tackroom_reference.markdown import code, table

METHODS = ("get", "put", "post", "patch", "delete", "options", "head")


def urls(tag: str) -> str:
    """Return the operations that have a tag; methods that do the same at one path share a line."""
    lines: dict[tuple[str, ...], list[str]] = {}
    for path, method, said in operations():
        if tag in said["tags"]:
            line = (code(path), _answer(said), said["x-access"], said["x-stability"])
            lines.setdefault(line, []).append(code(method.upper()))
    rows = ((" ".join(methods), *line) for line, methods in lines.items())
    return table(("method", "path", "answer", "who may", ""), rows)


def _answer(said: dict[str, Any]) -> str:
    by = said.get("x-answered-by")
    return f"{said['summary']}. Answered by {by}" if by else str(said["summary"])


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    """Return every operation of the document: path, method, what it says."""
    text = files("wsgi_app.protocols.native").joinpath("openapi.yaml").read_text(encoding="utf-8")
    paths: dict[str, dict[str, Any]] = yaml.safe_load(text)["paths"]
    return [(path, method, item[method]) for path, item in paths.items() for method in METHODS if method in item]

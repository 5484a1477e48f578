"""The HTML pages that links of LAVA's clients lead to: a job, and what was said of it. They work without scripts.

A page of the native user interface takes their place when there is one.
"""

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import resources
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined, select_autoescape
from werkzeug.wrappers import Response

from wsgi_app.protocols.lava.blocks import blocks

#: what a page's parts are in, beside this file
_FILES = ("base.html", "job.html", "results.html")
_STYLE = "style.css"


class Pages:
    """Makes pages; `prefix` is the URL path below which everything lies."""

    def __init__(self, prefix: str) -> None:
        folder = resources.files(__package__).joinpath("templates")
        style = folder.joinpath(_STYLE).read_text(encoding="utf-8")
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        #: nothing is loaded, sent or run; the one style sheet is known by its digest
        self._policy = (
            f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'"
        )
        self._made = Environment(
            loader=DictLoader({name: folder.joinpath(name).read_text(encoding="utf-8") for name in _FILES}),
            autoescape=select_autoescape(default=True, default_for_string=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._made.globals.update(style=style, prefix=prefix)
        self._made.filters.update(moment=moment, measured=measured)

    def page(self, name: str, values: Mapping[str, Any]) -> Response:
        """Return a page with these values, made while it is sent: lists in it may be long."""
        text = blocks(self._made.get_template(name).generate(**values))
        headers = {"Content-Security-Policy": self._policy}
        return Response(text, headers=headers, content_type="text/html; charset=utf-8")


def moment(seconds: float | None) -> str:
    """Return a time for people, in UTC; a hyphen for none."""
    return "-" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


def measured(text: str) -> str:
    """Return a measurement for people: without zeros that say nothing; nothing for none."""
    return "" if text == "None" else text.rstrip("0").removesuffix(".")

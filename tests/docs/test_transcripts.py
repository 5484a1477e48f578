"""The transcripts of the API are what happens: each call of the page, in its order, against a fresh application.

`TACKROOM_TRANSCRIPTS=write pytest tests/docs/test_transcripts.py` puts into the page what is answered now.
"""

import os
import re
from pathlib import Path

import yaml
from pages import ROOT
from transcripts import Replay, exchanges
from webtest import TestApp

from wsgi_app.config import Config
from wsgi_app.protocols import native

PAGE = ROOT / "docs/reference/api.md"


def test_transcripts(web: TestApp, config: Config) -> None:
    """Every answer in the page is what a fresh Tackroom says."""
    text = PAGE.read_text(encoding="utf-8")
    now = Replay(web, config.admin_token.read_text().strip()).page(text)
    if os.environ.get("TACKROOM_TRANSCRIPTS") == "write":
        PAGE.write_text(now, encoding="utf-8")
    assert now == text


def test_every_operation() -> None:
    """Every operation of the native API is shown."""
    document = yaml.safe_load((Path(native.__file__).parent / "openapi.yaml").read_text(encoding="utf-8"))
    shown = [(call.method, call.target.partition("?")[0]) for call in exchanges(PAGE.read_text(encoding="utf-8"))]
    missing = [
        f"{method.upper()} {path}"
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method != "parameters" and "native" in operation["tags"]
        if not any(method.upper() == used and _rule(path).fullmatch(target) for used, target in shown)
    ]
    assert missing == []


def _rule(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)))

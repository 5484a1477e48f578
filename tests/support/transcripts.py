"""Transcripts of calls in a page: a block `http` has a request, an empty line, and the answer with its status first.

What differs from run to run stands in the page under a name: times, and secrets as `KEY1`, `KEY2`, ..., under which
later requests use them. `ADMIN` is the admin's token.
"""

import json
import re
import textwrap
from typing import Any

from attrs import define, field, frozen
from webtest import TestApp

_BLOCK = re.compile(r"^```http\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
_STATUS = re.compile(r"^[1-5][0-9]{2} ", re.MULTILINE)
_TIME = re.compile(r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"')
_WATCHDOG = re.compile(r'"watchdog": \d+')
#: headers of answers that say something
_SHOWN = ("Location", "WWW-Authenticate", "Allow", "Content-Type")
#: columns that a page has room for
_WIDTH = 80


@frozen
class Exchange:
    """A request as the page has it."""

    method: str
    target: str
    headers: dict[str, str]
    body: str


@define
class Replay:
    """Makes the calls of a page in their order against a fresh application."""

    web: TestApp
    admin: str
    #: secret to the name that it has in the page
    _names: dict[str, str] = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Know the one secret that is there from the start."""
        self._names = {self.admin: "ADMIN"}

    def page(self, text: str) -> str:
        """Return the page with what is answered now."""
        return _BLOCK.sub(lambda found: f"```http\n{self._exchange(found[1])}```\n", text)

    def _exchange(self, block: str) -> str:
        exchange = parse(block)
        headers = {name: self._real(value) for name, value in exchange.headers.items()}
        answer = self.web.request(
            exchange.target,
            method=exchange.method,
            headers=headers,
            body=exchange.body.encode(),
            expect_errors=True,
        )
        lines = [f"{exchange.method} {exchange.target}"]
        lines += [f"{name}: {value}" for name, value in exchange.headers.items()]
        if exchange.body:
            lines += ["", exchange.body.rstrip("\n")]
        lines += ["", answer.status]
        lines += [f"{name}: {answer.headers[name]}" for name in _SHOWN if name in answer.headers]
        if answer.body:
            lines += ["", self._shown(answer)]
        return "\n".join(lines) + "\n"

    def _shown(self, answer: Any) -> str:
        if answer.content_type != "application/json":
            first, *more = str(answer.text).splitlines()
            return textwrap.shorten(first, _WIDTH, placeholder=" ...") + ("\n..." if more else "")
        self._learn(answer.json)
        text = json.dumps(answer.json)
        for secret, name in self._names.items():
            text = text.replace(secret, name)
        text = _WATCHDOG.sub('"watchdog": 1800', text)
        return pretty(json.loads(_TIME.sub('"2026-11-22T09:00:00.000Z"', text)))

    def _learn(self, value: object) -> None:
        if isinstance(value, dict):
            for name in ("key", "token", "password"):
                if isinstance(value.get(name), str):
                    self._names.setdefault(value[name], f"KEY{len(self._names)}")

    def _real(self, value: str) -> str:
        for secret, name in self._names.items():
            value = re.sub(rf"\b{name}\b", secret, value)
        return value


def exchanges(text: str) -> list[Exchange]:
    """Return the calls of a page."""
    return [parse(block) for block in _BLOCK.findall(text)]


def parse(block: str) -> Exchange:
    """Read the request of a block."""
    found = _STATUS.search(block)
    request = block if found is None else block[: found.start()]
    head, _, body = request.strip("\n").partition("\n\n")
    first, *rest = head.splitlines()
    method, _, target = first.partition(" ")
    headers = dict(line.split(": ", 1) for line in rest)
    return Exchange(method, target, headers, body)


def pretty(value: object, before: int = 0) -> str:
    """Return JSON over as few lines as are not too long; `before`: columns that are used already."""
    line = json.dumps(value, ensure_ascii=False)
    indent = " " * before
    if len(line) + before <= _WIDTH or not isinstance(value, dict | list) or not value:
        return line
    if isinstance(value, list):
        return "[\n" + ",\n".join(f"{indent}  {pretty(one, before + 2)}" for one in value) + f"\n{indent}]"
    members: list[str] = []
    for name, one in value.items():
        members.append(f"{json.dumps(name)}: {pretty(one, before + 2)}")
    return "{\n" + _filled(members, before + 2) + f"\n{indent}}}"


def _filled(members: list[str], before: int) -> str:
    """Put members on lines, several on one while they fit."""
    indent = " " * before
    lines: list[str] = []
    for place, member in enumerate(members):
        text = member + ("," if place < len(members) - 1 else "")
        fits = lines and "\n" not in lines[-1] and "\n" not in text and len(lines[-1]) + 1 + len(text) <= _WIDTH
        if fits:
            lines[-1] += " " + text
        else:
            lines.append(indent + text)
    return "\n".join(lines)

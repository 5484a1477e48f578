"""URL and body of a callback, as LAVA makes them and KernelCI reads them. Source: readers-lava.md section 10.3."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any
from urllib.parse import quote, quote_plus, urlencode

from wsgi_app.config import Config
from wsgi_app.core.access import ITSELF
from wsgi_app.core.gateway import Gateway
from wsgi_app.notification import BodyForm, Callback, Dataset, Delivery
from wsgi_app.protocols.lava import records
from wsgi_app.protocols.lava.blocks import blocks
from wsgi_app.protocols.lava.notices.facts import facts
from wsgi_app.protocols.lava.reports import yamlrows
from wsgi_app.protocols.lava.suites import cases_of, suites

_PLACEHOLDER = re.compile(r"\{\s*([A-Z_-]+)\s*\}")
#: what of a job is no part of a URL
_NO_PART = ("definition", "metadata")
#: bytes that are kept back for what says that something was cut
_SPARE = 200


def url(template: str, values: Mapping[str, Any]) -> str:
    """Return a URL with the job's values for `{ID}` and the like; what is no value of it stays as it is."""

    def put(found: re.Match[str]) -> str:
        name = found[1].lower().replace("-", "_")
        if name not in values or name in _NO_PART:
            return found[0]
        value = values[name]
        return quote("None" if value is None else str(value), safe="")

    return _PLACEHOLDER.sub(put, template)


def write(gateway: Gateway, config: Config, delivery: Delivery, callback: Callback, body: IO[bytes]) -> str:
    """Write a callback's body, nothing for GET, and return its URL. Raises `NoSuchRecipe`."""
    if delivery.recipe is None:
        said = {"test": True, "id": delivery.id, "key": delivery.key, "description": "a test of Tackroom's callbacks"}
        if callback.method == "POST":
            body.write((json.dumps(said) if callback.content_type is BodyForm.JSON else urlencode(said)).encode())
        return callback.url
    values = facts(gateway.dossiers.of(delivery.recipe), delivery.transition)
    if callback.method == "POST":
        write_body(gateway, config, delivery, callback, values, body)
    return url(delivery.target, values)


def write_body(
    gateway: Gateway,
    config: Config,
    delivery: Delivery,
    callback: Callback,
    values: Mapping[str, Any],
    body: IO[bytes],
) -> None:
    """Write the body of a delivery of a recipe: the facts, and as the dataset wants it results and log.

    It has at most `callback_max_body` bytes. Raises `NoSuchRecipe`.
    """
    number, dataset, most = delivery.recipe or 0, callback.dataset, config.callback_max_body
    writer = _Json(body, most) if callback.content_type is BodyForm.JSON else _Form(body, most)
    for name, value in values.items():
        writer.put(name, value)
    if dataset in (Dataset.RESULTS, Dataset.ALL):
        writer.results(_results(gateway, number))
    if dataset in (Dataset.LOGS, Dataset.ALL):
        lines = records.yaml_lines(gateway.records.read(ITSELF, [number]).records)
        writer.text("log", (block.decode() for block in _lines(lines)))
    writer.end()


def _results(gateway: Gateway, recipe: int) -> Iterator[tuple[str, Iterator[str]]]:
    """Yield each suite, and its items as YAML in blocks of whole lines."""
    sheet = gateway.cases.read(ITSELF, [recipe])
    for suite in suites(sheet):
        yield suite.name, yamlrows.write(cases_of(sheet, suite))


def _lines(lines: Iterable[bytes]) -> Iterator[bytes]:
    empty = True
    for block in blocks(lines):
        empty = False
        yield block
    if empty:
        yield b"[]\n"


class _Json:
    """An object, written as it is made."""

    def __init__(self, body: IO[bytes], most: int) -> None:
        self._body = body
        self._left = most - _SPARE
        self._before = "{"

    def put(self, name: str, value: object) -> None:
        """Write a value; it is not cut."""
        self._write(f"{self._before}{json.dumps(name)}: {json.dumps(value)}")
        self._before = ", "

    def text(self, name: str, pieces: Iterable[str]) -> None:
        """Write a text of whole lines, cut at one of them where it is too long."""
        self._write(f"{self._before}{json.dumps(name)}: ")
        self._before = ", "
        if not self._string(pieces):
            self.put(f"{name}_truncated", value=True)

    def results(self, found: Iterable[tuple[str, Iterable[str]]]) -> None:
        """Write texts of suites, of which the last one may be cut."""
        self._write(f'{self._before}"results": {{')
        self._before, before, whole = ", ", "", True
        for name, pieces in found:
            self._write(f"{before}{json.dumps(name)}: ")
            before = ", "
            whole = self._string(pieces)
            if not whole:
                break
        self._write("}")
        if not whole:
            self.put("results_truncated", value=True)

    def end(self) -> None:
        """End the object."""
        self._write("}")

    def _string(self, pieces: Iterable[str]) -> bool:
        self._write('"')
        whole = True
        for piece in pieces:
            inner = json.dumps(piece)[1:-1]
            if len(inner) > self._left:
                for line in piece.splitlines(keepends=True):
                    inner = json.dumps(line)[1:-1]
                    if len(inner) > self._left:
                        break
                    self._write(inner)
                whole = False
                break
            self._write(inner)
        self._write('"')
        return whole

    def _write(self, text: str) -> None:
        self._left -= self._body.write(text.encode())


class _Form:
    """What browsers make of a form: of results there are only the names of suites (readers-lava.md, trap 14)."""

    def __init__(self, body: IO[bytes], most: int) -> None:
        self._body = body
        self._left = most - _SPARE
        self._before = ""

    def put(self, name: str, value: object) -> None:
        """Write a value; None is left out."""
        for one in value if isinstance(value, list) else [value]:
            if one is not None:
                self._write(f"{self._before}{urlencode({name: one})}")
                self._before = "&"

    def text(self, name: str, pieces: Iterable[str]) -> None:
        """Write a text of whole lines, cut at one of them where it is too long."""
        self._write(f"{self._before}{name}=")
        self._before = "&"
        for piece in pieces:
            for line in piece.splitlines(keepends=True):
                quoted = quote_plus(line)
                if len(quoted) > self._left:
                    self.put(f"{name}_truncated", value=True)
                    return
                self._write(quoted)

    def results(self, found: Iterable[tuple[str, Iterable[str]]]) -> None:
        """Write the names of suites."""
        self.put("results", [name for name, _ in found])

    def end(self) -> None:
        """Write nothing: it ends with its last value."""

    def _write(self, text: str) -> None:
        self._left -= self._body.write(text.encode())

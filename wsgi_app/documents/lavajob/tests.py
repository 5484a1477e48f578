"""The tests of a LAVA job: entries of `definitions`, each with a definition that is in it or fetched."""

import re
import time
from typing import Any

from attrs import frozen

from wsgi_app.core.excerpt import short
from wsgi_app.documents.lavajob.definition import Definition, read_definition
from wsgi_app.documents.lavajob.fields import Fields, Reading
from wsgi_app.documents.lavajob.limits import FETCH_SECONDS, MOST_FETCHED, TEST_NAME
from wsgi_app.documents.lavajob.repository import Places, fetch_definition
from wsgi_app.errors import BadLavaJob

#: it is a word of signals
_NAME = re.compile(r"[A-Za-z0-9_.-]+", re.ASCII)
_INLINE = "inline"
_FETCHED = ("git", "url")
#: what older LAVA fetched, too
_GONE = ("bzr", "tar")


@frozen
class Test:
    """One entry of `definitions`: a task of each system that runs it."""

    name: str
    definition: Definition
    path: str
    parameters: dict[str, str]
    skip_install: tuple[str, ...]
    #: how long it may take
    max_seconds: int | None


class Definitions:
    """Reads the tests of one job, fetching what is not in it, within one time."""

    def __init__(self, sources: Places, reading: Reading) -> None:
        self._sources = sources
        self._reading = reading
        self._fetched = 0
        self._until = time.monotonic() + FETCH_SECONDS

    def read(self, fields: Fields, seconds: int | None) -> Test:
        """Read one entry. Raises `BadLavaJob`."""
        name = fields.needed_text("name", TEST_NAME)
        if not _NAME.fullmatch(name):
            raise BadLavaJob(f"{short(name)!r} is no name: it has letters, digits and _.- only", path=fields.at("name"))
        parameters = {**fields.environment("params"), **fields.environment("parameters")}
        skip_install = fields.one_or_more("skip_install")
        fields.ignore(self._reading, ["lava-signal"], "signals come from the console log: it has no effect")
        source = fields.needed_text("from")
        if source == _INLINE:
            path = fields.text("path") or f"inline/{name}.yaml"
            place = fields.at("repository")
            definition = read_definition(fields.needed("repository"), place)
            fields.close(self._reading)
        elif source in _FETCHED:
            path = fields.text("path") or ""
            definition = self._fetch(fields, source, path)
        else:
            known = ", ".join((_INLINE, *_FETCHED))
            why = "that is no longer fetched" if source in _GONE else "there is no such source"
            raise BadLavaJob(f"{why}: a definition comes from {known}", path=fields.at("from"))
        for warning in definition.warnings:
            self._reading.warn(fields.path, warning)
        return Test(name, definition, path, parameters, skip_install, seconds)

    def _fetch(self, fields: Fields, source: str, path: str) -> Definition:
        self._fetched += 1
        if self._fetched > MOST_FETCHED:
            raise BadLavaJob(f"more than {MOST_FETCHED} definitions are to be fetched", path=fields.path)
        if time.monotonic() > self._until:
            raise BadLavaJob(f"fetching its definitions has taken longer than {FETCH_SECONDS} s", path=fields.path)
        entry: dict[str, Any] = {"from": source, **({"path": path} if path else {}), **fields.rest()}
        return fetch_definition(entry, self._sources, fields.path)

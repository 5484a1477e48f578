"""Where the steps of a test come from: the descriptor itself, or a document that it names."""

import time
from collections.abc import Callable
from typing import Protocol

from attrs import frozen

from wsgi_app.core.excerpt import short
from wsgi_app.core.sources import CannotRead, check_uri
from wsgi_app.documents.descriptor import steps
from wsgi_app.documents.descriptor.fields import Fields, Raw
from wsgi_app.documents.descriptor.jsontext import parse
from wsgi_app.documents.descriptor.limits import FETCH_SECONDS, Budget
from wsgi_app.documents.descriptor.plugins import registered
from wsgi_app.documents.descriptor.steps import Described
from wsgi_app.documents.descriptor.wording import within
from wsgi_app.errors import BadDescriptor


class Reader(Protocol):
    """Reads documents by URI, as `wsgi_app.core.sources.Sources` does."""

    def fetch(self, uri: str, *, seconds: float) -> bytes:
        """Return a document; it may take that long. Raises `CannotRead`."""


@frozen
class Fetched:
    """The name of a test and its steps, not yet checked."""

    name: str
    steps: list[Described | None]


class Fetching:
    """Fetches the steps of one descriptor's tests, within one budget and time."""

    def __init__(self, sources: Reader, budget: Budget) -> None:
        self._sources = sources
        self._budget = budget
        self._until = time.monotonic() + FETCH_SECONDS

    def fetch(self, fetcher: str, parameters: Raw) -> Fetched:
        """Return what a fetcher finds by its parameters. Raises `BadDescriptor`."""
        with within(f"could not get the desired TestFetcher ({short(fetcher)})"):
            read = registered(_FETCHERS, "TestFetcher", fetcher)
        with within("could not validate TestFetcher fetch parameters"):
            fields = parameters.fields()
            name, found = fields.text("TestName"), read(fields)
            if not name:
                raise BadDescriptor("test name cannot be empty for fetch parameters")
            if not isinstance(found, list):
                _check(found)
        return Fetched(name, found if isinstance(found, list) else self._document(found or ""))

    def _document(self, uri: str) -> list[Described | None]:
        seconds = self._until - time.monotonic()
        if seconds <= 0:
            raise BadDescriptor(f"fetching the steps of all tests has taken longer than {FETCH_SECONDS} s")
        try:
            document = self._sources.fetch(uri, seconds=seconds)
        except CannotRead as error:
            raise BadDescriptor(str(error)) from None
        with within("cannot decode JSON test description"):
            return steps.decode(Fields(parse(document, self._budget), ""))


def _uri(fields: Fields) -> str | None:
    return fields.uri("URI")


def _check(uri: str | None) -> None:
    if uri is None:
        raise BadDescriptor("file URI not specified in fetch parameters")
    try:
        check_uri(uri)
    except CannotRead as error:
        raise BadDescriptor(str(error)) from None


_FETCHERS: dict[str, Callable[[Fields], list[Described | None] | str | None]] = {"literal": steps.decode, "uri": _uri}

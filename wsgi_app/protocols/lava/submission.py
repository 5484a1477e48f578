"""Jobs submitted as text of any kind that we know; the same call made again because of a lost answer makes one job."""

from collections.abc import Callable
from contextlib import suppress

from attrs import evolve

from wsgi_app.config import Config
from wsgi_app.core.flights import Flights
from wsgi_app.core.gateway import Gateway
from wsgi_app.core.sources import Sources
from wsgi_app.documents import jobjson, jobxml
from wsgi_app.documents.descriptor import read_descriptor
from wsgi_app.documents.lavajob import read_lava_job
from wsgi_app.documents.mediatypes import DESCRIPTOR, JSON, XML, YAML
from wsgi_app.errors import BadDocument
from wsgi_app.model import Caller, Job
from wsgi_app.protocols.lava import references
from wsgi_app.protocols.lava.delivery import Landing
from wsgi_app.submitted import Document, NewJob

_BLANK = " \t\r\n\ufeff"


class Submission:
    """Takes jobs."""

    def __init__(self, gateway: Gateway, config: Config) -> None:
        self._gateway = gateway
        self._sources = Sources(config)
        self._flights = Flights(config.run / "flights")

    def reader(self, text: str, *, strict: bool = False) -> Callable[[], NewJob]:
        """Return what reads a job of any kind, and keeps its text; `strict` refuses what LAVA does not know in its own.

        It raises `BadDocument`.
        """

        def read() -> NewJob:
            kind = _kind(text)
            new = self._read(kind, text, strict)
            return evolve(new, document=Document(kind, text))

        return read

    def submit(self, caller: Caller, text: str, landing: Landing) -> Job:
        """Submit a job. Raises as `Jobs.submit` does."""
        with self._flights.flight(_who(caller), b"submit\n" + text.encode("utf-8", "replace"), landing.kept) as token:
            return self._gateway.jobs.submit(caller, self.reader(text), idempotency_key=token)

    def resubmit(self, caller: Caller, given: int | str, landing: Landing) -> Job:
        """Submit once more what an id means: one set of a job, or all of it. Raises as `Jobs.resubmit` does."""
        with self._flights.flight(_who(caller), f"resubmit\n{given}".encode(), landing.kept) as token:
            return self._gateway.jobs.resubmit(caller, references.parse(given), idempotency_key=token)

    def _read(self, kind: str, text: str, strict: bool) -> NewJob:
        if kind == XML:
            return jobxml.parse_job(text.encode("utf-8", "replace"))
        if kind == JSON:
            return jobjson.parse_job(text.encode("utf-8", "replace"))
        if kind == DESCRIPTOR:
            return read_descriptor(text, self._sources)
        return read_lava_job(text, self._sources, strict=strict)


def _kind(text: str) -> str:
    """Return which kind of document a text is: LAVA's, unless it is one of the others."""
    begin = text.lstrip(_BLANK)[:1]
    if begin == "<":
        return XML
    if begin == "{":
        with suppress(BadDocument):
            value = jobjson.parse(text.encode("utf-8", "replace"))
            if isinstance(value, dict) and "recipe_sets" in value:
                return JSON
            if isinstance(value, dict) and "TestDescriptors" in value:
                return DESCRIPTOR
    return YAML


def _who(caller: Caller) -> str:
    """Return whose repetitions are the same call."""
    return f"address {caller.address}" if caller.authorization is None else f"credentials {caller.authorization}"

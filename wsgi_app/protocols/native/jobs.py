"""Jobs and what is read of recipes: each handler decodes, calls one gateway method, encodes."""

from collections.abc import Callable

from attrs import evolve
from werkzeug.wrappers import Response

from wsgi_app.clock import Clock
from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
from wsgi_app.core.results import ResultFilter, Source
from wsgi_app.core.sources import Sources
from wsgi_app.documents import advicejson, jobjson, jobvalue, jobxml, logjson
from wsgi_app.documents.descriptor import read_descriptor
from wsgi_app.documents.lavajob import read_lava_job
from wsgi_app.documents.mediatypes import DESCRIPTOR, XML_TYPES, YAML_TYPES
from wsgi_app.documents.original import document_of
from wsgi_app.model import Job, Result
from wsgi_app.protocols import web
from wsgi_app.protocols.native import wire
from wsgi_app.protocols.native.wire import LARGEST_ID, LARGEST_PAGE, LONGEST_WAIT, PAGE, WAIT
from wsgi_app.protocols.web import Request
from wsgi_app.states import LogState, RecipeStatus, ResultValue
from wsgi_app.submitted import NewJob


class Jobs:
    """Jobs, results, logs, keys."""

    def __init__(self, gateway: Gateway, config: Config, clock: Clock) -> None:
        self._gateway = gateway
        self._config = config
        self._clock = clock
        sources = Sources(config)
        self._parsers: dict[str, Callable[[bytes], NewJob]] = {
            web.JSON: jobjson.parse_job,
            **dict.fromkeys(XML_TYPES, jobxml.parse_job),
            DESCRIPTOR: lambda body: read_descriptor(body, sources),
            **dict.fromkeys(YAML_TYPES, lambda body: read_lava_job(body, sources)),
        }

    def submit(self, request: Request) -> Response:
        """POST /jobs/."""
        key = request.headers.get("Idempotency-Key")
        return self._made(self._gateway.jobs.submit(request.caller, self._reader(request), idempotency_key=key))

    def validate(self, request: Request) -> Response:
        """POST /jobs/validate."""
        advice = self._gateway.jobs.advise(request.caller, self._reader(request))
        return web.json_response(advicejson.advice_value(advice))

    def retry(self, request: Request, job: int) -> Response:
        """POST /jobs/J/retry."""
        key = request.headers.get("Idempotency-Key")
        return self._made(self._gateway.jobs.retry(request.caller, job, idempotency_key=key))

    def page(self, request: Request) -> Response:
        """GET /jobs/."""
        limit = request.number("limit", PAGE, least=1, most=LARGEST_PAGE)
        found = self._gateway.jobs.page(
            request.caller,
            states=request.words("state", RecipeStatus),
            owner=request.text("owner"),
            mine=request.flag("mine"),
            after=request.number("after", 0, least=0, most=LARGEST_ID),
            limit=limit,
        )
        after = found[-1].id if len(found) == limit else None
        return web.json_response(
            {"jobs": [jobvalue.job_summary(job) for job in found], "next": web.next_page(request, after)}
        )

    def get(self, request: Request, job: int) -> Response:
        """GET /jobs/J."""
        found = self._gateway.jobs.get(request.caller, job, newest=_newest(request), before=_before(request))
        return web.json_response(jobvalue.job_value(found, self._clock))

    def summary(self, request: Request, job: int) -> Response:
        """GET /jobs/J/summary."""
        found = self._gateway.jobs.summary(request.caller, job, newest=_newest(request), before=_before(request))
        return web.json_response(wire.summary_value(found))

    def wait(self, request: Request, job: int) -> Response:
        """GET /jobs/J/wait."""
        seconds = request.number("timeout", WAIT, least=0, most=LONGEST_WAIT)
        found = self._gateway.jobs.wait(request.caller, job, seconds=seconds)
        return web.json_response(jobvalue.job_value(found, self._clock))

    def cancel(self, request: Request, job: int) -> Response:
        """POST /jobs/J/cancel."""
        self._gateway.jobs.cancel(request.caller, job)
        return web.no_content()

    def results(self, request: Request, job: int) -> Response:
        """GET /jobs/J/results."""
        limit = request.number("limit", PAGE, least=1, most=LARGEST_PAGE)
        after = request.number("after", 0, least=0, most=LARGEST_ID)
        found = self._gateway.results.of_job(request.caller, job, _wanted(request), after=after, limit=limit)
        return self._results(request, found, limit)

    def recipe_results(self, request: Request, recipe: int) -> Response:
        """GET /recipes/R/results."""
        limit = request.number("limit", PAGE, least=1, most=LARGEST_PAGE)
        after = request.number("after", 0, least=0, most=LARGEST_ID)
        found = self._gateway.results.of_recipe(request.caller, recipe, _wanted(request), after=after, limit=limit)
        return self._results(request, found, limit)

    def log_index(self, request: Request, recipe: int) -> Response:
        """GET /recipes/R/log-index."""
        limit = request.number("limit", PAGE, least=1, most=LARGEST_PAGE)
        states = request.words("state", LogState)
        after_path = request.text("after") or ""
        found = self._gateway.logs.page(request.caller, recipe, states=states, after=after_path, limit=limit)
        after = found[-1].path if len(found) == limit else None
        return web.json_response(
            {"logs": [logjson.log_value(log) for log in found], "next": web.next_page(request, after)}
        )

    def issue_key(self, request: Request, recipe: int) -> Response:
        """POST /recipes/R/key."""
        key = self._gateway.recipes.issue_key(
            request.caller,
            recipe,
            rotate=request.flag("rotate"),
            system=request.text("system"),
        )
        scheme, _, rest = self._config.public_url.partition("://")
        url = f"{scheme}://{key.recipe}:{key.secret}@{rest}"
        return web.json_response({"recipe": key.recipe, "key": key.secret, "url": url}, 201)

    def _reader(self, request: Request) -> Callable[[], NewJob]:
        """Return what reads the job in the body. Raises `UnsupportedMediaType`."""
        web.check_type(request, *self._parsers)
        parse = self._parsers[request.mimetype]

        def read() -> NewJob:
            body = request.get_data()
            new = parse(body)
            return new if new.document is not None else evolve(new, document=document_of(request.mimetype, body))

        return read

    def _made(self, job: Job) -> Response:
        location = f"{self._config.prefix}jobs/{job.id}"
        return web.json_response(jobvalue.job_value(job, self._clock), 201, {"Location": location})

    def _results(self, request: Request, found: list[Result], limit: int) -> Response:
        after = found[-1].id if len(found) == limit else None
        return web.json_response(
            {"results": [wire.result_value(result) for result in found], "next": web.next_page(request, after)}
        )


def _newest(request: Request) -> int:
    """Return how many recipe sets of a campaign are asked for."""
    return request.number("sets", LARGEST_PAGE, least=1, most=LARGEST_PAGE)


def _before(request: Request) -> int | None:
    """Return below which id the recipe sets of a campaign are asked for; None: all."""
    return request.number("before", 0, least=0, most=LARGEST_ID) or None


def _wanted(request: Request) -> ResultFilter:
    """Which results the query asks for."""
    task = request.number("task", 0, least=0, most=LARGEST_ID)
    return ResultFilter(request.words("result", ResultValue), request.words("source", Source), task or None)

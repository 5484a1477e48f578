"""Jobs that are submitted, tried, repeated and cancelled."""

from collections.abc import Mapping
from typing import Any

from werkzeug.exceptions import MethodNotAllowed
from werkzeug.wrappers import Response

from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
from wsgi_app.core.selection import Place, Reference
from wsgi_app.documents import advicejson, jobjson
from wsgi_app.errors import Denied, Invalid, NoSuchRecipe, NotFound
from wsgi_app.model import Job
from wsgi_app.protocols import web
from wsgi_app.protocols.lava import references, words
from wsgi_app.protocols.lava.delivery import Landing
from wsgi_app.protocols.lava.rest import body
from wsgi_app.protocols.lava.rest.refusals import located, refuse_submission
from wsgi_app.protocols.lava.submission import Submission
from wsgi_app.protocols.web import Request

#: jobs that one call may cancel
MOST_CANCELLED = 1000

_DONE = "job(s) successfully submitted"
_SENT = "Job cancel signal sent."


class Submissions:
    """What changes jobs."""

    def __init__(self, gateway: Gateway, config: Config) -> None:
        self._gateway = gateway
        self._config = config
        self._submission = Submission(gateway, config)

    def submit(self, request: Request) -> Response:
        """POST jobs/; the same call once more while its answer may not have come is the same job."""
        landing = Landing(request.environ, self._config)
        definition = body.text(body.fields(request), "definition")
        key = request.headers.get("Idempotency-Key")
        try:
            if key is None:
                return _made(self._submission.submit(request.caller, definition, landing))
            read = self._submission.reader(definition)
            return _made(self._gateway.jobs.submit(request.caller, read, idempotency_key=key))
        except (Invalid, NotFound) as error:
            return refuse_submission(error)

    def validate(self, request: Request) -> Response:
        """POST jobs/validate/: 200 whether the job is valid or not, as LAVA does; with what awaits one that is."""
        given = body.fields(request)
        read = self._submission.reader(body.text(given, "definition"), strict=body.flag(given, "strict"))
        try:
            advice = self._gateway.jobs.advise(request.caller, read)
        except (Invalid, NotFound) as error:
            return web.json_response({"message": f"Job invalid: {located(error)}"})
        told = {"warnings": list(advice.job.warnings), "advice": advicejson.prospects(advice)}
        return web.json_response({"message": "Job valid.", **told})

    def resubmit(self, request: Request, job: str) -> Response:
        """POST jobs/ID/resubmit/."""
        landing = Landing(request.environ, self._config)
        return _made(self._submission.resubmit(request.caller, job, landing))

    def cancel(self, request: Request, job: str) -> Response:
        """POST and GET jobs/ID/cancel/; not a GET of a browser, which any page may have it make."""
        if request.method == "HEAD":
            raise MethodNotAllowed(["GET", "POST"], "a HEAD changes nothing: POST it")
        if request.method == "GET" and "HTTP_ACCEPT_LANGUAGE" in request.environ:
            raise Denied("a browser may not have this done by GET: POST it")
        self._gateway.jobs.cancel_sets(request.caller, references.parse(job))
        return web.json_response({"message": _SENT})

    def cancel_many(self, request: Request) -> Response:
        """POST jobs/batch_cancel/: those that can be are cancelled, the others are named."""
        wanted = {number: _meant(number) for number in _numbers(body.fields(request))}
        known = {number: which for number, which in wanted.items() if which is not None}
        done = self._gateway.jobs.cancel_many(request.caller, list(known.values()))
        cancelled = [number for number, so in zip(known, done, strict=True) if so]
        message = _SENT if cancelled else "There is none of these jobs that you may cancel."
        value = {
            "message": message,
            "job_ids": cancelled,
            "invalid_job_ids": [one for one in wanted if one not in cancelled],
        }
        return web.json_response(value)


def _made(job: Job) -> Response:
    return web.json_response({"message": _DONE, "job_ids": words.numbers(job)}, 201)


def _meant(number: int | str) -> Reference | Place | None:
    """Return what an id means, None when it is none."""
    try:
        return references.parse(number)
    except NoSuchRecipe:
        return None


def _numbers(given: Mapping[str, Any]) -> list[int | str]:
    """Return the ids to cancel: an array, or a text with commas. Raises `Invalid`."""
    wanted = given.get("job_ids")
    if isinstance(wanted, str):
        wanted = [part.strip() for part in wanted.split(",") if part.strip()]
    if not isinstance(wanted, list) or not all(_is_id(one) for one in wanted):
        raise Invalid("job_ids is an array of job ids", field="job_ids")
    if len(wanted) > MOST_CANCELLED:
        raise Invalid(f"at most {MOST_CANCELLED} jobs are cancelled by one call", field="job_ids")
    return wanted


def _is_id(value: object) -> bool:
    # half of a character, which JSON can say, could not be told again
    if isinstance(value, str):
        return jobjson.is_text(value)
    return isinstance(value, int) and not isinstance(value, bool)

"""What a harness asks and says, logs apart: each handler decodes, calls one gateway method, encodes."""

from functools import lru_cache

from werkzeug.datastructures import MIMEAccept
from werkzeug.exceptions import NotAcceptable, UnsupportedMediaType
from werkzeug.http import parse_accept_header
from werkzeug.wrappers import Response

from wsgi_app.clock import Clock
from wsgi_app.core.gateway import Gateway
from wsgi_app.core.recipes import RecipeContent
from wsgi_app.documents import jobjson, jobvalue, recipexml
from wsgi_app.errors import BadDocument, Invalid
from wsgi_app.protocols import web
from wsgi_app.protocols.harness import wire
from wsgi_app.protocols.web import Request

XML = "application/xml"


class Control:
    """Recipe documents, statuses, results, watchdogs."""

    def __init__(self, gateway: Gateway, clock: Clock) -> None:
        self._gateway = gateway
        self._clock = clock

    def get_recipe(self, request: Request, recipe: int) -> Response:
        """GET /recipes/R/: XML, or JSON for those who prefer it."""
        wanted = _wanted(request.headers.get("Accept", ""))
        if wanted is None:
            raise NotAcceptable("a recipe is application/xml or application/json")
        if wanted == web.JSON:
            return self._get_json(request, recipe)
        document = self._gateway.recipes.document(request.caller, recipe, self._xml)
        # the type exactly: with a charset behind it restraint waits for ever (harness-beaker.md 0.1)
        return Response(document.body, content_type=XML)

    def _get_json(self, request: Request, recipe: int) -> Response:
        document = self._gateway.recipes.document(request.caller, recipe, self._unended_json)
        left = None if document.watchdog is None else int(document.watchdog - self._clock())
        return Response(b'%s,"watchdog":%s}\n' % (document.body, web.json_body(left)), content_type=web.JSON)

    def _xml(self, content: RecipeContent) -> bytes:
        base = self._gateway.config.public_url
        return recipexml.recipe_document(
            content.job, content.recipe, content.peers, content.results, content.logs, base=base
        )

    def _unended_json(self, content: RecipeContent) -> bytes:
        """Return a recipe as JSON but for its end: how many seconds are left changes while nothing else does."""
        value = jobvalue.recipe_document(content.recipe, content.peers, self._clock)
        del value["watchdog"]
        return web.json_body(value).removesuffix(b"}")

    def get_archive(self, request: Request, recipe: int, task: int, secret: str) -> Response:
        """GET /recipes/R/tasks/T/archive/SECRET/task.tar.gz: a command as a stock harness can fetch it."""
        body = self._gateway.archives.archive(recipe, task, secret)
        return Response(
            body,
            content_type="application/gzip",
            headers={"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"},
        )

    def get_watchdog(self, request: Request, recipe: int) -> Response:
        """GET /recipes/R/watchdog: the seconds that are left, false when there is no watchdog."""
        left = self._gateway.watchdogs.remaining(request.caller, recipe)
        return web.json_response({"seconds": False if left is None else left})

    def set_watchdog(self, request: Request, recipe: int) -> Response:
        """POST /recipes/R/watchdog."""
        self._gateway.watchdogs.set(request.caller, recipe, wire.seconds(request.form.get("seconds")))
        return web.no_content()

    def set_recipe_status(self, request: Request, recipe: int) -> Response:
        """POST /recipes/R/status: abort the recipe."""
        if request.form.get("status", "").lower() != "aborted":
            raise Invalid("the status of a recipe can only be set to Aborted", field="status")
        self._gateway.recipes.abort(request.caller, recipe, request.form.get("message"))
        return web.no_content()

    def set_task_status(self, request: Request, recipe: int, task: int) -> Response:
        """POST /recipes/R/tasks/T/status."""
        status = wire.task_status(request.form.get("status"))
        self._gateway.tasks.update(
            request.caller,
            recipe,
            task,
            status=status,
            message=request.form.get("message"),
            version=request.form.get("version"),
        )
        return web.no_content()

    def patch_task(self, request: Request, recipe: int, task: int) -> Response:
        """PATCH /recipes/R/tasks/T/: status, name and version, as JSON or form; the answer repeats what was set."""
        given = _attributes(request)
        status = wire.task_status(given["status"]) if "status" in given else None
        changed = self._gateway.tasks.update(
            request.caller,
            recipe,
            task,
            status=status,
            message=given.get("message"),
            name=given.get("name"),
            version=given.get("version"),
        )
        if "name" not in given and "version" not in given:
            return web.json_response({"status": given["status"]} if "status" in given else {})
        return web.json_response(
            {"id": changed.id, "name": changed.name, "version": changed.version, "status": changed.status}
        )

    def report_result(self, request: Request, recipe: int, task: int) -> Response:
        """POST /recipes/R/tasks/T/results/: 201 with a relative Location, right also below a path prefix (0.7)."""
        result = self._gateway.results.report(
            request.caller,
            recipe,
            task,
            result=wire.result_value(request.form.get("result")),
            path=request.form.get("path"),
            score=wire.score(request.form.get("score")),
            message=request.form.get("message"),
            idempotency_key=request.headers.get("Idempotency-Key"),
        )
        below = "" if request.path.endswith("/") else "results/"
        return web.text_response(str(result.id), 201, {"Location": f"{below}{result.id}"})


@lru_cache(maxsize=256)
def _wanted(accept: str) -> str | None:
    """Return the media type of a recipe that an Accept header prefers; harnesses always send the same."""
    return parse_accept_header(accept, MIMEAccept).best_match([XML, web.JSON]) if accept else XML


def _attributes(request: Request) -> dict[str, str]:
    """Return what a PATCH sets; unknown keys are passed over."""
    if request.form:
        given: object = request.form.to_dict()
    elif request.mimetype == web.JSON and request.content_length != 0:
        given = jobjson.parse(request.get_data())
    else:
        raise UnsupportedMediaType("send a JSON object or a form")
    if not isinstance(given, dict):
        raise BadDocument("a JSON object is expected")
    known = {name: given[name] for name in ("status", "message", "name", "version") if given.get(name) is not None}
    for name, value in known.items():
        if not isinstance(value, str) or not jobjson.is_text(value):
            raise Invalid(f"{name} must be a string", field=name)
    return known

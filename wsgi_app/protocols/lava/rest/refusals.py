"""What is refused, in the shapes that clients of LAVA's REST API read: `detail`, or the name of the field at fault."""

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from wsgi_app import errors
from wsgi_app.errors import Invalid, NotFound, TackroomError, Unauthenticated
from wsgi_app.protocols import web

#: as everywhere, but that a missing or bad token is a 403 here (readers-lava.md 8.1)
STATUS: dict[type[TackroomError], int] = {**web.STATUS, errors.Unauthenticated: 403}

#: what may help whoever meets one of these
_HELP: dict[type[TackroomError], str] = {
    errors.BadCredentials: "send `Authorization: Token TOKEN` with a valid one, or none to read what is public",
    errors.Unauthenticated: "send `Authorization: Token TOKEN`",
    errors.NoSuchRecipe: "api/v0.2/jobs/ lists them",
    errors.NoSuchSystem: "api/v0.2/devices/ lists them",
}

_SAID = {
    404: "There is nothing at this URL: openapi.yaml lists what there is.",
    405: "This URL does not take this method: openapi.yaml says which it takes.",
}


def refuse(error: Exception) -> Response:
    """Say no: `{FIELD: [sentence]}` for a value that does not fit, `{"detail": sentence}` else."""
    if isinstance(error, HTTPException):
        said = _SAID.get(error.code or 500) or vars(error).get("description") or error.name
        response = web.json_response({"detail": said}, error.code or 500)
        response.headers.extend(web.http_headers(error))
        return response
    if not isinstance(error, TackroomError):
        raise error
    status = web.status_of(error, STATUS)
    if isinstance(error, Invalid) and error.field:
        return web.json_response({error.field: [web.shortened(error.message)]}, status)
    headers = {} if isinstance(error, Unauthenticated) else web.refusal_headers(error)
    return web.json_response({"detail": sentence(error)}, status, headers)


def refuse_submission(error: Invalid | NotFound) -> Response:
    """Say no to a job: `{"message": sentence}`."""
    return web.json_response({"message": f"Job submission failed: {located(error)}"}, 400)


def located(error: Invalid | NotFound) -> str:
    """Return what is wrong with a job, and where in it, if that is known."""
    return web.shortened(error.message) + (f" @ {error.field}" if error.field else "")


def sentence(error: TackroomError) -> str:
    """Return an error's words, and what to do about it."""
    words = web.shortened(error.message).rstrip(".")
    for kind in type(error).__mro__:
        if kind in _HELP:
            return f"{words}: {_HELP[kind]}."
    return f"{words}."

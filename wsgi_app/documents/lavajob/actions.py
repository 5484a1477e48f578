"""The actions of a LAVA job: which tests its systems run; deploying and booting are passed over."""

from collections.abc import Iterator
from typing import Any

from attrs import frozen

from wsgi_app.core.excerpt import short
from wsgi_app.documents.lavajob import methods
from wsgi_app.documents.lavajob.fields import Fields, Path, Reading, exactly
from wsgi_app.documents.lavajob.roles import Cast
from wsgi_app.documents.lavajob.tests import Definitions, Test
from wsgi_app.documents.lavajob.timeouts import Timeouts, seconds_of
from wsgi_app.errors import BadLavaJob

_KINDS = ("boot", "command", "deploy", "test")
#: of every action, and without effect here
_IDLE = {
    "connection": "there is one way to a system, its harness: it has no effect",
    "connection-namespace": "there is one way to a system, its harness: it has no effect",
    "failure_retry": "what fails is not tried again: it has no effect",
    "protocols": "roles do not wait for one another to begin: it has no effect",
}
#: most times that a test is repeated
_MOST_REPEATS = 1000


@frozen
class Planned:
    """A test action's tests, which these roles run (none are named when there is no group), so many times."""

    #: from 1, among all actions
    number: int
    tests: tuple[Test, ...]
    roles: tuple[str, ...]
    repeat: int


def read_actions(
    values: Any, cast: Cast, timeouts: Timeouts, definitions: Definitions, reading: Reading
) -> list[Planned]:
    """Read `actions` to the tests that are to run, in order. Raises `BadLavaJob`."""
    path: Path = ("actions",)
    if not exactly(list, values, path):
        raise BadLavaJob("it is empty: a job has an action", path=path)
    found = [_one(value, (*path, place)) for place, value in enumerate(values)]
    _check_namespaces([fields for _, fields in found])
    planned = []
    for number, (kind, fields) in enumerate(found, 1):
        roles = _roles(fields, cast)
        seconds = None
        if "timeout" in fields:
            place = fields.at("timeout")
            seconds = timeouts.check(seconds_of(fields.any("timeout"), place, reading), place)
        if kind == "command":
            raise BadLavaJob(methods.COMMAND, path=fields.path)
        if kind == "deploy":
            methods.pass_over_deploy(fields, reading)
        elif kind == "boot":
            methods.pass_over_boot(fields, reading)
        else:
            repeat = fields.number("repeat", least=1, most=_MOST_REPEATS) or 1
            tests = _tests(fields, seconds or timeouts.test, definitions, reading)
            planned.append(Planned(number, tests, roles, repeat))
    if not planned:
        raise BadLavaJob("there is no test action: nothing of it would run here", path=path)
    return planned


def _one(value: Any, path: Path) -> tuple[str, Fields]:
    """Return what kind of action it is, and its fields."""
    action = exactly(dict, value, path)
    if len(action) != 1:
        raise BadLavaJob(f"an action has one of {', '.join(_KINDS)}", path=path)
    [(kind, body)] = action.items()
    if kind not in _KINDS:
        raise BadLavaJob(f"there is no such action: an action is one of {', '.join(_KINDS)}", path=(*path, short(kind)))
    return kind, Fields(body, (*path, kind))


def _check_namespaces(actions: list[Fields]) -> None:
    having = [fields for fields in actions if fields.text("namespace") is not None]
    if having and len(having) < len(actions):
        lacking = next(fields for fields in actions if fields not in having)
        raise BadLavaJob("it is missing: all actions have a namespace, or none", path=lacking.at("namespace"))


def _roles(fields: Fields, cast: Cast) -> tuple[str, ...]:
    place = fields.at("role")
    roles = fields.one_or_more("role")
    if not cast.group:
        if roles:
            raise BadLavaJob("roles are for jobs with protocols.lava-multinode", path=place)
        return ()
    if not roles:
        raise BadLavaJob("it is missing: with lava-multinode each action has one", path=place)
    unknown = next((role for role in roles if role not in cast.names), None)
    if unknown is not None:
        raise BadLavaJob(f"there is no role {short(unknown)!r}", path=place)
    return roles


def _tests(fields: Fields, seconds: int | None, definitions: Definitions, reading: Reading) -> tuple[Test, ...]:
    methods.require_shell(fields)
    for name, why in _IDLE.items():
        fields.ignore(reading, [name], why)
    # what the action is called is nobody's name
    fields.text("name")
    place = fields.at("definitions")
    given = exactly(list, fields.needed("definitions"), place)
    if not given:
        raise BadLavaJob("it is empty: a test has a definition", path=place)
    fields.close(reading)
    return tuple(_read(given, place, seconds, definitions))


def _read(given: list[Any], place: Path, seconds: int | None, definitions: Definitions) -> Iterator[Test]:
    for number, value in enumerate(given):
        yield definitions.read(Fields(value, (*place, number)), seconds)

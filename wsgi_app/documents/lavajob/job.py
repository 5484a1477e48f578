"""A LAVA job: what of it runs on systems that are up is a job of ours, with warnings for the rest."""

from typing import Any

from wsgi_app.core.metadata import check as check_metadata
from wsgi_app.documents.lavajob.actions import Planned, read_actions
from wsgi_app.documents.lavajob.definition import NOTHING
from wsgi_app.documents.lavajob.fields import Fields, Reading, exactly
from wsgi_app.documents.lavajob.limits import JOB_NAME, LIMITS, MOST_BYTES
from wsgi_app.documents.lavajob.notify import read_notify
from wsgi_app.documents.lavajob.repository import Places
from wsgi_app.documents.lavajob.roles import Cast, Role, read_cast
from wsgi_app.documents.lavajob.shell import RunFacts, script_of
from wsgi_app.documents.lavajob.tests import Definitions, Test
from wsgi_app.documents.lavajob.timeouts import read_timeouts
from wsgi_app.documents.mediatypes import YAML
from wsgi_app.documents.yamltext import PYYAML_WORDS, BadYAML, parse
from wsgi_app.errors import BadLavaJob, Invalid
from wsgi_app.states import Visibility
from wsgi_app.submitted import Document, NewJob, NewRecipe, NewRecipeSet, NewTask

#: the parameter of a task that says of which action it is, from 1
ACTION = "LAVA_ACTION"

#: the task of systems that have none
_NOTHING = "nothing"
_PRIORITIES = {"high": 100, "medium": 50, "low": 0}


def read_lava_job(text: str | bytes, sources: Places, *, strict: bool = False) -> NewJob:
    """Read a LAVA job in YAML (or JSON); definitions that are not in it are fetched from `sources`.

    When it is `strict`, fields that do not exist are refused. Raises `BadLavaJob`.
    """
    body = _bytes(text)
    try:
        value = parse(body, LIMITS, PYYAML_WORDS)
    except BadYAML as error:
        raise BadLavaJob(str(error)) from None
    reading = Reading(strict)
    if type(value) is not dict:
        raise BadLavaJob("a LAVA job is a mapping in YAML")
    fields = Fields(value, ())
    name = fields.needed_text("job_name", JOB_NAME)
    if "actions" not in fields:
        raise BadLavaJob("it is missing", path=("actions",))
    visibility = _visibility(fields.needed("visibility"), reading)
    priority, metadata = _priority(fields), _metadata(fields)
    timeouts = read_timeouts(fields.needed("timeouts"), ("timeouts",), reading)
    secrets = _secrets(fields, visibility)
    environment = fields.environment("environment")
    cast = read_cast(fields, timeouts, reading)
    notify = read_notify(fields, reading)
    _pass_over(fields, reading)
    actions = fields.any("actions")
    fields.close(reading)
    planned = read_actions(actions, cast, timeouts, Definitions(sources, reading), reading)
    make = _Making(cast, planned, {**environment, **secrets}, secrets, reading)
    recipes = tuple(recipe for role in cast.roles for recipe in make.recipes(role, timeouts.job))
    return NewJob(
        (NewRecipeSet(recipes),),
        name=name,
        visibility=visibility,
        priority=priority,
        warnings=reading.warnings(),
        metadata=metadata,
        secrets=_masked(secrets),
        document=Document(YAML, body.decode()),
        notify=notify,
        fitting=True,
    )


class _Making:
    """Makes the recipes of a job."""

    def __init__(
        self,
        cast: Cast,
        planned: list[Planned],
        environment: dict[str, str],
        secrets: dict[str, str],
        reading: Reading,
    ) -> None:
        self._cast = cast
        self._reading = reading
        self._planned = planned
        self._environment = environment
        self._secrets = secrets
        self._left = MOST_BYTES

    def recipes(self, role: Role, max_seconds: int) -> list[NewRecipe]:
        """Return the recipes of a role, which are alike. Raises `BadLavaJob` when their scripts are too long."""
        path = ("protocols", "lava-multinode", "roles", role.name) if role.name is not None else ()
        environment = {**self._environment, **role.environment}
        spent = self._left
        tasks: list[NewTask] = []
        for planned in self._planned:
            if role.name is not None and role.name not in planned.roles:
                continue
            for _ in range(planned.repeat):
                for test in planned.tests:
                    tasks.append(self._task(test, planned.number, len(tasks), role, environment))
        if not tasks:
            # all of a group know one another by their tasks
            self._reading.warn(path, "no test is for this role: its systems do nothing")
            nothing = Test(_NOTHING, NOTHING, _NOTHING, {}, (), None)
            tasks.append(self._task(nothing, 0, 0, role, environment))
        self._spend((spent - self._left) * (role.count - 1))
        place = BadLavaJob(path=path).field or ""
        recipe = NewRecipe(
            tuple(tasks),
            role.system,
            role.requires,
            role=role.name,
            max_seconds=max_seconds,
            place=place,
        )
        return [recipe] * role.count

    def _task(self, test: Test, action: int, number: int, role: Role, environment: dict[str, str]) -> NewTask:
        script = script_of(
            test.definition,
            RunFacts(
                name=test.name,
                parameters=test.parameters,
                secrets=self._secrets,
                role=role.name,
                roles=self._cast.counts,
                max_seconds=test.max_seconds,
                sync_seconds=self._cast.sync_seconds,
                path=test.path,
                test_no=number,
                skip_install=test.skip_install,
            ),
        )
        params = {**environment, ACTION: str(action)}
        self._spend(len(script) + sum(len(name) + len(value) for name, value in params.items()))
        return NewTask(test.name, params=params, script=script, live=True)

    def _spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise BadLavaJob(f"the scripts of all its tests have more than {MOST_BYTES} bytes", path=("actions",))


def _bytes(text: str | bytes) -> bytes:
    if isinstance(text, bytes):
        return text
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise BadLavaJob(f"half a surrogate pair is no text: at letter {error.start}") from None


def _visibility(value: Any, reading: Reading) -> Visibility:
    path = ("visibility",)
    if value == "public":
        return Visibility.PUBLIC
    if value == "personal":
        return Visibility.PRIVATE
    if type(value) is dict and [*value] == ["group"]:
        groups = exactly(list, value["group"], (*path, "group"))
        if not groups:
            raise BadLavaJob("it is empty", path=(*path, "group"))
        for place, group in enumerate(groups):
            exactly(str, group, (*path, "group", place))
        reading.warn(path, "there are no groups here: only you and admins see the job")
        return Visibility.PRIVATE
    raise BadLavaJob("expected public, personal, or group with a list of names", path=path)


def _priority(fields: Fields) -> int:
    path = fields.at("priority")
    value = fields.any("priority")
    if value is None:
        return _PRIORITIES["medium"]
    if type(value) is str and value in _PRIORITIES:
        return _PRIORITIES[value]
    if type(value) is int and 0 <= value <= 100:
        return value
    raise BadLavaJob("expected high, medium, low, or a whole number from 0 to 100", path=path)


def _metadata(fields: Fields) -> dict[str, Any]:
    path = fields.at("metadata")
    found = fields.mapping("metadata")
    try:
        check_metadata(found)
    except Invalid as error:
        raise BadLavaJob(error.message, path=path) from None
    return found


def _secrets(fields: Fields, visibility: Visibility) -> dict[str, str]:
    path = fields.at("secrets")
    found = fields.environment("secrets")
    if found and visibility is Visibility.PUBLIC:
        raise BadLavaJob("a job with secrets cannot be public: everybody could read them", path=path)
    return found


def _masked(secrets: dict[str, str]) -> tuple[str, ...]:
    """Return the texts that no log is to show: logs have lines."""
    lines = (line.strip() for secret in secrets.values() for line in (secret, *secret.splitlines()))
    return tuple(dict.fromkeys(line for line in lines if line))


def _pass_over(fields: Fields, reading: Reading) -> None:
    if "reboot_to_fastboot" in fields:
        fields.flag("reboot_to_fastboot")
    if "worker" in fields:
        fields.text("worker")
        reading.warn(fields.at("worker"), "a lab is one worker: it has no effect")

"""The recipe document that a harness reads: one recipe in a partial job. Source: harness-beaker.md 1.6."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from lxml import etree

from wsgi_app.documents.roles import Roles, SetRoles, known
from wsgi_app.model import RECIPE_MEMBERS, STANDALONE, Job, Log, LogAddress, Peer, Recipe, Result, Task

#: what XML 1.0 cannot carry, in any spelling; a test may report it all the same
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def recipe_document(
    job: Job,
    recipe: Recipe,
    peers: Sequence[Peer | Recipe],
    results: tuple[Result, ...],
    logs: tuple[Log, ...],
    *,
    base: str,
) -> bytes:
    """Return the document of a recipe; `peers` are all recipes of its set. Number and order of tasks never change.

    A command is there as the archive that has it in it, below the absolute URL `base`, if the recipe has its secret.
    """
    reported = _Reported(results, logs)
    root = etree.Element("job", owner=_clean(job.owner))
    etree.SubElement(root, "whiteboard").text = _clean(job.name)
    element = etree.SubElement(etree.SubElement(root, "recipeSet"), "recipe", _recipe_attributes(job, recipe))
    _add_installation(element, recipe)
    roles = SetRoles.of(peers) if known(recipe) else None
    _add_roles(element, None if roles is None else roles.recipes)
    _add_logs(element, reported.logs(None, None))
    for position, task in enumerate(recipe.tasks):
        fetch = task.fetch if task.fetch is not None else _archive(recipe, task, base)
        _add_task(element, task, fetch, None if roles is None else roles.tasks[position], reported)
    return etree.tostring(root, encoding="utf-8", xml_declaration=True)


class _Reported:
    """Results and logs of a recipe, by what they belong to."""

    def __init__(self, results: Iterable[Result], logs: Iterable[Log]) -> None:
        self._results: dict[int | None, list[Result]] = {}
        for result in results:
            self._results.setdefault(result.task, []).append(result)
        self._logs: dict[tuple[int | None, int | None], list[Log]] = {}
        for log in logs:
            self._logs.setdefault((log.task, log.result), []).append(log)

    def results(self, task: int) -> Sequence[Result]:
        return self._results.get(task, ())

    def logs(self, task: int | None, result: int | None) -> Sequence[Log]:
        return self._logs.get((task, result), ())


def _recipe_attributes(job: Job, recipe: Recipe) -> dict[str, str]:
    attributes = {
        "id": str(recipe.id),
        "job_id": str(job.id),
        "recipe_set_id": str(recipe.recipe_set),
        "role": _clean(recipe.role or RECIPE_MEMBERS),
        "status": recipe.status,
        "result": recipe.result,
        "arch": "",
        "distro": "",
        "family": "",
        "variant": "",
    }
    if recipe.assigned is not None and recipe.system is not None:
        attributes["system"] = recipe.system
    return attributes | _times(start_time=recipe.started, finish_time=recipe.finished)


def _add_installation(parent: etree._Element, recipe: Recipe) -> None:
    said = _times(
        install_started=recipe.install_started,
        install_finished=recipe.install_finished,
        postinstall_finished=recipe.postinstall_finished,
    )
    if said:
        etree.SubElement(parent, "installation", said)


def _archive(recipe: Recipe, task: Task, base: str) -> str | None:
    """Return the URL of a command's archive. restraint fetches by curl: nothing relative, and no credentials."""
    if recipe.archive_secret is None or (task.command is None and task.script is None and not task.later):
        return None
    return f"{base}recipes/{recipe.id}/tasks/{task.id}/archive/{recipe.archive_secret}/task.tar.gz"


def _add_task(parent: etree._Element, task: Task, fetch: str | None, roles: Roles | None, reported: _Reported) -> None:
    attributes = {
        "id": str(task.id),
        "name": _clean(task.name),
        "role": _clean(task.role or STANDALONE),
        "status": task.status,
        "result": task.result,
    }
    if task.version is not None:
        attributes["version"] = _clean(task.version)
    times = _times(start_time=task.started, finish_time=task.finished)
    element = etree.SubElement(parent, "task", attributes | times)
    if fetch is not None:
        etree.SubElement(element, "fetch", url=_clean(fetch))
    if task.params:
        params = etree.SubElement(element, "params")
        for name, value in task.params.items():
            etree.SubElement(params, "param", name=_clean(name), value=_clean(value))
    _add_roles(element, roles)
    _add_logs(element, reported.logs(task.id, None))
    results = reported.results(task.id)
    if results:
        holder = etree.SubElement(element, "results")
        for result in results:
            _add_result(holder, result, reported.logs(task.id, result.id))


def _add_result(parent: etree._Element, result: Result, logs: Sequence[Log]) -> None:
    attributes = {"id": str(result.id), "path": _clean(result.path or "/"), "result": str(result.result)}
    if result.score is not None:
        attributes["score"] = str(result.score)
    element = etree.SubElement(parent, "result", attributes | _times(start_time=result.time))
    element.text = _clean(result.message or "")
    _add_logs(element, logs)


def _add_roles(parent: etree._Element, roles: Roles | None) -> None:
    if roles is None:
        return
    holder = etree.SubElement(parent, "roles")
    for role, systems in roles.items():
        element = etree.SubElement(holder, "role", value=_clean(role))
        for system in systems:
            etree.SubElement(element, "system", value=_clean(system))


def _add_logs(parent: etree._Element, logs: Sequence[Log]) -> None:
    if logs:
        holder = etree.SubElement(parent, "logs")
        for log in logs:
            name = log.path.removeprefix(LogAddress(log.recipe, log.task, log.result, "").owner_path)
            # a relative reference: resolved against the document's own URL, `.../recipes/R/`
            etree.SubElement(holder, "log", name=_clean(name), href=quote(log.path))


def _times(**moments: float | None) -> dict[str, str]:
    return {
        name: datetime.fromtimestamp(moment, UTC).isoformat(" ", "seconds").removesuffix("+00:00")
        for name, moment in moments.items()
        if moment is not None
    }


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)

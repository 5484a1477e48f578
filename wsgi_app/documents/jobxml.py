"""Beaker's job XML in, and the recipe document that a harness reads out. Source: harness-beaker.md 1.6.

In what comes in, `script` and `command` (with `arg` elements) of a task, `max_seconds` and `stop_on_fail` of a recipe
and `tag` in `hostRequires` are ours.
"""

import re
from datetime import UTC, datetime
from urllib.parse import quote

from lxml import etree

from wsgi_app.errors import BadDocument
from wsgi_app.model import (
    Job,
    Log,
    LogAddress,
    NewJob,
    NewRecipe,
    NewRecipeSet,
    NewTask,
    Recipe,
    Requires,
    Result,
    Task,
)
from wsgi_app.states import RecipeStatus

PRIORITIES = {"low": 10, "medium": 30, "normal": 50, "high": 70, "urgent": 90}

#: what XML 1.0 cannot carry, in any spelling; a test may report it all the same
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def parse_job(body: bytes) -> NewJob:
    """Read a job as submitted. Raises `BadDocument`, naming the element and its line."""
    root = _root(body)
    if root.tag != "job":
        raise _wrong(root, "the root element is job")
    sets = tuple(_recipe_set(element) for element in root.iterfind("recipeSet"))
    if not sets:
        raise _wrong(root, "a job needs a recipeSet")
    priorities = [_priority(element) for element in root.iterfind("recipeSet")]
    return NewJob(sets, name=(root.findtext("whiteboard") or "").strip(), priority=max(priorities))


def _root(body: bytes) -> etree._Element:
    if b"<!DOCTYPE" in body:
        raise BadDocument("a document type declaration is not accepted")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
    try:
        return etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise BadDocument(f"this is not XML: {error}") from None


def _priority(element: etree._Element) -> int:
    word = element.get("priority", "normal").lower()
    if word not in PRIORITIES:
        raise _wrong(element, f"priority is one of {', '.join(PRIORITIES)}")
    return PRIORITIES[word]


def _recipe_set(element: etree._Element) -> NewRecipeSet:
    recipes = tuple(_recipe(recipe) for recipe in element.iterfind("recipe"))
    if not recipes:
        raise _wrong(element, "a recipeSet needs a recipe")
    return NewRecipeSet(recipes)


def _recipe(element: etree._Element) -> NewRecipe:
    tasks = tuple(_task(task) for task in element.iterfind("task"))
    if not tasks:
        raise _wrong(element, "a recipe needs a task")
    system, requires = _host(element.find("hostRequires"))
    longest = element.get("max_seconds")
    if longest is not None and not re.fullmatch("[1-9][0-9]{0,8}", longest):
        raise _wrong(element, "max_seconds is a number of seconds")
    return NewRecipe(
        tasks,
        system=system,
        requires=requires,
        role=element.get("role"),
        max_seconds=None if longest is None else int(longest),
        stop_on_fail=element.get("stop_on_fail", "false").lower() == "true",
    )


def _host(element: etree._Element | None) -> tuple[str | None, Requires]:
    """Return what hostRequires asks for: a system by name, and a type and tags."""
    if element is None:
        return None, Requires()
    system = element.get("force")
    kind: str | None = None
    tags: list[str] = []
    for wish in element.iter():
        if wish.tag in ("hostRequires", "and"):
            continue
        if wish.get("op", "=") not in ("=", "=="):
            raise _wrong(wish, "only op '=' is understood here")
        if wish.tag == "hostname":
            system = _attribute(wish, "value")
        elif wish.tag == "system_type":
            kind = _attribute(wish, "value")
        elif wish.tag == "tag":
            tags.append(_attribute(wish, "value"))
        else:
            raise _wrong(wish, "hostRequires understands hostname, system_type, tag and the attribute force")
    return system, Requires(kind, tuple(tags))


def _task(element: etree._Element) -> NewTask:
    fetch = element.find("fetch")
    command = element.find("command")
    script = element.find("script")
    given = [child for child in (fetch, command, script) if child is not None]
    if len(given) > 1:
        raise _wrong(given[1], "a task has one of fetch, command and script")
    return NewTask(
        _attribute(element, "name"),
        role=element.get("role"),
        params={_attribute(param, "name"): _attribute(param, "value") for param in element.iterfind("params/param")},
        command=None if command is None else _words(command),
        script=None if script is None else _script(script),
        fetch=None if fetch is None else _attribute(fetch, "url"),
    )


def _words(element: etree._Element) -> tuple[str, ...]:
    words = tuple(arg.text or "" for arg in element.iterfind("arg"))
    if not words:
        raise _wrong(element, "a command needs at least one arg")
    return words


def _script(element: etree._Element) -> str:
    return (element.text or "").lstrip("\n")


def _attribute(element: etree._Element, name: str) -> str:
    value = element.get(name)
    if value is None:
        raise _wrong(element, f"the attribute {name} is missing")
    return value


def _wrong(element: etree._Element, problem: str) -> BadDocument:
    return BadDocument(f"line {element.sourceline}: {element.tag}: {problem}", field=str(element.tag))


def recipe_document(
    job: Job, recipe: Recipe, peers: tuple[Recipe, ...], results: tuple[Result, ...], logs: tuple[Log, ...]
) -> bytes:
    """Return the document of a recipe: one recipe in a partial job. Number and order of tasks never change."""
    root = etree.Element("job", owner=_clean(job.owner))
    etree.SubElement(root, "whiteboard").text = _clean(job.name)
    group = etree.SubElement(root, "recipeSet")
    element = etree.SubElement(group, "recipe", _recipe_attributes(job, recipe))
    if recipe.status not in (RecipeStatus.QUEUED, RecipeStatus.SCHEDULED):
        _add_roles(element, [(peer.role or "RECIPE_MEMBERS", peer.system) for peer in peers])
    _add_logs(element, [log for log in logs if log.task is None])
    for position, task in enumerate(recipe.tasks):
        _add_task(element, recipe, task, position, peers, results, logs)
    return etree.tostring(root, encoding="utf-8", xml_declaration=True)


def _recipe_attributes(job: Job, recipe: Recipe) -> dict[str, str]:
    attributes = {
        "id": str(recipe.id),
        "job_id": str(job.id),
        "recipe_set_id": str(recipe.recipe_set),
        "role": _clean(recipe.role or "RECIPE_MEMBERS"),
        "status": recipe.status,
        "result": recipe.result,
        "arch": "",
        "distro": "",
        "family": "",
        "variant": "",
    }
    if recipe.assigned is not None and recipe.system is not None:
        attributes["system"] = recipe.system
    return attributes | _times(recipe.started, recipe.finished)


def _add_task(
    parent: etree._Element,
    recipe: Recipe,
    task: Task,
    position: int,
    peers: tuple[Recipe, ...],
    results: tuple[Result, ...],
    logs: tuple[Log, ...],
) -> None:
    attributes = {
        "id": str(task.id),
        "name": _clean(task.name),
        "role": _clean(task.role or "STANDALONE"),
        "status": task.status,
        "result": task.result,
    }
    if task.version is not None:
        attributes["version"] = _clean(task.version)
    element = etree.SubElement(parent, "task", attributes | _times(task.started, task.finished))
    if task.fetch is not None:
        etree.SubElement(element, "fetch", url=_clean(task.fetch))
    if task.params:
        params = etree.SubElement(element, "params")
        for name, value in task.params.items():
            etree.SubElement(params, "param", name=_clean(name), value=_clean(value))
    if recipe.status not in (RecipeStatus.QUEUED, RecipeStatus.SCHEDULED):
        same = [
            (peer.tasks[position].role or "STANDALONE", peer.system) for peer in peers if len(peer.tasks) > position
        ]
        _add_roles(element, same)
    _add_logs(element, [log for log in logs if log.task == task.id and log.result is None])
    mine = [result for result in results if result.task == task.id]
    if mine:
        holder = etree.SubElement(element, "results")
        for result in mine:
            _add_result(holder, result, [log for log in logs if log.result == result.id])


def _add_result(parent: etree._Element, result: Result, logs: list[Log]) -> None:
    attributes = {"id": str(result.id), "path": _clean(result.path or "/"), "result": str(result.result)}
    if result.score is not None:
        attributes["score"] = str(result.score)
    element = etree.SubElement(parent, "result", attributes | _times(result.time, None))
    element.text = _clean(result.message or "")
    _add_logs(element, logs)


def _add_roles(parent: etree._Element, members: list[tuple[str, str | None]]) -> None:
    holder = etree.SubElement(parent, "roles")
    for role in sorted({role for role, _ in members}):
        element = etree.SubElement(holder, "role", value=_clean(role))
        for member, system in members:
            if member == role and system is not None:
                etree.SubElement(element, "system", value=_clean(system))


def _add_logs(parent: etree._Element, logs: list[Log]) -> None:
    if logs:
        holder = etree.SubElement(parent, "logs")
        for log in logs:
            name = log.path.removeprefix(LogAddress(log.recipe, log.task, log.result, "").owner_path)
            # a relative reference: resolved against the document's own URL, `.../recipes/R/`
            etree.SubElement(holder, "log", name=_clean(name), href=quote(log.path))


def _times(started: float | None, finished: float | None) -> dict[str, str]:
    moments = {"start_time": started, "finish_time": finished}
    return {
        name: datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S")
        for name, moment in moments.items()
        if moment is not None
    }


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)

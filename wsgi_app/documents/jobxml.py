"""Beaker's job XML, as submitters write it. Source: harness-beaker.md 1.6, Beaker's and restraint's job documents.

`script` and `command` (with `arg` elements) of a task and `max_seconds` and `stop_on_fail` of a recipe are ours. What
we know and do nothing with, and what we do not know, is warned of by name; refused is what changes where or what a
recipe runs.
"""

import re
from collections.abc import Collection
from urllib.parse import quote

from attrs import evolve

from wsgi_app.documents import hostrequires, xmltree
from wsgi_app.documents.xmltree import Element, shown
from wsgi_app.model import Requires
from wsgi_app.submitted import NewJob, NewRecipe, NewRecipeSet, NewTask

PRIORITIES = {"low": 10, "medium": 30, "normal": 50, "high": 70, "urgent": 90}

#: Beaker's elements (below job and recipe) and attributes that we know and do nothing with yet
IDLE_ELEMENTS = frozenset(
    {
        *("autopick", "cc", "distro", "distroRequires", "installation", "keywords", "kickstart", "ks_appends"),
        *("notify", "packages", "partitions", "repos", "reservesys", "rpm", "watchdog"),
    }
)
IDLE_ATTRIBUTES = {
    "job": ("group", "product", "retention_tag", "user"),
    "recipe": ("kernel_options", "kernel_options_post", "ks_meta", "whiteboard"),
    "task": ("keepchanges",),
    "fetch": ("ssl_verify",),
}

#: warnings that a job keeps
MOST_WARNINGS = 100

#: characters that the params of recipes may grow to, written out in all their tasks
MOST_SPREAD = 10_485_760


def parse_job(body: bytes) -> NewJob:
    """Read a job as submitted. Raises `BadDocument` with line, column and the element or attribute."""
    return _Reader().job(xmltree.parse(body))


class _Reader:
    """Reads one document, in its order, and keeps the warnings."""

    def __init__(self) -> None:
        self._warnings: list[str] = []
        self._unsaid = 0
        self._spread = 0

    def job(self, element: Element) -> NewJob:
        if element.tag != "job":
            raise element.wrong("the root element is job")
        self._look_at(element, ())
        whiteboard: Element | None = None
        priorities: list[int] = []
        groups: list[NewRecipeSet] = []
        for child in element.children:
            if child.tag == "recipeSet":
                priorities.append(_priority(child))
                if "priority" in child.attributes and priorities[-1] != priorities[0]:
                    self._warn(child, "all sets of a job have one priority: the highest counts")
                groups.append(self._recipe_set(child))
            elif child.tag == "whiteboard":
                whiteboard = _only(child, whiteboard)
                self._leaf(child, (), text=True)
            else:
                self._pass_over(child)
        if not groups:
            raise element.wrong("a job needs a recipeSet")
        name = "" if whiteboard is None else whiteboard.text.strip()
        return NewJob(tuple(groups), name=name, priority=max(priorities), warnings=self._all_warnings())

    def _recipe_set(self, element: Element) -> NewRecipeSet:
        self._look_at(element, ("priority",))
        recipes: list[NewRecipe] = []
        for child in element.children:
            if child.tag == "recipe":
                recipes.append(self._recipe(child))
            else:
                self._pass_over(child)
        if not recipes:
            raise element.wrong("a recipeSet needs a recipe")
        return NewRecipeSet(tuple(recipes))

    def _recipe(self, element: Element) -> NewRecipe:
        self._look_at(element, ("role", "max_seconds", "stop_on_fail"))
        longest, stop = _seconds(element, "max_seconds"), _truth(element, "stop_on_fail")
        host: Element | None = None
        system, requires = None, Requires()
        params: Element | None = None
        common: dict[str, str] = {}
        tasks: list[NewTask] = []
        for child in element.children:
            if child.tag == "task":
                tasks.append(self._task(child))
            elif child.tag == "hostRequires":
                host = _only(child, host)
                system, requires = hostrequires.read(child)
            elif child.tag == "params":
                params = child
                self._params(child, common)
            else:
                self._pass_over(child)
        if not tasks:
            raise element.wrong("a recipe needs a task")
        return NewRecipe(
            self._with_params(tasks, params, common),
            system=system,
            requires=requires,
            role=element.attributes.get("role") or None,
            max_seconds=longest,
            stop_on_fail=stop,
            place=element.place,
        )

    def _with_params(self, tasks: list[NewTask], params: Element | None, common: dict[str, str]) -> tuple[NewTask, ...]:
        """Give all tasks the params of their recipe, which their own go before."""
        if params is None:
            return tuple(tasks)
        self._spread += sum(len(name) + len(value) + 16 for name, value in common.items()) * len(tasks)
        if self._spread > MOST_SPREAD:
            raise params.wrong("the params of recipes, repeated in each of their tasks, come to more than 10 MiB")
        return tuple(evolve(task, params={**common, **task.params}) for task in tasks)

    def _task(self, element: Element) -> NewTask:
        self._look_at(element, ("name", "role"))
        task = NewTask(element.required("name"), role=element.attributes.get("role") or None)
        params: dict[str, str] = {}
        runs = False
        package: Element | None = None
        for child in element.children:
            if child.tag in ("fetch", "command", "script"):
                if runs:
                    raise child.wrong("a task has one of fetch, command and script")
                runs = True
                task = self._running(task, child)
            elif child.tag == "params":
                self._params(child, params)
            else:
                package = child if child.tag == "rpm" else package
                self._pass_over(child)
        if package is not None and not runs:
            raise package.wrong("a task cannot be run from a package here; give it a fetch, command or script")
        return evolve(task, params=params)

    def _running(self, task: NewTask, element: Element) -> NewTask:
        """Return the task with what it runs."""
        if element.tag == "fetch":
            self._leaf(element, ("url", "subdir"))
            return evolve(task, fetch=_fetched(element))
        if element.tag == "script":
            self._look_at(element, (), text=True)
            return evolve(task, script=_text(element).lstrip("\n"))
        self._look_at(element, (), text=True)
        words: list[str] = []
        for child in element.children:
            if child.tag != "arg":
                raise child.wrong("a command consists of arg elements")
            self._look_at(child, (), text=True)
            words.append(_text(child))
        if not words or element.text.strip():
            raise element.wrong("a command consists of arg elements, at least one")
        return evolve(task, command=tuple(words))

    def _params(self, element: Element, found: dict[str, str]) -> None:
        """Add what `params` says to what was found."""
        self._look_at(element, ())
        for child in element.children:
            if child.tag != "param":
                self._pass_over(child)
                continue
            self._leaf(child, ("name", "value"))
            name = child.required("name")
            if name in found:
                self._warn(child, f"the param {shown(name)} is given twice: this one counts")
            found[name] = child.required("value", empty=True)

    def _leaf(self, element: Element, understood: Collection[str], *, text: bool = False) -> None:
        """Warn of what an element has beside attributes, as below, and of all that stands in it."""
        self._look_at(element, understood, text=text)
        for child in element.children:
            self._pass_over(child)

    def _look_at(self, element: Element, understood: Collection[str], *, text: bool = False) -> None:
        """Warn of what an element has beside the attributes that are understood, and text where it is."""
        tag = shown(element.tag)
        for name in element.attributes:
            if name in IDLE_ATTRIBUTES.get(element.tag, ()):
                self._warn(element, f"the attribute {name} of {tag} has no effect yet")
            elif name not in understood:
                self._warn(element, f"the attribute {shown(name)} of {tag} is not known and has no effect")
        if not text and element.text and not element.text.isspace():
            self._warn(element, f"text in {tag} has no effect")

    def _pass_over(self, element: Element) -> None:
        """Warn of an element that does nothing here; refuse those that would say what runs, or where."""
        tag = shown(element.tag)
        if element.tag.lower() == "hostrequires":
            raise element.wrong("hostRequires is written so, and belongs into a recipe")
        if element.tag == "guestrecipe":
            raise element.wrong("guests are not supported")
        idle = element.tag in IDLE_ELEMENTS
        if idle and not (element.attributes or element.children or element.text.strip()):
            # Beaker's own clients write them all, empty: they ask for nothing
            return
        self._warn(element, f"{tag} has no effect yet" if idle else f"{tag} is not known and has no effect")

    def _warn(self, element: Element, problem: str) -> None:
        if len(self._warnings) < MOST_WARNINGS:
            self._warnings.append(f"{element.place}: {problem}")
        else:
            self._unsaid += 1

    def _all_warnings(self) -> tuple[str, ...]:
        more = (f"and {self._unsaid} more",) if self._unsaid else ()
        return (*self._warnings, *more)


def _only(element: Element, earlier: Element | None) -> Element:
    if earlier is not None:
        raise element.wrong(f"there is one already, at {earlier.place}")
    return element


def _text(element: Element) -> str:
    if element.children:
        raise element.children[0].wrong(f"{element.tag} holds nothing but text; write < as &lt; or use CDATA")
    return element.text


def _fetched(element: Element) -> str:
    """Return the URL of a task, with Beaker's `subdir` as the fragment that harnesses know."""
    url, subdir = element.required("url"), element.attributes.get("subdir", "").strip("/")
    if not subdir:
        return url
    if "#" in url:
        raise element.wrong("a subdir and a fragment (#) in the url say the same: give one of them", attribute="subdir")
    return f"{url}#{quote(subdir)}"


def _priority(element: Element) -> int:
    word = element.attributes.get("priority", "normal").lower()
    if word not in PRIORITIES:
        raise element.wrong(f"priority is one of {', '.join(PRIORITIES)}", attribute="priority")
    return PRIORITIES[word]


def _seconds(element: Element, attribute: str) -> int | None:
    value = element.attributes.get(attribute)
    if value is None:
        return None
    if not re.fullmatch("[1-9][0-9]{0,8}", value):
        raise element.wrong(
            f"{attribute} is a whole number of seconds, 1 to 999999999, not {shown(value)!r}", attribute=attribute
        )
    return int(value)


def _truth(element: Element, attribute: str) -> bool:
    word = element.attributes.get(attribute, "false")
    if word.lower() not in ("true", "false"):
        raise element.wrong(f"{attribute} is true or false, not {shown(word)!r}", attribute=attribute)
    return word.lower() == "true"

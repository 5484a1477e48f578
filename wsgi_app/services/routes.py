"""Which rule a URL path is of, for counting: as many words as there are rules, whatever clients ask for."""

import re
from collections.abc import Sequence
from functools import lru_cache

OTHER = "other"
_METHODS = frozenset({"GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"})
_VARIABLE = re.compile(r"<(?:(id|rest):)?([a-z]+)>")
_KINDS = {"id": "[1-9][0-9]{0,9}", "rest": "(?s:.+)", None: "[^/]+"}
_ID = re.compile(r"(?<![0-9])[1-9][0-9]{0,9}(?![0-9])")
#: what nearly all calls are
_LOG = re.compile(r"/recipes/[1-9][0-9]{0,9}/(tasks/[1-9][0-9]{0,9}/(results/[1-9][0-9]{0,9}/)?)?logs/(?s:.+)")


class Routes:
    """The rules of all faces below a path prefix."""

    def __init__(self, rules: Sequence[str], prefix: str) -> None:
        """Take Werkzeug's rules, in the order of precedence."""
        self._prefix = prefix.rstrip("/")
        shown = dict.fromkeys(rules)
        self._rules = [(re.compile(_pattern(rule)), _VARIABLE.sub(r"{\2}", rule)) for rule in shown]
        # log names differ, all else repeats itself
        self._find = lru_cache(4096)(self._search)

    def of(self, path: str) -> str:
        """Return the rule that a decoded URL path is of, written as OpenAPI does, or `other`."""
        if not path.startswith(self._prefix):
            return OTHER
        below = path[len(self._prefix) :]
        if (log := _LOG.fullmatch(below)) is not None:
            task = "tasks/{task}/" if log[1] else ""
            result = "results/{result}/" if log[2] else ""
            return f"/recipes/{{recipe}}/{task}{result}logs/{{name}}"
        return self._find(_ID.sub("1", below))

    def _search(self, below: str) -> str:
        return next((shown for pattern, shown in self._rules if pattern.fullmatch(below)), OTHER)


def method(word: str) -> str:
    """Return a method, or `other`."""
    return word if word in _METHODS else OTHER


def _pattern(rule: str) -> str:
    """Return a rule's pattern; with and without its last slash, as the faces take it."""
    parts = []
    end = 0
    for found in _VARIABLE.finditer(rule):
        parts += [re.escape(rule[end : found.start()]), _KINDS[found[1]]]
        end = found.end()
    return "".join([*parts, re.escape(rule[end:]).rstrip("/"), "/?"])

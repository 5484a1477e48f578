"""Which files and directories of the log tree are logs, and lie where logs may lie."""

import re

from wsgi_app.model import LogAddress

#: what mod_dav_fs and core call a file that is not yet a log
TEMPORARY = ".davfs.tmp"

_COMPONENT = r"[^/.\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]*"
_ID = r"([1-9][0-9]{0,9})"
_OWNER = rf"{_ID}/(?:tasks/{_ID}/(?:results/{_ID}/)?)?"
_LOG = re.compile(rf"{_OWNER}logs/({_COMPONENT}(?:/{_COMPONENT})*)")
_DIRECTORY = re.compile(rf"{_ID}(?:/tasks(?:/{_ID}(?:/results(?:/{_ID})?)?)?)?|{_OWNER}logs(?:/{_COMPONENT})*")
_LONGEST = 1000


def address(path: str) -> LogAddress | None:
    """Return the address of the log at this path below DATA/logs/recipes, or None where no log may lie."""
    match = _LOG.fullmatch(path)
    if match is None or not _encodable(match[4]):
        return None
    recipe, task, result, name = match.groups()
    return LogAddress(int(recipe), int(task) if task else None, int(result) if result else None, name)


def holds_logs(path: str) -> bool:
    """Whether logs may lie below the directory at this path below DATA/logs/recipes."""
    return _DIRECTORY.fullmatch(path) is not None


def task_of(path: str) -> int | None:
    """Return the task to which a log belongs, by its path below `/recipes/R/`; None: it is the recipe's own."""
    return int(path.split("/", 2)[1]) if path.startswith("tasks/") else None


def recipe_of(path: str) -> int:
    """Return the recipe to which a directory that holds logs belongs."""
    return int(path.split("/", 1)[0])


def _encodable(name: str) -> bool:
    try:
        return len(name.encode()) <= _LONGEST
    except UnicodeEncodeError:
        return False

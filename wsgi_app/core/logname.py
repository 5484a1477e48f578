"""What a log may be called, and where its path says that it belongs. Source: design.md section 2."""

import re

from wsgi_app.errors import BadName, NoSuchLog
from wsgi_app.model import LogAddress

#: one component of a log's name; both planes have this rule (apache/parts/logs.conf)
_COMPONENT = re.compile(r"[^/.\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]*", re.DOTALL)
LONGEST_COMPONENT = 255
LONGEST_NAME = 1000
#: the log of a task that has what the task wrote to its console
CONSOLE = "taskout.log"

_ADDRESS = re.compile(r"(?:tasks/([1-9][0-9]*)/(?:results/([1-9][0-9]*)/)?)?logs/(.+)", re.DOTALL)


def check_name(name: str) -> None:
    """Raise `BadName` unless the name may be a log's: the one rule of both planes."""
    try:
        encoded = name.encode()
    except UnicodeEncodeError:
        raise BadName from None
    if len(encoded) > LONGEST_NAME:
        raise BadName(f"a log's name has at most {LONGEST_NAME} bytes")
    for component in name.split("/"):
        if not _COMPONENT.fullmatch(component) or len(component.encode()) > LONGEST_COMPONENT:
            raise BadName


def parse_path(recipe: int, path: str) -> LogAddress:
    """Return the address of the log with this URL path below `/recipes/R/`. Raises `BadName`, `NoSuchLog`."""
    found = _ADDRESS.fullmatch(path)
    if found is None:
        raise NoSuchLog
    task, result, name = found.groups()
    check_name(name)
    return LogAddress(recipe, None if task is None else int(task), None if result is None else int(result), name)

"""What a task runs, made ready: a command as it is, a script written out, an archive fetched."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urljoin

from wsgi_app.harnesses import courier, fetch
from wsgi_app.harnesses.document import TaskDocument


class CannotStart(Exception):
    """The task cannot be run."""


def prepare(
    task: TaskDocument, home: Path, base: str, note: Callable[[str], None], between: Callable[[], None]
) -> tuple[list[str], str]:
    """Return the argument vector of a task and its working directory, which is below `home`.

    A fetch URL may be relative to `base`; `between` is called while something is fetched. Raises CannotStart,
    fetch.CannotFetch, OSError.
    """
    cwd = home / "work"
    cwd.mkdir(exist_ok=True)
    if task.command:
        return task.command, str(cwd)
    if task.script is not None:
        script = home / "script"
        script.write_text(task.script)
        return fetch.script_argv(script), str(cwd)
    if task.fetch is not None:
        url = urljoin(base, task.fetch)
        note(f"fetches {url}")
        argv, place = courier.bring(url, cwd, between)
        return argv, str(place)
    raise CannotStart("the task has no command, no script and nothing to fetch")


def require_program(name: str, cwd: str, path: str) -> None:
    """Raise CannotStart when there is no program of that name in the directory or the search path."""
    found = (Path(cwd) / name).is_file() if "/" in name else shutil.which(name, path=path) is not None
    if not found:
        raise CannotStart(f"there is no program {name}")

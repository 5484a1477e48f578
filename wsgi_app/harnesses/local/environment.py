"""The environment of a task that runs on this system: what this process has, and what every task is told."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from wsgi_app.harnesses.document import RecipeDocument, TaskDocument
from wsgi_app.harnesses.environment import told

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
OURS = ("TACKROOM_TOKEN", "TACKROOM_KEY")  #: secrets of the harness that are no task's business


def environment(url: str, recipe: RecipeDocument, task: TaskDocument, reboots: int, home: Path) -> dict[str, str]:
    """Build the environment of a task in the directory `home`: its `bin` comes first in the PATH."""
    env = {name: value for name, value in os.environ.items() if name not in OURS}
    env.setdefault("PATH", PATH)
    if not env.get("HOME"):
        try:
            env["HOME"] = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:
            env["HOME"] = "/"
    env.update(told(url, recipe, task, reboots))
    env["PATH"] = f"{home / 'bin'}:{env['PATH']}"
    env["TACKROOM_LOGS"] = str(home / "logs")
    return env

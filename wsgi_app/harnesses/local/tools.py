"""The commands in a task's PATH, bound to the task's spool."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

#: what the scripts in the task's PATH hand to Python: works from a source tree and from a zipapp
_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from wsgi_app.harnesses.{module} import main; sys.exit(main(sys.argv[2], sys.argv[3:]))"
)
MODULES = {"tackroom-abort": "abort", "tackroom-report": "report", "tackroom-sync": "sync"}


def install(directory: Path, spool: Path) -> None:
    """Put the commands into a directory; what they ask goes to `spool`."""
    directory.mkdir(parents=True, exist_ok=True)
    spool.mkdir(parents=True, exist_ok=True)
    root = Path(__file__).resolve().parents[3]
    for name, module in MODULES.items():
        words = [sys.executable or "python3", "-I", "-S", "-c", _PROGRAM.format(module=module), str(root), str(spool)]
        temporary = directory / f"{name}.new"
        temporary.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
        temporary.chmod(0o755)
        temporary.replace(directory / name)

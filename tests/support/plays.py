"""Plays of `ansible/`, run by ansible-playbook as an operator runs them."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen
from pages import ROOT

ANSIBLE = ROOT / "ansible"
_RECAP = re.compile(r"^(\S+) +: ok=\d+ +changed=(\d+) +unreachable=(\d+) +failed=(\d+) .*?rescued=(\d+)", re.MULTILINE)


@frozen
class Play:
    """What a play did."""

    output: str
    status: int
    #: seconds
    took: float

    @property
    def changed(self) -> int:
        """How many tasks changed something, on all hosts."""
        recap = _RECAP.findall(self.output)
        assert recap, self.output
        return sum(int(changed) for _, changed, *_ in recap)

    @property
    def changes(self) -> list[str]:
        """The lines that tell of changes, each behind its task's name."""
        task, found = "", []
        for line in self.output.splitlines():
            if line.startswith(("TASK [", "RUNNING HANDLER [")):
                task = line
            elif line.startswith(("changed:", "+", "-")):
                found.append(f"{task} {line}")
        return found


@frozen
class Operator:
    """Who runs plays, with an inventory file."""

    inventory: Path

    def play(
        self, variables: Mapping[str, object], *flags: str, book: Path = ANSIBLE / "site.yml", check: bool = True
    ) -> Play:
        """Run a playbook with these variables in addition to the inventory's. Fails unless it succeeds, if `check`."""
        program = shutil.which(
            "ansible-playbook", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        )
        assert program is not None, "ansible-playbook is not installed"
        began = time.monotonic()
        done = subprocess.run(
            [program, "-i", str(self.inventory), "-e", json.dumps(dict(variables)), *flags, str(book)],
            cwd=book.parent,
            env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_RETRY_FILES_ENABLED": "0", "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=600,
        )
        played = Play(done.stdout, done.returncode, time.monotonic() - began)
        assert not check or played.status == 0, played.output
        return played

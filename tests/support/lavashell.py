"""A place to run the scripts of LAVA tests in, by one shell and its utilities alone."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from wsgi_app.documents.lavajob.definition import read_definition
from wsgi_app.documents.lavajob.shell import RunFacts, script_of
from wsgi_app.indexer.formats import lava
from wsgi_app.model import ParsedResult

#: what a script may call: the core utilities, and what each system has beside them
UTILITIES = (
    "base64",
    "basename",
    "cat",
    "chmod",
    "cp",
    "cut",
    "date",
    "dd",
    "dirname",
    "echo",
    "env",
    "expr",
    "false",
    "grep",
    "gzip",
    "head",
    "id",
    "ln",
    "ls",
    "mkdir",
    "mkfifo",
    "mktemp",
    "mv",
    "od",
    "printf",
    "pwd",
    "rm",
    "rmdir",
    "sed",
    "seq",
    "sleep",
    "sort",
    "stat",
    "tail",
    "tar",
    "tee",
    "test",
    "touch",
    "tr",
    "true",
    "uname",
    "uniq",
    "wc",
)
#: how a shell is called, and what is to be linked for it
SHELLS = {"dash": "dash", "bash": "bash", "busybox": "busybox"}


@frozen
class Ran:
    """What came of a script; `results` is what the indexer reads in its output, in order."""

    status: int
    output: str

    @property
    def lines(self) -> list[str]:
        """The output without what the shell has traced."""
        return [line for line in self.output.splitlines() if not line.startswith("+ ")]

    @property
    def results(self) -> list[ParsedResult]:
        """What the indexer reads in its output."""
        lines = enumerate(self.output.encode("utf-8", "surrogateescape").split(b"\n"), 1)
        return [found for found in lava.FORMAT.parse(iter(lines)) if isinstance(found, ParsedResult)]

    @property
    def judged(self) -> list[tuple[str, str]]:
        """The paths of the results below the run's, and what they are."""
        return [(found.path.partition("/0_test")[2] or found.path, str(found.result)) for found in self.results]


@frozen
class ShellBench:
    """A directory with `bin`, which is all of PATH: the shell as `sh`, and the utilities."""

    home: Path
    shell: str

    @classmethod
    def make(cls, home: Path, shell: str) -> "ShellBench":
        """Link what there is for that shell; bash finds itself as bash, too."""
        place = home / "bin"
        place.mkdir(parents=True)
        program = shutil.which(SHELLS[shell])
        assert program is not None
        for name in UTILITIES:
            target = program if shell == "busybox" else shutil.which(name)
            assert target is not None, name
            (place / name).symlink_to(target)
        (place / "sh").symlink_to(program)
        if shell == "bash":
            (place / "bash").symlink_to(program)
        (home / "work").mkdir()
        return cls(home, shell)

    def tool(self, name: str, script: str) -> None:
        """Put a tool into PATH."""
        file = self.home / "bin" / name
        file.write_text(f"#!{self.home}/bin/sh\n{script}")
        file.chmod(0o755)

    def environment(self, **more: str) -> dict[str, str]:
        """What a script sees."""
        return {"PATH": f"{self.home}/bin", "HOME": str(self.home), "LANG": "C.UTF-8", "TACKROOM_TASK": "7", **more}

    def text(self, definition: Mapping[str, Any], **facts: Any) -> str:
        """The script of a definition, its tools run by this shell."""
        found = read_definition(definition, ())
        script = script_of(found, RunFacts(**{"name": "test", "test_no": 0, **facts}))
        return script.replace("/bin/sh", f"{self.home}/bin/sh")

    def start(self, script: str, **environ: str) -> "subprocess.Popen[bytes]":
        """Run a script as a harness does: from a file, in an empty directory, all output into one file."""
        (self.home / "script").write_text(script)
        with (self.home / "output").open("wb") as output:
            return subprocess.Popen(
                [f"{self.home}/bin/sh", str(self.home / "script")],
                cwd=self.home / "work",
                env=self.environment(**environ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def ran(self, process: "subprocess.Popen[bytes]") -> Ran:
        """Wait for a script's end; it must have left nothing."""
        status = process.wait(30)
        assert not list((self.home / "work").iterdir())
        return Ran(status, (self.home / "output").read_bytes().decode("utf-8", "surrogateescape"))

    def run(self, steps: Sequence[object], facts: Mapping[str, Any] | None = None, **definition: Any) -> Ran:
        """Run a definition of these steps to its end."""
        return self.ran(self.start(self.text({"run": {"steps": [*steps]}, **definition}, **(facts or {}))))


def here() -> list[str]:
    """The shells that are here."""
    return [name for name, program in SHELLS.items() if shutil.which(program, path=os.environ["PATH"])]

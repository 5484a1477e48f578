"""Pages as a newcomer uses them: their commands are pasted into one shell, and its answers held against the page.

A page is Markdown. Blocks marked `console` hold commands behind `$ ` (continued behind `> `), each followed by what it
prints; blocks marked `sh` are pasted as a whole, and what they print is not looked at. Other blocks are only read.
A command must succeed, unless the page shows its status by `echo $?` right behind it. In what a page shows,

- `...` stands for anything in its line, and alone in a line for any lines;
- numbers, keys, digests and the width of columns may be others (but not a number alone in a line, nor an HTTP status).

HTML comments, which nobody sees on the built page, say more, but type nothing that a reader does not see: what a page
needs stands in it. There is a Tackroom, `http://127.0.0.1:8080/`, with its data in `var`; nobody listens on port 8090.
For the whole page:

- `<!-- never pasted: REASON -->`: none of it.

From there on, to the page's end or the next of its kind:

- `<!-- typed on: NAME -->`: on a machine of this name, by root who has just logged in, a booted one.

Right before a block:

- `<!-- not pasted: REASON -->`: the block is only read.
- `<!-- instead: COMMAND -->`: this is run in its place, for what would change the machine.
- `<!-- file: NAME -->`: the block is what the reader puts into this file.
"""

import os
import pwd
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from attrs import evolve, field, frozen
from lab import SERVICE, Lab, free_port
from pages import ROOT
from waiting import until

#: how long a whole page may take, in seconds
PAGE_SECONDS = 150

#: begins the line that tells a command's number and status; no log looks like it
_BOUNDARY = "\x01pasted"
_FENCE = re.compile(r"^( *)```(\w*)$")
_MARK = re.compile(r"^ *<!-- (never pasted|typed on|not pasted|instead|file):(.*)-->$")
#: what looks like a mark and is none
_COMMENT = re.compile(r"^ *<!--")
_STATUS = "echo $?"


class BadMark(Exception):
    """A page has a mark that says nothing, or stands where it means nothing."""


@frozen
class Step:
    """One thing that is typed: a command, and what the page shows of its answer (None: nobody looks)."""

    command: str
    shown: str | None = None
    #: where it stands in the page, counted from 1
    line: int = 0
    #: the machine that it is typed on; none for one in a checkout
    machine: str | None = None


@frozen
class Pasted:
    """What a test does with a page."""

    steps: list[Step] = field(factory=list)
    #: why none of it is pasted
    excuse: str | None = None

    @property
    def machines(self) -> set[str]:
        """The machines that it is typed on; none when a checkout is enough."""
        return {step.machine for step in self.steps if step.machine is not None}


def read(text: str) -> Pasted:
    """Return what is pasted of a page. Raises `BadMark`."""
    page = Pasted()
    mark: tuple[str, str] | None = None
    machine: str | None = None
    lines = iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        if found := _MARK.match(line):
            kind, words = found[1], found[2].strip()
            if mark is not None:
                raise BadMark(f"line {number}: two marks for one block")
            if not words:
                raise BadMark(f"line {number}: {kind} what?")
            if kind == "never pasted":
                page = evolve(page, excuse=words)
            elif kind == "typed on":
                machine = words
            else:
                mark = kind, words
        elif _COMMENT.match(line):
            raise BadMark(f"line {number}: no such mark")
        elif found := _FENCE.match(line):
            block = _until(lines, f"{found[1]}```", indent=len(found[1]))
            page.steps.extend(evolve(step, machine=machine) for step in _steps(found[2], block, mark, number))
            mark = None
        elif line.strip() and mark is not None:
            raise BadMark(f"line {number}: the mark '{mark[0]}' stands before no block")
    return page


def _until(lines: Iterator[tuple[int, str]], end: str, *, indent: int = 0) -> str:
    block = []
    for _, line in lines:
        if line.rstrip() == end:
            break
        block.append(line[indent:])
    return "\n".join(block) + "\n"


def _steps(language: str, block: str, mark: tuple[str, str] | None, number: int) -> Iterator[Step]:
    kind, words = mark or ("", "")
    if kind == "not pasted":
        return
    if kind == "instead":
        yield Step(words, None, number)
    elif kind == "file":
        yield Step(f"cat > {shlex.quote(words)} <<'END OF FILE'\n{block}END OF FILE", "", number)
    elif language == "sh":
        yield _script(block, number)
    elif language == "console":
        yield from _console(block, number)


def _script(block: str, number: int) -> Step:
    return Step(f"set -e\n{block}set +e", None, number)


def _console(block: str, number: int) -> Iterator[Step]:
    command: list[str] = []
    shown: list[str] = []
    begun = number
    for place, line in enumerate(block.splitlines(), number + 1):
        if line.startswith("$ "):
            if command:
                yield Step("\n".join(command), "\n".join(shown), begun)
            command, shown, begun = [line[2:]], [], place
        elif not command:
            raise BadMark(f"line {place}: an answer before any command")
        elif line.startswith("> ") and not shown:
            command.append(line[2:])
        else:
            shown.append(line)
    if command:
        yield Step("\n".join(command), "\n".join(shown), begun)


def agrees(shown: str, said: str) -> bool:
    """Return whether a command said what the page shows."""
    pattern = ""
    for line in _plain(shown):
        gap = line == "..."
        pattern += r"(?:.*\n)*?" if gap else re.escape(line).replace(r"\.\.\.", ".*") + r"\n"
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in _plain(said))) is not None


def _plain(text: str) -> Iterator[str]:
    """Yield the lines that are not empty, without what differs from one Tackroom to the next."""
    for line in re.split(r"[\r\n]+", text):
        line = re.sub(r"\s+", " ", line).strip()
        if re.fullmatch(r"\d*", line) or line.startswith("HTTP/"):
            if line:
                yield line
            continue
        line = re.sub(r"\b[0-9a-f]{64}\b", "SHA256", line)
        line = re.sub(r"(?<![\w-])[\w-]{43}(?![\w-])", "SECRET", line)
        # the rule below a table's headings
        rule = set(line) == {"-", " "}
        yield re.sub(r"-+", "-", line) if rule else re.sub(r"\d+", "0", line)


def paste(page: Pasted, lab: Lab) -> None:
    """Type a page's commands into one shell, in a lab's checkout; fail where it does not do as the page shows."""
    directory = where(lab)
    other = str(free_port())
    steps = [
        evolve(step, command=step.command.replace("127.0.0.1:8080", f"127.0.0.1:{lab.port}").replace("8090", other))
        for step in page.steps
    ]
    output = directory.with_name("typed.txt")
    script = directory.with_name("typed.sh")
    script.write_text(typed(steps))
    account = pwd.getpwnam(SERVICE) if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    with output.open("w") as file:
        shell = subprocess.Popen(
            ["bash", str(script)],
            user=account.pw_uid,
            group=account.pw_gid,
            extra_groups=[] if os.geteuid() == 0 else None,
            cwd=directory,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(directory), "LANG": "C.UTF-8", "TERM": "dumb"},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
        try:
            shell.wait(PAGE_SECONDS)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it does not end; so far:\n{_read(output)}") from None
        finally:
            end(shell, directory)
    compare(steps, _read(output))


def typed(steps: list[Step]) -> str:
    """Return a script for bash that does these steps; `compare` takes what it says."""
    return "".join(_typed(number, step, steps[number + 1 :]) for number, step in enumerate(steps))


def _typed(number: int, step: Step, later: list[Step]) -> str:
    tolerant = bool(later) and later[0].command == _STATUS
    stop = "" if tolerant else '[ "$pasted" = 0 ] || exit 1\n'
    # what is typed next finds the status that the command left
    return f'{step.command}\npasted=$?\nprintf \'\\n{_BOUNDARY} %s %s\\n\' {number} "$pasted"\n{stop}(exit "$pasted")\n'


def _read(output: Path) -> str:
    return output.read_text(encoding="utf-8", errors="replace")


def compare(steps: list[Step], output: str) -> None:
    """Hold what a shell said against the page; fail at the first step where they differ."""
    said = re.split(rf"\n{_BOUNDARY} (\d+) (\d+)\n", output)
    answers, statuses = said[0::3], said[2::3]
    for number, step in enumerate(steps):
        answer = answers[number] if number < len(answers) else ""
        where = f"line {step.line}: {step.command}\n"
        assert number < len(statuses), f"{where}ended the shell, saying:\n{answer}"
        last = number + 1 == len(steps)
        if statuses[number] != "0" and (last or steps[number + 1].command != _STATUS):
            raise AssertionError(f"{where}left status {statuses[number]}, saying:\n{answer}")
        if step.shown is not None:
            assert agrees(step.shown, answer), f"{where}the page shows:\n{step.shown}\n\nit said:\n{answer}"


def end(shell: "subprocess.Popen[bytes]", directory: Path) -> None:
    """End a shell, what it left running, and what that left running: whatever works in its directory."""
    with suppress(ProcessLookupError):
        os.killpg(shell.pid, signal.SIGTERM)

    def gone() -> bool:
        left = list(working_in(directory))
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not left

    shell.wait(10)
    until(gone, "the end of what the page started")


def working_in(directory: Path) -> Iterator[int]:
    """Yield the processes whose working directory is this one or below it."""
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        with suppress(OSError):
            if (process / "cwd").readlink().is_relative_to(directory) and "State:\tZ" not in (
                process / "status"
            ).read_text():
                yield int(process.name)


def where(lab: Lab) -> Path:
    """Return the directory in which a lab's readers type."""
    return lab.data.with_name("checkout")


def checkout(lab: Lab, sources: Iterable[str] = ("wsgi_app", "tests", "docs")) -> Path:
    """Make a directory where a reader's commands find what they name: sources, `.venv`, `var`, clients. Returns it."""
    directory = where(lab)
    directory.mkdir()
    for name in sources:
        shutil.copytree(ROOT / name, directory / name)
    shutil.copy(ROOT / "pyproject.toml", directory)
    (directory / "var").symlink_to(lab.data)
    # stock clients, which pages install in their own ways
    (directory / "build").mkdir()
    (directory / "build" / "clients").symlink_to(ROOT / "build" / "clients")
    (directory / ".venv" / "bin").mkdir(parents=True)
    for name in ("python", "python3", "tackroom"):
        # not a link: Python finds its libraries by where it is called
        tool = directory / ".venv" / "bin" / name
        # the command is that of the sources that are tested, whatever is installed
        ours = name == "tackroom"
        call, begin = (" -P -m wsgi_app.cli", f"PYTHONPATH={shlex.quote(str(ROOT))} ") if ours else ("", "")
        tool.write_text(f'#!/bin/sh\n{begin}exec {shlex.quote(sys.executable)}{call} "$@"\n')
        tool.chmod(0o755)
    if os.geteuid() == 0:
        account = pwd.getpwnam(SERVICE)
        for path in [directory, *directory.rglob("*")]:
            os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)
    return directory

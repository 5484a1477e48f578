"""What processes tell the kernel, in order: strace, and what of it is not on the disk yet."""

import re
import shutil
import signal
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from attrs import field, frozen
from waiting import until

#: what changes what is on disk, what makes that last, and what tells others of it
TRACED = (
    "fsync,fdatasync,write,pwrite64,writev,pwritev,openat,mkdir,mkdirat,link,linkat,rename,renameat,renameat2,"
    "unlink,unlinkat,rmdir,recvfrom,sendto,sendmsg"
)
_LINE = re.compile(r"(\d+) +(\d\d:\d\d:[\d.]+) (?:<\.\.\. (\w+) resumed>|(\w+)\()(.*)")
_FAILED = re.compile(r"= -1 E\w+ \(.*\)$")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_OPENED = re.compile(r"^\w+<([^>]*)>")
_RETURNED = re.compile(r"= \d+<([^>]*)>$")


@frozen
class Call:
    """One system call that succeeded."""

    pid: int
    name: str
    #: as strace shows it
    text: str = field(repr=False)
    #: hour, minute, second at which it began
    time: str
    #: its place among all lines, and that of its end: a call that ends before another begins has happened before it
    begin: int
    end: int

    @property
    def path(self) -> str:
        """What it is about: the new name of a link or a rename, else the only one; "" when it is no file."""
        if self.name == "openat":
            found = _RETURNED.search(self.text)
            return found[1] if found else ""
        opened = _OPENED.match(self.text)
        if opened and self.name not in ("mkdirat", "linkat", "renameat", "renameat2", "unlinkat"):
            return opened[1]
        quoted: list[str] = _QUOTED.findall(self.text)
        return quoted[-1] if quoted else ""

    def asks(self, text: str) -> bool:
        """Whether a request comes with it that has this text in its head."""
        return self.name == "recvfrom" and " HTTP/1.1" in self.text and text in self.text

    @property
    def answers(self) -> bool:
        """Whether an HTTP answer begins with it."""
        return self.name in ("sendto", "sendmsg", "write") and '"HTTP/1.1 ' in self.text


def parse(lines: Iterable[str]) -> list[Call]:
    """Return the calls that succeeded, in the order of their ends."""
    calls: list[Call] = []
    begun: dict[int, tuple[str, str, str, int]] = {}
    for number, line in enumerate(lines):
        found = _LINE.match(line)
        if found is None:
            continue
        pid, time, resumed, name, text = int(found[1]), found[2], found[3], found[4], found[5]
        begin = number
        if resumed is not None:
            # it began before strace came
            if pid not in begun:
                continue
            name, before, time, begin = begun.pop(pid)
            text = before + text
        elif text.endswith("<unfinished ...>"):
            begun[pid] = (name, text.removesuffix("<unfinished ...>"), time, number)
            continue
        if not _FAILED.search(text):
            calls.append(Call(pid, name, text, time, begin, number))
    return calls


def volatile(calls: Iterable[Call]) -> set[str]:
    """Return the files and directories that a power cut now could take back: changed, and not synchronised since."""
    changed: dict[str, int] = {}
    for call in calls:
        if call.name in ("fsync", "fdatasync"):
            if changed.get(call.path, -1) < call.begin:
                changed.pop(call.path, None)
        elif call.name in ("write", "pwrite64", "writev", "pwritev"):
            changed[call.path] = call.end
        elif call.name in ("mkdir", "mkdirat"):
            changed[call.path] = changed[str(Path(call.path).parent)] = call.end
        elif call.name.startswith(("link", "rename")):
            # what the file holds is as volatile under its new name
            *_, old, new = _QUOTED.findall(call.text)
            changed[str(Path(new).parent)] = call.end
            if old in changed:
                changed[new] = call.end
        elif call.name.startswith(("unlink", "rmdir")):
            changed.pop(call.path, None)
            changed[str(Path(call.path).parent)] = call.end
        elif call.name == "openat" and "O_CREAT" in call.text:
            changed[call.path] = changed[str(Path(call.path).parent)] = call.end
    return {path for path in changed if path.startswith("/") and not path.endswith("-shm")}


@frozen
class Trace:
    """A file into which strace writes."""

    output: Path

    def calls(self) -> list[Call]:
        """Return the calls so far."""
        return parse(self.output.read_text(errors="replace").splitlines())

    def handled(self, text: str, times: int = 1) -> list[Call]:
        """Return what a thread did between a request that has this text in its head, and its answer.

        It is the last such request, once there are so many.
        """
        return until(lambda: self._handled(text, times), f"the answer to {text}")

    def _handled(self, text: str, times: int) -> list[Call]:
        calls = self.calls()
        asked = [call for call in calls if call.asks(text)]
        if len(asked) < times:
            return []
        mine = [call for call in calls if call.pid == asked[-1].pid and call.begin > asked[-1].end]
        answered = next((call for call in mine if call.answers), None)
        return [] if answered is None else [call for call in mine if call.end < answered.begin]


def strace(output: Path, *words: str) -> list[str]:
    """Return strace's argument vector; skips the test where there is none."""
    if shutil.which("strace") is None:
        pytest.skip("no strace on this machine")
    return ["strace", "-f", "-y", "-tt", "-s", "4200", "-o", str(output), "-e", f"trace={TRACED}", *words]


@contextmanager
def traced(pids: Sequence[int], output: Path) -> Iterator[Trace]:
    """Watch processes that run; skips the test where the kernel does not allow it."""
    attach = [word for pid in pids for word in ("-p", str(pid))]
    said = output.with_name("strace.txt")
    with said.open("w") as errors:
        process = subprocess.Popen(strace(output, *attach), stderr=errors)
    try:
        until(lambda: said.read_text().count(" attached") >= len(pids) or process.poll() is not None, "strace")
        if process.poll() is not None:
            pytest.skip(f"no process can be traced here: {said.read_text().strip()}")
        yield Trace(output)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                # it waits for one that waits for the disk; without it they go on
                process.kill()
                process.wait()

"""What the processes of a server use while something is measured: processor time and memory, by name."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from attrs import define, field
from figure import Figure
from fleet.sampler import KINDS
from lab import Lab

#: seconds between two looks
PAUSE = 0.5
_TICKS = os.sysconf("SC_CLK_TCK")
Pids = Callable[[], Mapping[str, list[int]]]


def of_lab(lab: Lab) -> Pids:
    """Return who the processes of a lab are, asked anew each time: httpd starts and ends some."""

    def members() -> dict[str, list[int]]:
        return {kind: pids for kind, word in KINDS.items() if (pids := lab.pids(word))}

    return members


@define
class Used:
    """What the processes of one name used between two moments."""

    #: seconds of a processor, of all together
    cpu: float = 0.0
    #: MiB resident in the largest of them: at the first look, at the last, at the most
    first: float = 0.0
    last: float = 0.0
    most: float = 0.0
    #: MiB of all together at the last look, what they share counted once
    shared: float = 0.0


@define
class Sampler:
    """Looks while it is entered; may be entered again, and adds up."""

    pids: Pids
    used: dict[str, Used] = field(factory=dict)
    _before: dict[int, float] = field(factory=dict)
    _stop: threading.Event = field(factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> "Sampler":
        """Begin."""
        self._before = {pid: _cpu(pid) for pids in self._look().values() for pid in pids}
        self._stop.clear()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End; a process that has come meanwhile counts in full, one that has gone not at all."""
        assert self._thread is not None
        self._stop.set()
        self._thread.join()
        for name, pids in self._look().items():
            used = self.used[name]
            used.cpu += sum(max(0.0, _cpu(pid) - self._before.get(pid, 0.0)) for pid in pids)
            used.shared = sum(_proportional(pid) for pid in pids)

    def cpu(self, *names: str) -> float:
        """Return the seconds of a processor that those of these names used; of all, if none is named."""
        return sum(used.cpu for name, used in self.used.items() if not names or name in names)

    def figures(self, what: str) -> Iterator[Figure]:
        """Return all of it as figures to be read."""
        for name, used in self.used.items():
            yield Figure(f"{what}: CPU, {name}", used.cpu, unit="s", more=False)
            yield Figure(f"{what}: memory, largest {name}", used.most, unit="MiB", more=False)

    def _run(self) -> None:
        while not self._stop.wait(PAUSE):
            self._look()

    def _look(self) -> Mapping[str, list[int]]:
        members = self.pids()
        for name, pids in members.items():
            memory = max((_resident(pid) for pid in pids), default=0.0)
            used = self.used.setdefault(name, Used(first=memory))
            used.last, used.most = memory, max(used.most, memory)
        return members


def _cpu(pid: int) -> float:
    with suppress(OSError):
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(after_name[11]) + int(after_name[12])) / _TICKS
    return 0.0


def _resident(pid: int) -> float:
    return _kib(Path(f"/proc/{pid}/status"), "VmRSS:") / 1024


def _proportional(pid: int) -> float:
    return _kib(Path(f"/proc/{pid}/smaps_rollup"), "Pss:") / 1024


def _kib(file: Path, name: str) -> int:
    """Return what a process says of itself, 0 when it is gone."""
    with suppress(OSError):
        for line in file.read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1])
    return 0

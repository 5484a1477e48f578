"""The processes of a Tackroom that runs here: what they last said of themselves, and how much is left to them."""

import time
from collections.abc import Iterator
from pathlib import Path

from wsgi_app.cli.findings.finding import Finding
from wsgi_app.cli.running import output
from wsgi_app.clock import Mark, rfc3339
from wsgi_app.config import Config
from wsgi_app.core import heartbeat
from wsgi_app.core.readiness import Check, look_at_indexer, look_at_publisher, look_at_timer

#: share of a limit from which on it is nearly used up
NEARLY = 0.8
#: seconds for which a step of the clock is told
RECENT = 86400.0

_PROC = Path("/proc")
_PROCESSES = {
    heartbeat.INDEXER: "the indexer",
    heartbeat.TIMER: "the timer",
    heartbeat.PUBLISHER: "the publisher",
    heartbeat.WORKERS: "what workers connect to",
}


def processes(config: Config) -> Iterator[Finding]:
    """Look at the processes of a Tackroom that runs or was killed."""
    yield _at_work(look_at_indexer(config), f"see why it ends or lags: {output('indexer')}")
    yield _at_work(look_at_timer(config), f"see why it ends, or what it waits for: {output('timer')}")
    yield _at_work(
        look_at_publisher(config),
        f"jobs run all the same, and who wants to know is told later; see why it ends: {output('publisher')}",
    )
    yield from _watches(config)
    yield from _files(config)


def clock(config: Config) -> Finding:
    """Tell of a step of the system's clock."""
    mark = Mark.load(config.clock_mark)
    if mark is None or mark.step is None or mark.stepped is None or abs(time.time() - mark.stepped) > RECENT:
        return Finding("clock", "the system's clock was not stepped within a day")
    when = rfc3339(mark.stepped)
    return Finding(
        "clock",
        f"the system's clock was stepped by {mark.step:+.0f} s at {when}; what was due has moved with it",
        "let it follow an NTP server that only slews it (chrony), and see who set it",
    )


def _at_work(check: Check, mend: str) -> Finding:
    said = check.reason or check.note
    if said is None:
        return Finding(check.name, f"the {check.name} is at work")
    return Finding(check.name, f"the {check.name}: {said}", mend)


def _watches(config: Config) -> Iterator[Finding]:
    beat = heartbeat.last(config.run / heartbeat.INDEXER)
    if beat is None or not {"watches", "watch_limit", "blind"} <= beat.said.keys():
        return
    used, most = int(beat.said["watches"]), int(beat.said["watch_limit"])
    what = f"the indexer watches {used} directories of the {most} that its user may"
    if beat.said["blind"] is not None:
        mend = f"sysctl fs.inotify.max_user_watches={2 * most}, and the same in /etc/sysctl.d; it heals by itself then"
        yield Finding("inotify", f"{what}: {beat.said['blind']}", mend)
    elif used > NEARLY * most:
        yield Finding("inotify", what, f"sysctl fs.inotify.max_user_watches={2 * most}, and the same in /etc/sysctl.d")
    else:
        yield Finding("inotify", what)


def _files(config: Config) -> Iterator[Finding]:
    """Look how many files our processes have open; of somebody else's nothing can be seen."""
    for name, process in _PROCESSES.items():
        beat = heartbeat.last(config.run / name)
        if beat is None or beat.stale:
            continue
        try:
            used = len(list((_PROC / str(beat.pid) / "fd").iterdir()))
            most = _most(beat.pid)
        except OSError:
            continue
        what = f"{process} has {used} files open, and may have {most}"
        mend = f"raise ulimit -n (LimitNOFILE= in a unit) to {4 * most}" if used > NEARLY * most else None
        yield Finding("descriptors", what, mend)


def _most(pid: int) -> int:
    """Return how many files a process may have open. Raises OSError."""
    for line in (_PROC / str(pid) / "limits").read_text().splitlines():
        if line.startswith("Max open files"):
            return int(line.split()[3])
    raise FileNotFoundError(f"{pid} has no limits")

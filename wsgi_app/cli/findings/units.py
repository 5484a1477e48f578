"""The units of a lab controller, as systemd sees them, and the backups that one of them makes."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from wsgi_app.cli.findings.finding import Finding
from wsgi_app.cli.running import UNITS, by_units
from wsgi_app.core import manifest
from wsgi_app.errors import TackroomError

TARGET = "tackroom.target"
SERVICES = (
    "tackroom-web.service",
    "tackroom-httpd.service",
    "tackroom-indexer.service",
    "tackroom-timer.service",
    "tackroom-publisher.service",
)
SOCKET = "tackroom-web.socket"
#: where the settings say where workers come in
WORKERS = "tackroom-workers.service"
BACKUP, BACKUP_TIMER = "tackroom-backup.service", "tackroom-backup.timer"
#: restarts that may happen: somebody ended it, memory was short once
FEW_RESTARTS = 3
#: a daily backup that was missed once
OLD_BACKUP_SECONDS = 2 * 86400.0
#: what is asked of a unit: by who wants it is told whether it starts with the machine
_PROPERTIES = (
    "Id,LoadState,ActiveState,SubState,UnitFileState,NRestarts,Result,WantedBy,RequiredBy,TriggeredBy,ExecStart"
)
#: seconds that systemd has for its answer
_PATIENCE = 20


def units(*, workers: bool) -> Iterator[Finding]:
    """Look at the units; nothing when there are none, or systemd does not run here.

    `workers`: whether that is to run which Buildbot workers connect to.
    """
    if not by_units() or shutil.which("systemctl") is None or not Path("/run/systemd/system").is_dir():
        return
    wanted = [TARGET, SOCKET, *SERVICES, *([WORKERS] if workers else [])]
    if (UNITS / BACKUP_TIMER).exists():
        wanted += [BACKUP_TIMER, BACKUP]
    try:
        shown = show(wanted)
    except (OSError, subprocess.SubprocessError) as error:
        yield Finding("units", f"systemd does not say how the units are: {error}", "see what systemctl status says")
        return
    troubles = [trouble for name in wanted if name != BACKUP for trouble in _unit(name, shown.get(name, {}))]
    yield from troubles
    if not troubles:
        yield Finding("units", f"{len(wanted)} units are as they should be")
    if BACKUP in wanted:
        yield _backup(shown.get(BACKUP, {}))


def show(names: list[str]) -> dict[str, dict[str, str]]:
    """Return what systemd says of units. Raises OSError, subprocess.SubprocessError."""
    words = ["systemctl", "show", f"--property={_PROPERTIES}", *names]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=_PATIENCE)
    blocks = (
        dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in done.stdout.split("\n\n")
    )
    return {block["Id"]: block for block in blocks if "Id" in block}


def _unit(name: str, said: dict[str, str]) -> Iterator[Finding]:
    if said.get("LoadState") != "loaded":
        yield Finding("units", f"{name} is {said.get('LoadState', 'unknown')}", "run the play again: it installs it")
        return
    if said["ActiveState"] != "active":
        how = f"{said['ActiveState']}, {said['SubState']}"
        yield Finding(
            "units", f"{name} does not run ({how})", f"see why: journalctl -u {name}; then systemctl restart {name}"
        )
    wanting = any(said.get(who) for who in ("WantedBy", "RequiredBy", "TriggeredBy"))
    if said["UnitFileState"] in ("masked", "masked-runtime") or (said["UnitFileState"] == "disabled" and not wanting):
        yield Finding(
            "units", f"{name} does not start with the machine ({said['UnitFileState']})", f"systemctl enable {name}"
        )
    restarts = int(said.get("NRestarts") or 0)
    if restarts > FEW_RESTARTS:
        yield Finding(
            "units",
            f"{name} has ended and was started again {restarts} times",
            f"see why: journalctl -u {name}; systemctl restart {name} begins the count anew",
        )


def _backup(said: dict[str, str]) -> Finding:
    """Look how old the last backup is, in the directory that the unit writes."""
    mend = f"see why: journalctl -u {BACKUP}; then systemctl start {BACKUP}"
    if said.get("ActiveState") == "failed":
        return Finding("backup", f"the last backup failed ({said['Result']})", mend)
    directory = _directory(said.get("ExecStart", ""))
    if directory is None:
        return Finding(
            "backup", f"{BACKUP} does not say where its backups go", "run the play again: it writes the unit"
        )
    try:
        found = manifest.read(directory)
    except TackroomError as error:
        return Finding("backup", error.message, mend)
    except PermissionError:
        return Finding("backup", f"{directory} is not ours to read: how old the last backup is, root can tell")
    if found is None:
        # where the timer is new, its hour may not have come
        since, what = (UNITS / BACKUP_TIMER).stat().st_mtime, f"there is no backup in {directory} yet"
    else:
        since, what = datetime.fromisoformat(found.made).timestamp(), f"the backup in {directory} is of {found.made}"
    return Finding("backup", what, mend if time.time() - since > OLD_BACKUP_SECONDS else None)


def _directory(command: str) -> Path | None:
    """Return the last word of what a unit runs, as systemd shows it, when that is a directory's name."""
    _, _, rest = command.partition("argv[]=")
    words = rest.partition(" ;")[0].split()
    return Path(words[-1]) if words and words[-1].startswith("/") and len(words) > 1 else None

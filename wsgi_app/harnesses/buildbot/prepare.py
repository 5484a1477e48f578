"""What a task runs, made ready on its worker: a directory, a script or an archive in it, and a look at the program."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import tarfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, TypeVar
from urllib.parse import urljoin

from wsgi_app.harnesses import courier
from wsgi_app.harnesses.buildbot.transport import SINCE_SIGTERM_TIME, SLOT, Kept, Worker
from wsgi_app.harnesses.document import TaskDocument
from wsgi_app.harnesses.plain import plain
from wsgi_app.harnesses.removal import remove

OURS = 600  #: seconds that a command of ours may take
GRACE = 5  #: seconds between SIGTERM and SIGKILL
BLOCK = 1024 * 1024
FETCHES = 8  #: archives that are fetched at a time, by all recipes

#: What is left of tasks before goes: one task runs at a time, and its gateway may have been killed before it did that.
#: What does not go, such as files of another user, is named.
READY = """
umask 022
rm -rf t[0-9]* 2>/dev/null || { chmod -R u+rwX t[0-9]*; rm -rf t[0-9]*; } >/dev/null 2>&1
for left in t[0-9]*; do
    [ ! -e "$left" ] || echo "$left"
done
mkdir "$1" "$1/work" "$1/logs" "$1/bin" && cd "$1" && pwd -P
"""

CHECK = """
home=$1 cwd=$2 program=$3 file=$4 digest=$5
cd "$home" || exit 1
if [ -n "$file" ]; then
    for tool in sha256sum "shasum -a 256" "openssl dgst -sha256 -r" "sha256 -r" ""; do
        command -v "${tool%% *}" >/dev/null 2>&1 && break
    done
    [ -n "$tool" ] || { echo "there is no sha256sum, shasum, openssl or sha256 to verify $file by" >&2; exit 1; }
    found=$($tool "$file") && [ "${found%% *}" = "$digest" ] || { echo "$file was damaged on its way" >&2; exit 1; }
    case $file in *.tar) (cd work && tar xof "../$file") || exit 1; rm -f "$file" ;; esac
fi
cd "$cwd" || exit 1
case $program in
    */*) [ -f "$program" ] ;;
    *) command -v "$program" >/dev/null 2>&1 ;;
esac || { echo "there is no program $program" >&2; exit 1; }
"""

CLEAR = """rm -rf "$1" 2>/dev/null || { chmod -R u+rwX "$1"; rm -rf "$1"; }"""

_couriers = ThreadPoolExecutor(FETCHES, "courier")


class CannotStart(Exception):
    """The task cannot be run."""


@dataclass(frozen=True)
class Prepared:
    """What to run on the worker: argument vector, directory, and the file that it needs, with its SHA-256."""

    argv: list[str]
    cwd: str
    file: str = ""
    digest: str = ""


def arguments(
    worker: Worker,
    command: list[str],
    workdir: str,
    env: dict[str, str],
    *,
    silent: int | None = None,
    whole: int | None = None,
) -> dict[str, Any]:
    """Return the arguments of the worker's command `shell`; `silent` and `whole` are its limits in seconds."""
    words: dict[str, Any] = {
        "command": command,
        "workdir": workdir,
        "env": env,
        "timeout": silent,
        "maxTime": whole,
        "want_stdout": True,
        "want_stderr": True,
        "logEnviron": False,
        "usePTY": False,
    }
    if worker.about.shell >= SINCE_SIGTERM_TIME:
        words["sigtermTime"] = GRACE
    return words


async def make_home(worker: Worker, task: int, note: Callable[[str], None]) -> str:
    """Make the directory of a task on its worker; return its absolute path. Raises CannotStart, WorkerError, Lost."""
    lines = (await _shell(worker, READY, f"t{task}")).splitlines()
    for left in lines[:-1]:
        note(f"a task before has left {plain(left)} there, which cannot be removed")
    home = lines[-1] if lines else ""
    if not home.startswith("/") or not home.endswith(f"/t{task}"):
        raise CannotStart("the worker does not say where its directory is")
    return home


async def bring(
    worker: Worker, task: TaskDocument, home: str, local: Path, base: str, note: Callable[[str], None]
) -> Prepared:
    """Bring to the worker what a task runs; `local` is a directory of ours, fetch URLs are relative to `base`.

    Raises CannotStart, fetch.CannotFetch, WorkerError, Lost, OSError.
    """
    cwd = f"{home}/work"
    if task.command:
        return Prepared(task.command, cwd)
    if task.script is not None:
        body = task.script.encode(errors="replace")
        await worker.download(SLOT, BytesIO(body), "script", home, 0o755)
        script = f"{home}/script"
        argv = [script] if body.startswith(b"#!") else ["/bin/sh", script]
        return Prepared(argv, cwd, "script", hashlib.sha256(body).hexdigest())
    if task.fetch is None:
        raise CannotStart("the task has no command, no script and nothing to fetch")
    url = urljoin(base, task.fetch)
    note(f"fetches {url}")
    root, packed = local / "work", local / "archive.tar"
    try:
        argv, place, digest = await _in_thread(lambda between: _fetch(url, root, packed, between))
        with packed.open("rb") as file:
            await worker.download(SLOT, file, packed.name, home, 0o644)
    finally:
        packed.unlink(missing_ok=True)
    return Prepared([word.replace(str(root), cwd, 1) for word in argv], f"{cwd}/{place}", packed.name, digest)


async def check(worker: Worker, home: str, prepared: Prepared, path: str) -> None:
    """Verify what was brought, unpack it, and look for the program; `path`: what PATH will be there.

    Raises CannotStart, WorkerError, Lost.
    """
    words = [home, prepared.cwd, prepared.argv[0], prepared.file, prepared.digest]
    await _shell(worker, CHECK, *words, env={"PATH": path} if path else {})


async def clear(worker: Worker, home: str) -> None:
    """Remove a task's directory from its worker. Raises CannotStart when that fails, WorkerError, Lost."""
    await _shell(worker, CLEAR, home)


async def _shell(worker: Worker, script: str, *words: str, env: dict[str, str] | None = None) -> str:
    sink = Kept()
    command = ["/bin/sh", "-c", script, "tackroom", *words]
    running = await worker.start(SLOT, arguments(worker, command, ".", env or {}, whole=OURS), sink)
    ended = await running.ended()
    if ended.rc != 0:
        said = " ".join(sink.read("stderr").split()) or ended.failure or ended.reason or f"exit status {ended.rc}"
        raise CannotStart(plain(said))
    return sink.read("stdout")


def _fetch(url: str, root: Path, packed: Path, between: Callable[[], None]) -> tuple[list[str], str, str]:
    """Fetch an archive, and pack what was taken out of it; return what to run, where, and the package's SHA-256."""
    try:
        argv, place = courier.bring(url, root, between)
        with packed.open("wb") as file:
            _pack(root, file, between)
    finally:
        remove(root)
    digest = hashlib.sha256()
    with packed.open("rb") as written:
        while block := written.read(BLOCK):
            digest.update(block)
            between()
    return argv, str(place.relative_to(root)), digest.hexdigest()


def _pack(root: Path, target: BinaryIO, between: Callable[[], None]) -> None:
    def anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
        between()
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        return member

    with tarfile.open(fileobj=target, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for entry in sorted(root.iterdir()):
            tar.add(entry, arcname=entry.name, filter=anonymous)


class _GivenUp(Exception):
    """Nobody waits for it any more."""


Got = TypeVar("Got")


async def _in_thread(do: Callable[[Callable[[], None]], Got]) -> Got:
    """Do something in a thread; it calls what it is given now and then, and ends there when we were cancelled."""
    over = threading.Event()

    def between() -> None:
        if over.is_set():
            raise _GivenUp

    try:
        return await asyncio.get_running_loop().run_in_executor(_couriers, functools.partial(do, between))
    finally:
        over.set()

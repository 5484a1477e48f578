"""The courier: a process of its own that fetches an archive, which may be anything, from a server that may be anybody.

Whatever drips, blows up or never ends, the harness goes on: it gives the process bounds of time and memory, takes what
it has unpacked when it succeeds, and clears away what it leaves behind.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urldefrag

from wsgi_app.harnesses.fetch import CannotFetch, entry_point, fetch
from wsgi_app.harnesses.plain import plain
from wsgi_app.harnesses.removal import remove

TIME_LIMIT = 900.0  #: seconds for all of it, download and unpacking
CPU_LIMIT = 600  #: seconds
MEMORY_LIMIT = 512 * 1024**2  #: bytes: lists of members and the dictionaries of xz need some
LONGEST_REASON = 500  #: characters of what went wrong: names in archives may be a megabyte

_PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); from wsgi_app.harnesses.courier import main; sys.exit(main())"


def bring(url: str, directory: Path, between: Callable[[], None]) -> tuple[list[str], Path]:
    """Fetch and unpack an archive as `fetch.fetch` does; return what to run and where. Raises CannotFetch.

    `between` is called again and again meanwhile.
    """
    # a courier of a harness that was killed may still be at work: it gets a name that nobody else uses
    for left in directory.parent.glob(f"{directory.name}.*"):
        remove(left)
    place = directory.with_name(f"{directory.name}.{time.time_ns()}")
    try:
        reason = _send(url, place, between)
        if reason is not None:
            raise CannotFetch(plain(reason))
        remove(directory)
        place.rename(directory)
    finally:
        remove(place)
    return entry_point(directory, unquote(urldefrag(url).fragment))


def _send(url: str, place: Path, between: Callable[[], None]) -> str | None:
    """Let a courier fetch into a place that is not there yet; return why it could not."""
    root = Path(__file__).resolve().parents[2]
    words = [sys.executable or "python3", "-I", "-S", "-c", _PROGRAM, str(root)]
    deadline = time.monotonic() + TIME_LIMIT
    # by standard input: arguments can be seen, and a URL may have a password in it
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as courier:
        try:
            said = json.dumps([url, str(place)]).encode()
            while True:
                try:
                    output, trouble = courier.communicate(said, timeout=0.1)
                    break
                except subprocess.TimeoutExpired:
                    said = b""
                between()
                if time.monotonic() > deadline:
                    return f"{url}: took longer than {TIME_LIMIT:.0f} s"
        finally:
            courier.kill()
    if courier.returncode == 0:
        return str(json.loads(output)) if output else None
    words_left = trouble.decode("utf-8", "replace").strip().rpartition("\n")[2]
    return f"{url}: fetching it failed ({words_left or f'signal {-courier.returncode}'})"


def main() -> int:
    """Fetch what standard input says; print as JSON why that is not possible, or nothing."""
    url, place = json.loads(sys.stdin.buffer.read())
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT, CPU_LIMIT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        fetch(url, Path(place))
    except CannotFetch as error:
        sys.stdout.write(json.dumps(str(error)[:LONGEST_REASON]))
    except (MemoryError, RecursionError, OverflowError):
        sys.stdout.write(json.dumps("refused: reading the archive takes more memory than any needs"))
    return 0

"""Load that is not ours: wrk, with a Lua script of lua/ that says what each request is."""

import re
import signal
import subprocess
import time
from pathlib import Path

from attrs import frozen
from waiting import until

_SCRIPTS = Path(__file__).parent / "lua"
_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@frozen
class Load:
    """What came of it."""

    #: answered requests a second, and in all
    rate: float
    requests: int
    #: milliseconds that half, and 99 of 100, took at most
    p50: float
    p99: float
    #: answers of 400 and above
    refused: int


def wrk(url: str, script: str, connections: int, seconds: float, *words: str, threads: int = 1) -> Load:
    """Let so many kept connections make the requests of `lua/SCRIPT.lua`, which gets the words.

    Each thread runs the script by itself. Fails when a connection broke or a request got no answer; refusals are the
    caller's to look at.
    """
    # told to stop: it knows whole seconds only
    command = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{int(seconds) + 60}s", "--timeout", "30s", "--latency"]
    vector = [*command, "-s", str(_SCRIPTS / f"{script}.lua"), url, "--", *words]
    process = subprocess.Popen(vector, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        until(lambda: process.poll() is not None or _may_be_told(process.pid), "wrk's beginning")
        said = _ended(process, seconds)
    finally:
        process.kill()
    assert process.returncode == 0 and "Socket errors" not in said, said
    return Load(
        rate=float(_found(r"Requests/sec:\s+([\d.]+)", said)),
        requests=int(_found(r"(\d+) requests in", said)),
        p50=_milliseconds(_found(r"\s50%\s+(\S+)", said)),
        p99=_milliseconds(_found(r"\s99%\s+(\S+)", said)),
        refused=int(_found(r"Non-2xx or 3xx responses: (\d+)", said, "0")),
    )


def _ended(process: "subprocess.Popen[str]", seconds: float) -> str:
    """Tell it to stop then, again and again: a signal that comes just before it sleeps does not wake it."""
    end = time.monotonic() + seconds + 60
    while True:
        try:
            return process.communicate(timeout=seconds)[0]
        except subprocess.TimeoutExpired:
            assert time.monotonic() < end, "wrk does not end"
        process.send_signal(signal.SIGINT)
        seconds = 0.3


def _may_be_told(pid: int) -> bool:
    """Return whether a process catches SIGINT: before it does, the signal would kill it."""
    caught = re.search(r"^SigCgt:\s*(\w+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return caught is not None and bool(int(caught.group(1), 16) & 1 << (signal.SIGINT - 1))


def _found(pattern: str, said: str, absent: str | None = None) -> str:
    match = re.search(pattern, said)
    if match is None:
        assert absent is not None, (pattern, said)
        return absent
    return match.group(1)


def _milliseconds(text: str) -> float:
    match = re.fullmatch(r"([\d.]+)([a-z]+)", text)
    assert match is not None, text
    return float(match.group(1)) * _MS[match.group(2)]

"""Fuzz the readers with atheris, and keep a small corpus: `python tests/property/fuzz.py [SECONDS [TARGET]...]`.

It runs each target of tests/support/targets.py for that many seconds (default 100; 0: only chooses anew what is kept)
one after the other, beginning with what was kept and with the corpora of other tests, and keeps the inputs that reach
most of the code. What a target fails on is left as build/fuzz/TARGET-crash-*: mend it, and keep the input as
tests/property/fuzzed/TARGET/crash-*.
"""

import hashlib
import itertools
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from targets import TARGETS

ROOT = Path(__file__).parents[2]
KEPT = Path(__file__).parent / "fuzzed"
WORK = ROOT / "build" / "fuzz"
#: bytes of one input, and inputs of one target that are kept
LONGEST = 4096
MOST = 30
SEEDS = {
    "log": "tests/indexer/corpus/*/*.log",
    "formats": "tests/indexer/corpus/*/*.log",
    "jobxml": "tests/documents/jobs/*.xml",
}
JOB = (
    b'{"name": "n", "visibility": "public", "priority": 5, "recipe_sets": [{"stage": 1, "recipes": [{"system": "s", '
    b'"requires": {"type": "t", "tags": ["a"]}, "role": "r", "max_seconds": 9, "stop_on_fail": true, "tasks": ['
    b'{"name": "t", "role": "r", "params": {"A": "b"}, "command": ["c"]}, {"name": "u", "fetch": {"url": "x"}}]}]}]}'
)
#: what has no files: a length, and the header of a body that long
WORDS = {
    "jobjson": [JOB],
    "range": [b"\x0abytes 0-9/*", b"\x05BYTES 5-9/20"],
    "name": [b"tasks/3/results/4/logs/a/b.c"],
}

#: what expressions look for: coverage does not lead there by itself
DICTIONARY = (
    *(b"ok 1 ", b"not ok 2 - ", b"1..3", b"# Subtest: ", b"# SKIP", b"# TODO", b"TAP version 14", b"KTAP version 1"),
    *(b"  ---\n", b"  ...\n", b"message: |", b"Bail out!", b"pragma +strict", b"[    1.0] ", b"<3>", b"\0" * 64),
    *(
        b"Linux version ",
        b"Kernel panic - not syncing: ",
        b"Oops: ",
        b"BUG: ",
        b"[ cut here ]",
        b"WARNING: CPU: 1 PID: 2 at ",
    ),
    *(
        b"<testsuite name='",
        b"<testcase name='",
        b"<failure message='",
        b"<skipped/>",
        b"<!--",
        b"<![CDATA[",
        b"<!DOCTYPE ",
    ),
    *(b"<?xml version='1.0' encoding='utf-16'?>", b"\xff\xfe", b"\xb3\x29", b"\x1b[31m", b"# TOTAL: ", b"REASON: "),
    *(b"<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=", b" RESULT=pass>", b":: [   FAIL   ] :: ", b"::   TEST PROTOCOL"),
    *(
        b"<hostRequires",
        b"<recipe",
        b"<task",
        b"<params",
        b"<fetch url='",
        b"&#0;",
        b"&a;",
        b"xmlns:a='",
        b"\\ud800",
        b"1e999",
    ),
)


def main() -> int:
    """Fuzz all targets, or these; the exit status is 1 when one of them failed."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    failed = [name for name in sys.argv[2:] or TARGETS if _fuzz(name, seconds)]
    print("failed:", *(failed or ["none"]))
    return 1 if failed else 0


def _fuzz(name: str, seconds: int) -> bool:
    """Fuzz one target and renew what is kept of it; True when it failed."""
    work, kept = WORK / name, KEPT / name
    for place in (work, kept):
        place.mkdir(parents=True, exist_ok=True)
    (WORK / "words").write_text("".join(f'"{_coded(word)}"\n' for word in DICTIONARY))
    for number, seed in enumerate(_seeds(name)):
        (work / f"seed-{number}").write_bytes(seed[:LONGEST])
    for path in kept.iterdir():
        shutil.copy(path, work)
    failed = (
        seconds > 0 and _run(name, f"-max_total_time={seconds}", f"-artifact_prefix={WORK}/{name}-", str(work)) != 0
    )
    chosen = list(itertools.islice(_chosen(TARGETS[name], work), MOST))
    for path in kept.iterdir():
        if not path.name.startswith("crash-"):
            path.unlink()
    for content in chosen:
        (kept / hashlib.sha256(content).hexdigest()[:16]).write_bytes(content)
    return failed


def _chosen(target: Callable[[bytes], None], work: Path) -> Iterator[bytes]:
    """Yield inputs that reach what those before did not, those that reach most of it first."""
    left: dict[bytes, set[object]] = {}
    for path in sorted(work.iterdir()):
        content = path.read_bytes()[:LONGEST]
        with suppress(AssertionError):
            left[content] = _reached(target, content)
    seen: set[object] = set()
    while left:
        content = max(left, key=lambda content: (len(left[content] - seen), -len(content)))
        found = left.pop(content)
        if found <= seen:
            return
        seen |= found
        yield content


def _reached(target: Callable[[bytes], None], content: bytes) -> set[object]:
    """Return the steps from line to line of our code that a target makes with an input."""
    found: set[object] = set()

    def trace(frame: FrameType, _event: str, _argument: object) -> Any:
        if "/wsgi_app/" not in frame.f_code.co_filename:
            return None
        last = frame.f_lineno

        def step(frame: FrameType, event: str, _argument: object) -> Any:
            nonlocal last
            if event == "line":
                found.add((frame.f_code.co_filename, last, frame.f_lineno))
                last = frame.f_lineno
            return step

        return step

    sys.settrace(trace)
    try:
        target(content)
    finally:
        sys.settrace(None)
    return found


def _seeds(name: str) -> Iterator[bytes]:
    yield from WORDS.get(name, ())
    for number, path in enumerate(sorted(ROOT.glob(SEEDS.get(name, "nothing")))):
        # what the first byte chooses: all formats and names in turn
        yield (bytes([number % 11]) if name in ("log", "formats") else b"") + path.read_bytes()


def _coded(word: bytes) -> str:
    """Return a word as libFuzzer's dictionaries have it."""
    return "".join(rf"\x{byte:02x}" for byte in word)


def _run(name: str, *options: str) -> int:
    code = (
        "import sys, atheris\n"
        "with atheris.instrument_imports(include=['wsgi_app', 'json', 'cattrs']):\n"
        "    from targets import TARGETS\n"
        "atheris.Setup(sys.argv, TARGETS[sys.argv.pop(1)])\n"
        "atheris.Fuzz()\n"
    )
    path = [str(ROOT), str(ROOT / "tests" / "support"), *sys.path[1:]]
    limits = [
        f"-dict={WORK / 'words'}",
        f"-max_len={LONGEST}",
        "-timeout=20",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
    ]
    return subprocess.run(
        [sys.executable, "-c", code, name, *limits, *options], env={"PYTHONPATH": ":".join(path)}, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())

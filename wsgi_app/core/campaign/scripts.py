"""The shell scripts of steps that one command cannot do. They need a POSIX shell and the core utilities (GNU, busybox).

What they report goes by the tools of whichever harness runs them: `tackroom-report`, or restraint's. Each script keeps
the exit status of what it is about.
"""

import shlex
from collections.abc import Sequence
from textwrap import dedent

from wsgi_app.core.shelltext import REPORT_LOG, SYNC

#: bytes of a command's output that are reported as a log, and how those logs are called
LONGEST_OUTPUT = 65536
OUTPUT_LOGS = ("stdout.log", "stderr.log")
#: seconds in which the output may still end when the command has
DRAIN = 2

_FAIL = """
    # fail PATH MESSAGE: report that the task failed, and end
    fail() {
        echo "$2" >&2
        if command -v tackroom-report >/dev/null 2>&1; then
            tackroom-report --message="$2" Fail "$1"
        elif command -v rstrnt-report-result >/dev/null 2>&1; then
            rstrnt-report-result --no-plugins --message="$2" "$1" FAIL >/dev/null
        fi
        exit 1
    }
"""

_COPY = """
    # copy NAME: pass on what comes through the pipe NAME.in, and keep the beginning; each block of dd has at least one
    # byte, and is written at once
    copy() {
        mkfifo "$place/$1.in" "$place/$1.copy" || exit 125
        (
            trap '' HUP INT TERM
            exec tee "$place/$1.copy" <"$place/$1.in"
        ) &
        (
            trap '' HUP INT TERM
            exec 2>/dev/null
            { dd bs=64 count=KEPT of="$place/$1.all"; cat; } <"$place/$1.copy" >/dev/null
            : >"$place/$1.over"
        ) &
    }

    place=$(mktemp -d) || exit 125
    trap 'rm -rf "$place"' EXIT
    # the command is told, too; its last words are to be reported
    trap : HUP INT TERM
"""

_COLLECT = """
    # something that goes on in the background may hold its output open: then what there is must do
    left=LOOKS
    while [ "$left" -gt 0 ]; do
        over=1
        for name in NAMES; do
            [ -e "$place/$name.over" ] || over=0
        done
        [ "$over" -eq 0 ] || break
        if sleep 0.02 2>/dev/null; then left=$((left - 1)); else sleep 1; left=$((left - 50)); fi
    done
"""

_WAIT = """
    answer=$(sync_wait STATE --any) || exit
    printf '%s\\n' "$answer"
    # the controller has reported what came of it; the exit status says the same
    case $answer in
    *'"error": null'* | *'"error":null'*) exit 0 ;;
    esac
    exit 1
"""


def run_command(argv: Sequence[str], directory: str = "", *, stdout: bool = False, stderr: bool = False) -> str:
    """Return a script that runs a command, in a directory unless that is empty.

    The first `LONGEST_OUTPUT` bytes of its standard output and error become logs of the task, if that is wanted.
    """
    kept = [name for name, wanted in (("stdout", stdout), ("stderr", stderr)) if wanted]
    body = [_begin(directory)]
    if not kept:
        return "\n".join([*body, _enter(directory), f"exec {shlex.join(argv)}", ""])
    # each block of dd may be as short as one byte
    body.append(REPORT_LOG + dedent(_COPY).replace("KEPT", str(LONGEST_OUTPUT)))
    body += [f"copy {name}" for name in kept]
    streams = {"stdout": '>"$place/stdout.in"', "stderr": '2>"$place/stderr.in"'}
    body.append("(\n" + _enter(directory) + f"\nexec {shlex.join(argv)}\n) " + " ".join(streams[name] for name in kept))
    body.append("status=$?")
    body.append(dedent(_COLLECT).replace("LOOKS", str(DRAIN * 50)).replace("NAMES", " ".join(kept)))
    for name in kept:
        body.append(f'head -c {LONGEST_OUTPUT} "$place/{name}.all" >"$place/{name}.log"')
        body.append(f'report_log "$place/{name}.log"')
    return "\n".join([*body, 'exit "$status"', ""])


def say_and_toss(text: str) -> str:
    """Return a script that writes a text and fails as often as not."""
    return "\n".join(
        [
            "#!/bin/sh",
            dedent(_FAIL),
            f"printf '%s\\n' {shlex.quote(text)}",
            "case $(od -An -N1 -tu1 /dev/urandom) in",
            "*[13579]) fail randecho 'target randomly failed' ;;",
            "esac",
            "",
        ]
    )


def fail(path: str, message: str) -> str:
    """Return a script that does nothing but fail, and says why."""
    return "\n".join(["#!/bin/sh", dedent(_FAIL), f"fail {shlex.quote(path)} {shlex.quote(message)}", ""])


def await_word(state: str) -> str:
    """Return a script that waits for what the controller says as a sync state of the recipe: letters, digits, `-`."""
    return "#!/bin/sh\n" + SYNC + dedent(_WAIT).replace("STATE", state, 1)


def _begin(directory: str) -> str:
    return "#!/bin/sh" + (dedent(_FAIL) if directory else "")


def _enter(directory: str) -> str:
    """Return what changes to a directory; one that begins with a dash or is in CDPATH is no other."""
    if not directory:
        return ""
    path = directory if directory.startswith("/") else f"./{directory}"
    why = shlex.quote(f"there is no directory {directory} to run in")
    return f"cd {shlex.quote(path)} 2>/dev/null || fail dir {why}"

"""How the command behaves on a terminal, in a pipe, and under a finger."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Iterator
from contextlib import closing

import pytest
from acting import Acting
from lab import Lab, running_lab, tackroom

#: a reason that is wider than a terminal
LONG = "because of something that takes many words to say and does not fit on one line of a terminal at all"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A Tackroom with a job that failed at length."""
    with running_lab("none") as made:
        acting = Acting(made, "task", system="bench", name="ünïcode 日本語").claim()
        acting.status(0, "Running")
        acting.result(0, "Fail", "/a/path/that/is/rather/long", message=LONG)
        acting.status(0, "Completed")
        made.settled(acting.job)
        yield made


@pytest.fixture(scope="module")
def job(lab: Lab) -> str:
    """The id of the job."""
    found = lab.call("GET", "/jobs/").json["jobs"]
    return str(found[0]["id"])


def environment(lab: Lab, **environ: str) -> dict[str, str]:
    """Return the environment of a command against the lab."""
    clean = {name: value for name, value in lab.environment().items() if name not in ("NO_COLOR", "COLUMNS")}
    return {**clean, "TACKROOM_URL": lab.url, "TACKROOM_TOKEN": lab.token, "TERM": "xterm", **environ}


def on_terminal(lab: Lab, *words: str, columns: int = 80, **environ: str) -> str:
    """Return what the command prints on a terminal of so many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen(
        [*tackroom(), *words], env=environment(lab, **environ), stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        shown = b""
        with closing(os.fdopen(ours, "rb", buffering=0)) as terminal:
            try:
                while block := terminal.read(4096):
                    shown += block
            except OSError:
                # the other end is closed
                pass
        assert process.wait(30) == 0, shown
    return shown.decode().replace("\r\n", "\n")


def test_colours_are_for_terminals(lab: Lab, job: str) -> None:
    """On a terminal, unless NO_COLOR or a dumb terminal; never in a pipe."""
    assert "\x1b[31mfail\x1b[0m" in on_terminal(lab, "job", "list")
    assert "\x1b[31mFail\x1b[0m" in on_terminal(lab, "results", job)
    assert "\x1b" not in on_terminal(lab, "job", "show", job, NO_COLOR="1")
    assert "\x1b" not in on_terminal(lab, "job", "show", job, TERM="dumb")
    assert "\x1b" not in lab.command("job", "list").stdout


@pytest.mark.parametrize("words", [("job", "list"), ("job", "show"), ("results",), ("--help",), ("job", "--help")])
def test_lines_fit_the_window(lab: Lab, job: str, words: tuple[str, ...]) -> None:
    """At 80 columns no line is longer, but for places that somebody may want to copy."""
    wanted = [*words, job] if words in (("job", "show"), ("results",)) else list(words)
    for line in on_terminal(lab, *wanted, NO_COLOR="1").splitlines():
        if LONG not in line:
            assert len(line) <= 80, line


def test_no_line_is_broken_in_a_pipe(lab: Lab, job: str) -> None:
    """What is one row stays one line, whatever COLUMNS says."""
    done = subprocess.run(
        [*tackroom(), "results", job], env=environment(lab, COLUMNS="40"), capture_output=True, text=True, check=True
    )
    assert any(LONG in line and "/a/path" in line for line in done.stdout.splitlines())


@pytest.mark.parametrize("words", ["job list", "events", "results {job} --format csv", "--help"])
def test_a_reader_that_leaves_is_no_error(lab: Lab, job: str, words: str) -> None:
    """`| head -1`: nothing on standard error, whether the pipe is closed early or late."""
    command = " ".join([*tackroom(), words.format(job=job)])
    for reader in ("head -1", "true"):
        script = f"set -o pipefail; {{ {command}; echo status $? >&2; }} | {reader} > /dev/null"
        done = subprocess.run(
            ["bash", "-c", script], env=environment(lab), stderr=subprocess.PIPE, text=True, check=False
        )
        assert re.fullmatch(r"status [01]\n", done.stderr), done.stderr


@pytest.mark.parametrize("charset", ["ascii", "latin-1", "utf-8"])
def test_no_character_ends_the_command(lab: Lab, charset: str) -> None:
    """What the terminal cannot show is written in another way."""
    done = subprocess.run(
        [*tackroom(), "job", "list"],
        env=environment(lab, PYTHONIOENCODING=charset),
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    # click takes ASCII for a mistake, and writes UTF-8
    expected, read = ("\\u65e5", "latin-1") if charset == "latin-1" else ("日本語", "utf-8")
    assert expected in done.stdout.decode(read)


def test_a_wrong_word_suggests_the_nearest(lab: Lab) -> None:
    """Of subcommands and of options."""
    for words, nearest in (
        (["jbo", "list"], "'job'"),
        (["job", "sumbit"], "'submit'"),
        (["results", "--formt"], "'--format'"),
    ):
        done = lab.command(*words, check=False)
        assert done.returncode == 2
        assert f"Did you mean {nearest}" in done.stderr


def test_it_starts_without_what_only_servers_need() -> None:
    """The database's library takes longer to load than most commands to run."""
    code = "import sys, wsgi_app.cli.main; print([name for name in sys.modules if name.startswith('sqlalchemy')])"
    done = subprocess.run([tackroom()[0], "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"

"""What goes wrong before a Tackroom has said anything: each is one sentence and its own status, never a traceback."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner
from lab import free_port, tackroom

from wsgi_app.cli.main import tackroom as command
from wsgi_app.cli.tables import table

#: what others than a Tackroom answer, by path
ANSWERS = {
    "page": (200, b"<html>Welcome</html>"),
    "list": (200, b"[]"),
    "nothing": (200, b"{}"),
    "other": (200, b'{"detail": "ok"}'),
    "elsewhere": (302, b""),
    "missing": (404, b"<!DOCTYPE HTML><HTML><body>\n<p>Nothing here</p></body></HTML>"),
    "broken": (500, b"\x1b[31mboom\nand more\xff"),
}


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, body = ANSWERS[self.path.split("/")[1]]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Location", "https://elsewhere.example/")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""


@pytest.fixture(scope="module")
def stranger() -> Iterator[str]:
    """The URL of something that is no Tackroom."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def environment(**environ: str) -> dict[str, str]:
    """The environment of somebody who has no Tackroom, and no profiles."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TACKROOM_")}
    nowhere = {"TACKROOM_DATA": "/nonexistent", "XDG_CONFIG_HOME": "/nonexistent"}
    return {**clean, **nowhere, "TACKROOM_URL": f"http://127.0.0.1:{free_port()}/", **environ}


def run(*words: str | bytes, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run the command; whatever it says on standard error is one line."""
    done = subprocess.run(
        [*tackroom(), *words], env=environment(**environ), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stderr.count("\n") == 1, done
    return done


@pytest.mark.parametrize("answer", ["page", "list", "nothing", "other", "elsewhere"])
def test_no_tackroom_answers(stranger: str, answer: str) -> None:
    """Somebody else does: a page for browsers, other JSON, a redirection."""
    done = run("--url", stranger + answer, "job", "list")
    assert (done.returncode, done.stdout) == (3, "")
    assert "is no Tackroom" in done.stderr
    assert "--url" in done.stderr


def test_a_stranger_is_not_waited_for(stranger: str) -> None:
    """What waits for a server that restarts gives up at once."""
    done = run("--url", stranger + "page", "job", "wait", "1")
    assert (done.returncode, "is no Tackroom" in done.stderr) == (3, True)


def test_answers_that_have_no_words(stranger: str) -> None:
    """Of an error page the status is told; what is said in several lines, or to the terminal, is one harmless line."""
    page = run("--url", stranger + "missing", "job", "list")
    assert (page.returncode, page.stderr) == (4, "tackroom: Not Found (status 404)\n")
    broken = run("--url", stranger + "broken", "job", "list")
    assert (broken.returncode, broken.stderr) == (4, "tackroom: \\x1b[31mboom and more\ufffd (status 500)\n")


@pytest.mark.parametrize("token", ["two\nlines", "→"])
def test_tokens_that_are_none(token: str) -> None:
    """A token that cannot be sent is not sent."""
    done = run("job", "list", TACKROOM_TOKEN=token)
    assert (done.returncode, "copy it again" in done.stderr, token in done.stderr) == (1, True, False)


def test_words_that_are_no_utf8() -> None:
    """There is nothing of that name anywhere."""
    done = run("system", "show", b"\xff")
    assert (done.returncode, "UTF-8" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    "words",
    [
        "job show 0",
        "job show " + "9" * 30,
        "job show " + "9" * 5000,
        "job list --mine --owner me",
        "job wait 1 --timeout nan",
        "system show ''",
        "system remove ..",
        "system key a/b",
        "token create x --days nan",
        "token create x --days 1e300",
        "token create x --expires 9999-12-31T23:59:59-23:59",
        "log list 0",
        "log show 0 logs/a",
        "log show recipes/" + "9" * 5000 + "/logs/a",
        "log show 1 tasks/" + "9" * 5000 + "/logs/a",
        "log put 1 logs/a/../b /dev/null",
        "log put 1 logs/ /dev/null",
        "log tail 1 tasks/2/results/logs/a",
        "log grep 1 x tasks/logs/a",
    ],
    ids=lambda words: words[:60],
)
def test_wrong_use(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is found out before anybody is called: a call to nobody would be another status."""
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(command, ["" if word == "''" else word for word in words.split()])
    assert (done.exit_code, "Error: " in done.output) == (2, True), done


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("completion bash >&-", "Bad file descriptor"),
        ("completion bash > /dev/full", "No space left on device"),
        ("job submit - <&-", "Bad file descriptor"),
        ("job list >&-", "no Tackroom answers"),
    ],
)
def test_closed_streams(words: str, said: str) -> None:
    """A stream that is closed, or full, is told like any other failure."""
    done = subprocess.run(
        ["sh", "-c", f"{' '.join(tackroom())} {words}"],
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode in (1, 3), done.stderr.count("\n")) == (True, 1), done
    assert said in done.stderr


def test_no_stream_at_all() -> None:
    """With all three closed the status is left."""
    script = f"{' '.join(tackroom())} completion bash <&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", script], env=environment(), check=False, timeout=60).returncode == 1


def test_ctrl_c_while_it_is_loaded() -> None:
    """A finger that is quicker than the program sees no traceback."""
    program, *words = tackroom()
    with subprocess.Popen(
        [program, "-X", "importtime", *words, "job", "wait", "1"],
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        # each module is told when it is loaded; these are some of the first that the command loads
        for line in process.stderr:
            if "click.types" in line:
                process.send_signal(signal.SIGINT)
                break
        rest = process.stderr.read()
    assert process.returncode in (-signal.SIGINT, 130)
    assert "Traceback" not in rest


def test_cells_of_phrases_and_paths_are_not_broken() -> None:
    """A number stays with its word, and a path can be copied."""
    rows = [(("3 Pass", "10 Warn", "4 Fail"), "logs/a/rather/long/name.log", "a sentence that is long")]
    assert table(("HARNESS", "PATH", "SAID"), rows, width=52).splitlines()[2:] == [
        "3 Pass      logs/a/rather/long/name.log  a sentence",
        "10 Warn                                  that is",
        "4 Fail                                   long",
    ]

"""Names, messages and logs of strangers on a terminal: shown, never obeyed."""

import json
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest
from acting import FORM, Acting
from attrs import frozen
from lab import Lab, tackroom
from waiting import until

#: a title, colours, the cursor, a device's answer, C1, carriage return; what turns, hides and joins; line separators
EVIL = (
    "a\x1b]0;gotcha\x07b\x1b[2J\x1b[31mc\x9b31md\x85e\x08f\rg\x7fh\u202ei\u2066j\u200bk\u200fl\ufeffm\u061cn\u2028o\u00adp"
    "\U000e0041q\u2060r\u180es\U0001f600"
)
#: what a log's name may have of it
NAME = "".join(char for char in EVIL if ord(char) > 0x7F or (char.isprintable() and char not in "\\/"))
#: in what is printed nothing else is a control character, and no character turns or hides others
HARMLESS = re.compile(
    "[^\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e0fff]*"
)
#: runs each command of a list as a process would, without the time that it takes to start
EACH = """
import json, os, sys
from wsgi_app.cli.main import main
os.dup2(1, 2)
for words in json.load(sys.stdin):
    child = os.fork()
    if child == 0:
        sys.argv[1:] = words
        main()
    sys.stdout.write(f"\\0{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\\0")
    sys.stdout.flush()
"""
ONE_LAB = pytest.mark.parametrize("lab", ["apache"], indirect=True)


@frozen
class Evil:
    """A job in which everything that can be named is called so."""

    lab: Lab
    job: int
    recipe: int
    waiting: int


@pytest.fixture(scope="module")
def evil(lab: Lab) -> Evil:
    """Submit it, run it, and one more that waits."""
    name = "evil"
    lab.post("/systems/", {"name": name, "type": EVIL, "tags": [EVIL]})
    task = {"name": EVIL, "role": EVIL, "params": {"A": EVIL}, "command": ["true"]}
    recipe = {"system": name, "role": EVIL, "tasks": [task]}
    job = lab.post("/jobs/", {"name": EVIL, "recipe_sets": [{"recipes": [recipe]}]})
    acting = Acting.__new__(Acting)
    acting.lab, acting.system = lab, name
    acting._took(job)
    acting.claim().status(0, "Running", version=EVIL)
    acting.result(0, "Fail", EVIL, message=EVIL)
    acting.log(0, quote(NAME), (EVIL + "\nnot ok 1 - " + EVIL + "\n1..1\n").encode())
    body = f"status=Aborted&message={quote(EVIL)}".encode()
    assert lab.call("POST", f"/recipes/{acting.recipe}/status", body, FORM, key=acting.key).status == 204
    lab.settled(acting.job)
    patch = json.dumps({"health": "bad", "reason": EVIL}).encode()
    assert lab.call("PATCH", f"/systems/{name}", patch, {"Content-Type": "application/json"}).status == 200
    wish = {"requires": {"type": EVIL, "tags": [EVIL]}, "tasks": [{"name": EVIL}]}
    waiting = lab.post("/jobs/", {"name": EVIL, "recipe_sets": [{"recipes": [wish]}]})
    return Evil(lab, acting.job, acting.recipe, waiting["id"])


@ONE_LAB
def test_no_subcommand_passes_on_what_a_terminal_obeys(evil: Evil, tmp_path: Path) -> None:
    """Whatever prints what others named, in every format."""
    lab, job, recipe = evil.lab, str(evil.job), str(evil.recipe)
    (tmp_path / "job.xml").write_text(
        "<job><whiteboard/><recipeSet><recipe><task name='t'/></recipe></recipeSet><a\u0301\u0300 b='c'/></job>"
    )
    (tmp_path / "job.yml").write_text(
        json.dumps({"name": EVIL, "recipe_sets": [{"recipes": [{"tasks": [{"name": "t"}]}]}]}), encoding="utf-8"
    )
    task = lab.call("GET", f"/jobs/{job}").json["recipe_sets"][0]["recipes"][0]["tasks"][0]["id"]
    log = f"tasks/{task}/logs/{NAME}"
    commands = [
        *(["job", "show", job], ["job", "show", job, "--json"], ["job", "list"], ["job", "list", "--json"]),
        *(["job", "watch", job], ["job", "wait", job], ["job", "show", str(evil.waiting)], ["queue"]),
        *(["recipe", "show", recipe], ["recipe", "show", recipe, "--json"], ["events"], ["events", "--json"]),
        *(["results", job, "--format", kind] for kind in ("table", "json", "csv", "tap")),
        *(["log", "list", recipe], ["log", "show", recipe, log], ["log", "tail", recipe, log]),
        *(["log", "grep", recipe, "gotcha"], ["log", "grep", "-c", recipe, "gotcha"], ["log", "show", recipe, EVIL]),
        *(["system", "list"], ["system", "show", "evil"], ["system", "show", EVIL.replace("\x1b", "")], ["doctor"]),
        *(
            ["job", "submit", str(tmp_path / "job.xml")],
            ["job", "validate", str(tmp_path / "job.yml")],
            ["token", "list"],
            ["job", "list", "--owner", EVIL],
        ),
    ]
    done = subprocess.run(
        [tackroom()[0], "-P", "-c", EACH],
        input=json.dumps(commands),
        env={**lab.environment(), "TACKROOM_URL": lab.url, "TACKROOM_TOKEN": lab.token},
        capture_output=True,
        text=True,
        check=True,
    )
    said = done.stdout.split("\0")
    assert len(said) == 2 * len(commands) + 1
    for words, text, status in zip(commands, said[::2], said[1::2], strict=False):
        assert int(status) in (0, 1, 2, 4, 10, 11, 12), (words, text)
        assert text, words
        assert HARMLESS.fullmatch(text), (words, text)
        assert "Traceback" not in text
    shown = dict(zip(map(tuple, commands), said[::2], strict=False))
    assert "\\x1b]0;gotcha\\x07" in shown["log", "show", recipe, log]
    assert "\\u202e" in shown["log", "show", recipe, log]
    submitted = shown["job", "submit", str(tmp_path / "job.xml")].split()[-1]
    assert lab.call("POST", f"/jobs/{submitted}/cancel").status == 204
    assert lab.call("POST", f"/jobs/{evil.waiting}/cancel").status == 204


@pytest.fixture
def liar() -> Iterator[str]:
    """A server that says it were a Tackroom, with words of its own in all that it says; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is given)
            pass

        def _get(self) -> None:
            names = ["good", "a\x1b[31m", "b\nc", "$(touch x)", "`id`", "-x", "a b", "a;b", "a\u202eb", "a'b", "a*"]
            listed = {"systems": [{"name": name} for name in names], "next": None}
            error = {"error": {"code": EVIL, "message": EVIL, "field": EVIL}}
            found = self.path.startswith("/systems/?")
            body = json.dumps(listed if found else error).encode()
            self.send_response(200 if found else 400)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    setattr(Handler, "do_" + "GET", Handler._get)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def ask(liar: str, tmp_path: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Run the command against that server, with a file of profiles that somebody has tampered with."""
    (tmp_path / "tackroom.toml").write_text(
        '[profiles.good]\nurl = "http://a/"\n[profiles."$(id)"]\nurl = "http://a/"\n[profiles."a\\nb"]\nurl = "http://a/"\n'
    )

    def run(*words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        env = {"TACKROOM_URL": liar, "XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path), **environ}
        return subprocess.run([*tackroom(), *words], env=env, cwd=tmp_path, capture_output=True, text=True, check=False)

    return run


def test_a_completion_is_a_word(ask: Callable[..., "subprocess.CompletedProcess[str]"]) -> None:
    """Names that a shell would run, split or expand are not offered, whoever the server is."""
    for words, line in (("recipe env 3 --system ", "plain,good\n"), ("--profile ", "plain,good\n")):
        done = ask(
            _TACKROOM_COMPLETE="bash_complete", COMP_WORDS=f"tackroom {words}", COMP_CWORD=str(words.count(" ") + 1)
        )
        assert done.stdout == line, done


def test_what_a_server_says_is_shown(ask: Callable[..., "subprocess.CompletedProcess[str]"]) -> None:
    """An error of somebody who is no Tackroom."""
    done = ask("job", "show", "1")
    assert done.returncode == 4
    assert "gotcha" in done.stderr
    assert HARMLESS.fullmatch(done.stderr)


@ONE_LAB
def test_the_words_of_a_harness(lab: Lab, tmp_path: Path) -> None:
    """What the harness tells its operator, of tasks that others named, is a line each."""
    key = lab.post("/systems/", {"name": "words"}) and lab.post("/systems/words/key", {})["key"]
    job = lab.job({"name": EVIL + "\nforged", "command": ["true"]}, system="words")
    words = [*tackroom()[:-1], "wsgi_app.harnesses.local", "run", "--url", lab.url, "--system", "words", "--once"]
    done = subprocess.run(
        [*words, "--state", str(tmp_path)],
        env={"TACKROOM_TOKEN": key, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    lab.settled(job["id"])
    until(lambda: done.returncode == 0, "its end", 1)
    assert "gotcha" in done.stderr
    assert HARMLESS.fullmatch(done.stdout + done.stderr)
    assert all(line.startswith("tackroom-harness: ") for line in done.stderr.splitlines())

"""Archives that a job points to: whatever is in them, nothing but their task's own directory is touched."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import archives
import pytest
from archives import HOSTILE, member
from lab import Lab, tackroom
from waiting import until

ONE_LAB = pytest.mark.parametrize("lab", ["apache"], indirect=True)


@contextmanager
def harness(lab: Lab, system: str, place: Path) -> Iterator[subprocess.Popen[str]]:
    """Our harness, at work as a system."""
    key = lab.post(f"/systems/{system}/key", {})["key"]
    words = [*tackroom()[:-1], "wsgi_app.harnesses.local", "run", "--url", lab.url, "--system", system]
    environ = {**os.environ, "TACKROOM_TOKEN": key}
    process = subprocess.Popen(
        [*words, "--state", str(place)], env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    with process:
        try:
            yield process
        finally:
            process.terminate()


def below(place: Path) -> set[str]:
    """Return the names below a directory."""
    return {str(path.relative_to(place)) for path in place.rglob("*")}


@pytest.fixture
def web() -> Iterator[Callable[[str], str]]:
    """A web server: returns URLs at which it sends elsewhere, or drips its answer's head."""
    begun: set[str] = set()
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is given)
            pass

        def _get(self) -> None:
            begun.add(self.path)
            if self.path.startswith("/to/"):
                self.send_response(302)
                self.send_header("Location", self.path.removeprefix("/to/"))
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            with suppress(OSError):
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
                while not over.wait(0.05):
                    self.wfile.write(b"x")

    setattr(Handler, "do_" + "GET", Handler._get)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def url(path: str, *, wait: bool = False) -> str:
        if wait:
            until(lambda: path in begun, path, 30)
        return f"http://127.0.0.1:{server.server_address[1]}{path}"

    yield url
    over.set()
    server.shutdown()
    server.server_close()


@ONE_LAB
def test_hostile_archives(lab: Lab, tmp_path: Path, web: Callable[[str], str]) -> None:
    """Each is refused with its reason, which no terminal obeys; nothing outside is touched; the last task is run."""
    out, state = tmp_path / "out", tmp_path / "state"
    out.mkdir()
    (out / "mine").write_text("mine")
    os.mkfifo(tmp_path / "fifo")
    urls, reasons = [], []
    for number, (make, reason) in enumerate(HOSTILE.values()):
        path = tmp_path / f"{number}.tar"
        path.write_bytes(make(out))
        urls.append(path.as_uri())
        reasons.append(reason)
    (tmp_path / "good.tar").write_bytes(archives.tar(member("d/x"), member("d/x"), member("l", archives.SYM, "d/x")))
    good = (tmp_path / "good.tar").as_uri()
    others = {
        web("/to/" + good): "not allowed",
        web("/to/ftp://127.0.0.1/x"): "a redirect to what is neither",
        (tmp_path / "fifo").as_uri(): "no such file",
        "file:///dev/zero": "no such file",
        tmp_path.as_uri(): "no such file",
        "ftp://127.0.0.1/x": "only http, https and file",
        good + "#../../out": "leaves the directory",
        good + "#/etc": "no runtest.sh",
    }
    names = below(tmp_path)
    tasks = [{"name": str(place), "fetch": {"url": url}} for place, url in enumerate([*urls, *others, good])]
    job = lab.job(*tasks, system="archives")
    with harness(lab, "archives", state) as process:
        lab.settled(job["id"], 100)
        process.terminate()
        said = process.communicate(timeout=20)[0]
    recipe = job["recipe_sets"][0]["recipes"][0]["id"]
    ended = lab.call("GET", f"/recipes/{recipe}/", None, {"Accept": "application/json"}).json["tasks"]
    assert [task["status"] for task in ended] == ["Aborted"] * (len(tasks) - 1) + ["Completed"]
    results = lab.call("GET", f"/recipes/{recipe}/results?limit=1000").json["results"]
    messages = {one["task"]: one["message"] for one in results if one["result"] == "Warn"}
    for task, reason in zip(ended, [*reasons, *others.values()], strict=False):
        message = messages[task["id"]]
        assert reason in message, (task["name"], message)
        assert message.isprintable()
        assert len(message) < 1000
    assert {path for path in below(tmp_path) if not path.startswith("state")} == names
    assert ((out / "mine").read_text(), (out / "mine").stat().st_nlink) == ("mine", 1)
    assert not any(path.startswith("recipes/") for path in below(state))
    assert all(line.isprintable() for line in said.splitlines())


@ONE_LAB
def test_servers_that_drip(lab: Lab, tmp_path: Path, web: Callable[..., str]) -> None:
    """A server that never ends its answer does not keep the harness from its job's end and the next job."""
    lab.post("/systems/", {"name": "drips"})
    with harness(lab, "drips", tmp_path / "state") as process:
        job = lab.job({"name": "drips", "fetch": {"url": web("/head")}}, system="drips")
        web("/head", wait=True)
        assert lab.call("POST", f"/jobs/{job['id']}/cancel").status == 204
        after = lab.job({"name": "next", "command": ["true"]}, system="drips")
        assert lab.settled(after["id"])["verdict"] == "pass"
        assert process.poll() is None


@ONE_LAB
def test_what_a_task_leaves(lab: Lab, tmp_path: Path) -> None:
    """Directories too deep to walk, and names of any bytes, are cleared away with their task."""
    code = "import os\nfor _ in range(1500): os.mkdir('d'); os.chdir('d')\nopen(b'x\\xff\\x1b\\n', 'w')"
    lab.job({"name": "deep", "command": [sys.executable, "-c", code]}, system="deep")
    with harness(lab, "deep", tmp_path / "state"):
        after = lab.job({"name": "next", "command": ["true"]}, system="deep")
        assert lab.settled(after["id"])["verdict"] == "pass"
        until(lambda: not any((tmp_path / "state" / "recipes").glob("*")), "an empty directory", 20)


@ONE_LAB
def test_only_tar_is_unpacked(lab: Lab) -> None:
    """The server itself unpacks nothing: an archive that is uploaded is a log, however it is called."""
    job = lab.job({"name": "t", "command": ["true"]}, system="archive-logs")
    recipe = lab.claim("archive-logs")
    for name, (make, _) in {"x.zip": HOSTILE["a zip"], "x.tar": HOSTILE["a link out"]}.items():
        url = f"/recipes/{recipe['id']}/logs/{name}"
        assert lab.call("PUT", url, make(Path("/")), key=recipe["key"]).status == 201
        assert lab.call("GET", url).body == make(Path("/"))
    assert lab.call("POST", f"/jobs/{job['id']}/cancel").status == 204
    names = [log["path"] for log in lab.call("GET", f"/recipes/{recipe['id']}/log-index").json["logs"]]
    assert sorted(names) == ["logs/x.tar", "logs/x.zip"]
    assert json.dumps(names).isprintable()

"""The harness against the application itself, in embedded mode."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.harnesses.conftest import Begin
from tests.harnesses.peer import Peer
from wsgi_app.app import create_app
from wsgi_app.config import Config

Call = Callable[..., Any]


class Quiet(WSGIRequestHandler):
    """Serves without a word."""

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 (the name is given)
        """Say nothing."""


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[tuple[str, str, Path]]:
    """A running Tackroom: its URL, the admin's token, its log tree."""
    config = Config(data=tmp_path / "data", prefix="/lab/")
    application = create_app(config)
    application.gateway.access.issue_admin_token()
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/lab/", config.admin_token.read_text().strip(), config.logs
    server.shutdown()
    thread.join()
    server.server_close()
    application.gateway.close()


@pytest.fixture
def call(lab: tuple[str, str, Path]) -> Call:
    """Call the native API: a path, and a body to POST."""

    def ask(path: str, body: object = None) -> Any:
        headers = {"Authorization": f"Bearer {lab[1]}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(lab[0] + path, data, headers)) as answer:
            return json.loads(answer.read())

    return ask


@pytest.mark.timeout(300)  # each life of a harness costs many fsyncs, which a busy disk makes slow
def test_killed_again_and_again(lab: tuple[str, str, Path], call: Call, begin: Begin, tmp_path: Path) -> None:
    """Harnesses that are killed over and over bring a recipe of the real controller to its end, each result once."""
    url, _, logs = lab
    call("systems/", {"name": "box"})
    (tmp_path / "key").write_text(call("systems/box/key", {})["key"])
    script = "for i in 1 2 3 4 5; do seq $i 9999; tackroom-report Warn p$i --log $0; sleep 0.1; done; exit 3"
    tasks = [{"name": name, "script": script} for name in ("one", "two")]
    job = call("jobs/", {"name": "soak", "recipe_sets": [{"recipes": [{"system": "box", "tasks": tasks}]}]})
    recipe = job["recipe_sets"][0]["recipes"][0]
    deadline = time.monotonic() + 240
    pause = 0.5
    while call(f"recipes/{recipe['id']}/")["status"] != "Completed":
        assert time.monotonic() < deadline
        # the fixture wants no more of a peer than its URL
        harness = begin(cast(Peer, type("Lab", (), {"url": url})), "--token-file", str(tmp_path / "key"))
        until = time.monotonic() + pause
        while time.monotonic() < until and harness.process.poll() is None:
            time.sleep(0.01)
        harness.kill()
        pause = 0.5 + (pause * 7 % 1)
    found = call(f"recipes/{recipe['id']}/results")["results"]
    ids = [task["id"] for task in recipe["tasks"]]
    expected = [(number, path) for number in ids for path in ("p1", "p2", "p3", "p4", "p5", "exit_code")]
    assert [(result["task"], result["path"]) for result in found] == expected
    output = "".join(f"{number}\n" for start in range(1, 6) for number in range(start, 10000))
    for number in ids:
        assert (logs / f"{recipe['id']}/tasks/{number}/logs/taskout.log").read_text() == output
    for result in found:
        if result["path"] != "exit_code":
            log = logs / f"{recipe['id']}/tasks/{result['task']}/results/{result['id']}/logs/script"
            assert log.read_text() == script

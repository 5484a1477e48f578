"""One id leads from the answer through httpd and the application to the indexer; secrets are in none of their words."""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from acting import Acting
from lab import Lab, running_lab
from waiting import until

ID = re.compile(r"[A-Za-z0-9@_-]{20,64}")


@pytest.fixture(scope="module", params=["apache", "none"])
def traced(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A Tackroom of each kind."""
    with running_lab(request.param) as made:
        yield made


def said(lab: Lab, process: str) -> list[dict[str, Any]]:
    """Return the lines of one process; every line of all of them is JSON."""
    lines = [json.loads(line) for line in lab.said.read_text().splitlines() if line.strip()]
    return [line for line in lines if line["process"] == process]


def test_one_id_all_the_way(traced: Lab) -> None:
    """The answer to a log's first upload, httpd's line, the log's row and the indexer's line have one id."""
    acting = Acting(traced, "t", system="traced").claim()
    acting.status(0, "Running")
    path = f"tasks/{acting.tasks[0]}/logs/\u00e4 log"
    url = f"/recipes/{acting.recipe}/tasks/{acting.tasks[0]}/logs/%C3%A4%20log"
    answer = traced.call("PUT", url, b"one\n", None, acting.key)
    assert answer.status == 201
    made = answer.headers["X-Request-Id"]
    assert ID.fullmatch(made)
    again = traced.call("PUT", url, b"two\n", {"Content-Range": "bytes 4-7/*"}, acting.key)
    assert again.headers["X-Request-Id"] != made
    acting.status(0, "Completed")
    traced.settled(acting.job)
    access = (traced.data / "run" / "access.log").read_text()
    assert [line for line in access.splitlines() if f" id={made} " in line and " PUT 201 " in line]
    with closing(sqlite3.connect(traced.data / "tackroom.db")) as database:
        [row] = database.execute("SELECT request FROM logs WHERE path = ?", (path,)).fetchall()
    assert row == (made,)
    [line] = until(lambda: [line for line in said(traced, "indexer") if line.get("log") == path], "the indexer's line")
    assert (line["request"], line["recipe"], line["level"]) == (made, acting.recipe, "info")
    assert said(traced, "serve")[0]["message"].startswith("Tackroom listening on ")


@pytest.mark.parametrize("path", ["/livez", "/nowhere", "/recipes/999999/", "/recipes/1/logs/.hidden", "/jobs/x"])
def test_every_answer_has_an_id(traced: Lab, path: str) -> None:
    """Refusals, too; a client's own word for it counts for nothing."""
    answer = traced.call("GET", path, None, {"X-Request-Id": "mine-mine-mine-mine-mine"})
    found = answer.headers["X-Request-Id"]
    assert ID.fullmatch(found) and found != "mine-mine-mine-mine-mine"
    access = (traced.data / "run" / "access.log").read_text
    until(lambda: f" id={found} " in access(), "its line")
    assert "mine-mine" not in access()


def test_no_secret_is_logged(traced: Lab) -> None:
    """Neither keys and tokens, nor the query of a URL, in which somebody may have put one."""
    acting = Acting(traced, "t", system="secretive").claim()
    traced.call("GET", f"/jobs/{acting.job}?token=hunter2")
    traced.call("GET", f"/recipes/{acting.recipe}/?key={acting.key}", None, None, acting.key)
    traced.call("PUT", f"/recipes/{acting.recipe}/logs/x?key={acting.key}", b"x", None, acting.key)
    last = traced.call("GET", "/livez?last=hunter2").headers["X-Request-Id"]
    run = traced.data / "run"
    until(lambda: last in (run / "access.log").read_text(), "the last line")
    words = traced.said.read_text() + "".join(file.read_text() for file in run.glob("*.log"))
    for secret in (acting.key, traced.token, "hunter2"):
        assert secret not in words

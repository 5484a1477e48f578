"""Every method, those of WebDAV and those that are none included, on every kind of URL."""

import re
from pathlib import Path
from typing import Any

import pytest
from cast import Cast, Running
from lab import Lab
from raw import ask

METHODS = Path(__file__).with_name("methods.txt").read_text(encoding="ascii").split()

PATHS = (
    "{url}logs/private.log",
    "{url}logs/missing.log",
    "{url}logs/",
    "{url}logs",
    "{url}",
    "{url}tasks/{task}/logs/taskout.log",
    "{url}log-index",
    "/recipes/",
    "/jobs/",
    "/jobs/{job}",
    "/systems/{system}",
    "/tokens/",
    "/",
    "/nowhere",
)
#: what MOVE, COPY, LOCK and PROPFIND would need
DAV = {
    "Destination": "/recipes/{recipe}/logs/moved.log",
    "Overwrite": "T",
    "Depth": "infinity",
    "Timeout": "Infinite, Second-4100000000",
    "X-HTTP-Method-Override": "PUT",
    "X-HTTP-Method": "PUT",
    "X-Method-Override": "PUT",
}


@pytest.fixture(scope="module")
def mine(cast: Cast) -> Running:
    """A recipe with logs."""
    return cast.running()


@pytest.mark.parametrize("who", ["nobody", "harness", "admin"])
def test_other_methods_do_nothing(lab: Lab, cast: Cast, mine: Running, who: str) -> None:
    """Whoever asks: no such method is known, no property told, no lock taken, nothing made, moved or removed."""
    credentials: dict[str, str] = {"harness": mine.bearer, "admin": cast.admin}.get(who, {})
    headers = {name: value.format(recipe=mine.recipe) for name, value in DAV.items()} | credentials
    before = state(lab, mine)
    for path in PATHS:
        target = path.format(url=mine.url, task=mine.task, job=mine.job, system=mine.system)
        for method in METHODS:
            if (method, path, who) == ("DELETE", "/systems/{system}", "admin"):
                # it may, but not while the system holds a recipe
                assert ask(lab, method, target, headers).status == 409
                continue
            answer = ask(lab, method, target, headers, None if method == "CONNECT" else b"<x/>")
            assert answer.status in (400, 401, 403, 404, 405, 415, 501), (method, target, answer.status)
            named = ", ".join(
                value for name, value in answer.pairs if name.lower() in ("allow", "dav", "ms-author-via")
            )
            assert not set(re.findall(r"[A-Z]+", named)) & {"PROPFIND", "LOCK", "MOVE", "COPY", "TRACE"}, (
                method,
                named,
            )
    assert state(lab, mine) == before


def test_a_trace_tells_no_header(lab: Lab) -> None:
    """TRACE would show a script what the browser added, credentials included."""
    for target in ("/", "*", "http://elsewhere/", "/recipes/1/logs/a"):
        answer = ask(lab, "TRACE", target, {"Authorization": "Bearer very-secret", "Max-Forwards": "0"})
        assert answer.status in (400, 403, 404, 405), target
        assert b"very-secret" not in answer.body


def test_locks_and_conditions_are_no_way_in(lab: Lab, mine: Running) -> None:
    """WebDAV's own headers do not let a stranger write, nor keep the harness from it."""
    token = "<opaquelocktoken:deadbeef-0000-0000-0000-000000000000>"
    for headers in ({"If": f"({token})"}, {"If": f"(Not {token})"}, {"Lock-Token": token}, {"If-Match": "*"}):
        assert ask(lab, "PUT", mine.url + "logs/private.log", headers, b"x").status == 401
    assert ask(lab, "PUT", mine.url + "logs/private.log", mine.bearer, b"mine").status == 204


def state(lab: Lab, mine: Running) -> Any:
    """Return what a method could have changed."""
    logs = lab.data / "logs" / "recipes" / str(mine.recipe)
    return (
        {str(path): path.is_file() and path.read_bytes() for path in logs.rglob("*")},
        lab.call("GET", f"/recipes/{mine.recipe}/results").json,
        lab.call("GET", f"/systems/{mine.system}").json["reason"],
        {path.name: path.stat().st_size for path in (lab.data / "run").glob("davlock*") if path.suffix != ".pid"},
    )

"""restraint's own bytes against a real Tackroom: harness-beaker.md section 3.1, at the root of the URL space."""

import re
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.restraint.bench import Site
from tests.restraint.outcome import require_outcome
from tests.restraint.transcript import replay
from wsgi_app.config import Config
from wsgi_app.core.gateway import open_gateway
from wsgi_app.protocols import harness, native, ops
from wsgi_app.protocols.web import Face

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@pytest.mark.parametrize("visibility", ["private", "public"])
def test_userinfo(site: Site, visibility: str) -> None:
    """With the key in the base URL: a 401 first wherever the key is needed, then all as it was seen."""
    given = site.submit(visibility=visibility)
    require_outcome(replay(given, "/", key=True, private=visibility == "private"))


def test_base_without_slash(site: Site) -> None:
    """The base URL may end without a slash: then there is one slash before `recipes`."""
    given = site.submit()
    require_outcome(replay(given, "", key=True))


@pytest.mark.parametrize("visibility", ["private", "public"])
def test_address(site: Site, visibility: str) -> None:
    """A system that is known by its address needs no key at all."""
    given = site.submit(address="127.0.0.1", visibility=visibility)
    require_outcome(replay(given, "/", key=False))


def targets(root: Path, names: dict[str, str]) -> list[str]:
    """Return every URL that we answer, each with its slash at the end and without, and with slashes too many."""
    config = Config(data=root)
    gateway = open_gateway(config)
    faces = [protocol.make_app(gateway, config) for protocol in (harness, native, ops)]
    gateway.close()
    rules = {route.rule for face in faces if isinstance(face, Face) for route in face.routes}
    paths = {re.sub(r"<(?:\w+:)?(\w+)>", lambda found: names[found[1]], rule) for rule in rules}
    paths = {path.rstrip("/") for path in paths}
    forms = {
        form
        for path in paths
        for form in (path, f"{path}/", f"/{path}", path.replace("/", "//"))
        if form not in ("", "//")
    }
    # what ends the recipe comes last
    return sorted(forms, key=lambda form: ("install_fail" in form, form))


def test_never_a_redirect(site: Site, tmp_path: Path) -> None:
    """No URL, with whatever slashes, answers any method with 3xx: restraint would send a POST again for ever."""
    given = site.submit()
    result = site.call("POST", f"/recipes/{given.id}/tasks/{given.tasks[0]}/results/", b"result=Pass", FORM, given.key)
    names = {
        "recipe": str(given.id),
        "task": str(given.tasks[0]),
        "result": result.headers["Location"],
        "name": "taskout.log",
        "job": str(given.job),
        "state": "READY",
        "token": "99",
        "fqdn": "host.example",
        "secret": "x",
        "delivery": "1",
        "user": "bob",
    }
    seen: dict[int, int] = {}
    connection = HTTPConnection("127.0.0.1", site.lab.port, timeout=60)
    for target in targets(tmp_path, names):
        for method in METHODS:
            body = b"x=1" if method in ("POST", "PUT", "PATCH") else None
            headers = {**FORM, "Authorization": f"Bearer {given.key}"}
            connection.request(method, f"{target}?timeout=0&wait=0", body, headers)
            response = connection.getresponse()
            response.read()
            assert not 300 <= response.status < 400, (method, target, response.status)
            assert response.status < 500, (method, target, response.status)
            seen[response.status] = seen.get(response.status, 0) + 1
    connection.close()
    # it has been among real URLs
    assert {200, 201, 204, 404, 405} <= set(seen)

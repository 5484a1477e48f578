"""GET and listing of logs, and who may read: harness-beaker.md 1.3, design.md section 2, checklist 60, 66-68."""

from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve
from lxml import etree, html
from webtest import TestApp

from wsgi_app.config import Config

ATOM = "application/atom+xml"


@pytest.mark.parametrize("path", ["logs/none", "tasks/{task}/logs/none", "tasks/{task}/logs/taskout.log", "logs/d"])
def test_60_missing(harness: Any, path: str) -> None:
    """A log that nobody wrote is 404, also one that was made in advance, and a directory."""
    harness.call("PUT", "logs/d/a", b"x", 201)
    harness.call("GET", path.format(task=harness.tasks[0]), status=404)


def test_made_in_advance(harness: Any) -> None:
    """A log that was made in advance exists: its first chunk is 204, and then it is there."""
    path = f"tasks/{harness.tasks[0]}/logs/taskout.log"
    harness.call("PUT", path, b"text\n", 204, {"Content-Range": "bytes 0-4/*"})
    assert harness.call("GET", path, status=200).body == b"text\n"


@pytest.mark.parametrize(
    ("name", "kind", "attached"),
    [
        ("a.log", "text/plain; charset=utf-8", False),
        ("page.html", "text/plain; charset=utf-8", False),
        ("x.svg", "text/plain; charset=utf-8", False),
        ("a.tar.gz", "application/octet-stream", True),
        ("vmcore", "application/octet-stream", True),
        ("d/core", "application/octet-stream", True),
    ],
)
def test_safe(harness: Any, name: str, kind: str, attached: bool) -> None:
    """No browser runs an uploaded log: plain text or an attachment, no sniffing, sandboxed."""
    harness.call("PUT", f"logs/{name}", b"<script>", 201)
    answer = harness.call("GET", f"logs/{name}", status=200)
    assert answer.headers["Content-Type"] == kind
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers.get("Content-Disposition", "").startswith("attachment") is attached


@pytest.mark.parametrize(
    ("text", "status", "body"),
    [
        ("bytes=2-3", 206, b"cd"),
        ("bytes=-2", 206, b"ij"),
        ("bytes=8-99", 206, b"ij"),
        ("bytes=99-", 416, None),
        ("lines=1-2", 200, b"abcdefghij"),
    ],
)
def test_range(harness: Any, text: str, status: int, body: bytes | None) -> None:
    """Ranges are answered (RFC 9110 section 14)."""
    harness.call("PUT", "logs/a", b"abcdefghij", 201)
    answer = harness.call("GET", "logs/a", status=status, headers={"Range": text})
    assert body is None or answer.body == body


def test_validators(harness: Any) -> None:
    """An unchanged log is 304 by ETag or date; a changed one has another ETag; HEAD has the length."""
    harness.call("PUT", "logs/a", b"abc", 201)
    first = harness.call("GET", "logs/a")
    harness.call("GET", "logs/a", status=304, headers={"If-None-Match": first.headers["ETag"]})
    harness.call("GET", "logs/a", status=304, headers={"If-Modified-Since": first.headers["Last-Modified"]})
    harness.call("PUT", "logs/a", b"abcd", 204)
    head = harness.call("HEAD", "logs/a", status=200)
    assert head.headers["ETag"] != first.headers["ETag"]
    assert head.headers["Content-Length"] == "4"


def fill(harness: Any) -> dict[str, list[str]]:
    """Write logs at three levels and return level to names in order."""
    task = harness.tasks[0]
    result = harness.result(task)
    levels = {
        "logs/": ["a.log", "b: c?#%.txt", "some-dir/x&y.log"],
        f"tasks/{task}/logs/": ["<i>.log", "taskout.log"],
        f"tasks/{task}/results/{result}/logs/": ["\u00fc.log"],
    }
    for level, names in levels.items():
        for name in names:
            quoted = name.replace("%", "%25").replace("?", "%3F").replace("#", "%23").replace("\u00fc", "%C3%BC")
            made = 204 if name == "taskout.log" else 201
            harness.call("PUT", level + quoted, (level + name).encode(), made)
    return levels


@pytest.mark.parametrize("accept", [None, "text/html", "text/html;q=0.5, text/plain", "*/*"])
def test_66_68_html(harness: Any, accept: str | None) -> None:
    """A listing is HTML with references relative to itself, of its own level's logs only."""
    for level, names in fill(harness).items():
        answer = harness.call("GET", level, status=200, headers={} if accept is None else {"Accept": accept})
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        links = list(html.fromstring(answer.body.decode()).iterfind(".//li/a"))
        assert [link.text for link in links] == names
        for link in links:
            found = harness.call("GET", level + str(link.get("href")), status=200)
            assert found.body.decode() == level + str(link.text)


def test_67_atom(harness: Any) -> None:
    """A listing is Atom for those who ask for it, with the same references."""
    space = "{http://www.w3.org/2005/Atom}"
    for level, names in fill(harness).items():
        answer = harness.call("GET", level, status=200, headers={"Accept": ATOM})
        assert answer.headers["Content-Type"] == ATOM
        feed = etree.fromstring(answer.body)
        assert feed.tag == space + "feed"
        assert [entry.findtext(space + "title") for entry in feed] == names
        for entry in feed:
            link = entry.find(space + "link")
            assert link is not None
            assert link.get("rel") == "alternate"
            harness.call("GET", level + str(link.get("href")), status=200)


def test_listing_refused(harness: Any) -> None:
    """Neither HTML nor Atom is 406, an unknown owner 404; a level without logs is an empty list."""
    task = harness.tasks[0]
    harness.call("GET", "logs/", status=406, headers={"Accept": "image/png"})
    harness.call("GET", "tasks/999/logs/", status=404)
    harness.call("GET", f"tasks/{task}/results/{task}/logs/", status=404)
    harness.web.get("/recipes/999/logs/", status=404)
    assert b"<li>" not in harness.call("GET", f"tasks/{task}/logs/", status=200).body


@pytest.mark.parametrize("path", ["logs/", "logs/a", "tasks/{task}/logs/b", "", "results", "log-index", "watchdog"])
def test_private(make_harness: Callable[..., Any], admin: dict[str, str], path: str) -> None:
    """A private job's recipe is for holders of its keys and admins: 401 without credentials, 403 with others."""
    own, other = make_harness(number=1, visibility="private"), make_harness(number=2)
    own.call("PUT", "logs/a", b"x", 201)
    own.call("PUT", f"tasks/{own.tasks[0]}/logs/b", b"x", 201)
    url = f"/recipes/{own.recipe}/{path.format(task=own.tasks[0])}"
    web: TestApp = own.web
    assert web.get(url, status=401).headers["WWW-Authenticate"] == 'Basic realm="tackroom"'
    for headers in (other.bearer, other.basic, {"Authorization": "Bearer nonsense"}, {"Authorization": "x"}):
        web.get(url, headers=headers, status=403)
    for headers in (own.bearer, own.basic, admin):
        web.get(url, headers=headers, status=200)


def test_public(harness: Any) -> None:
    """A public job's logs are for everyone, whatever credentials they send."""
    harness.call("PUT", "logs/a", b"x", 201)
    url = f"/recipes/{harness.recipe}/logs/a"
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": ""}):
        harness.web.get(url, headers=headers, status=200)


@pytest.mark.parametrize(
    ("address", "caller", "front", "status"),
    [
        ("192.0.2.7", {"REMOTE_ADDR": "192.0.2.7"}, "none", 201),
        ("192.0.2.7", {"REMOTE_ADDR": "::ffff:192.0.2.7"}, "none", 201),
        ("2001:db8::7", {"REMOTE_ADDR": "2001:DB8:0::7"}, "none", 201),
        ("192.0.2.7", {"REMOTE_ADDR": "192.0.2.8"}, "none", 401),
        ("192.0.2.7", {"REMOTE_ADDR": "192.0.2.8", "HTTP_X_TACKROOM_CLIENT": "192.0.2.7"}, "none", 401),
        ("192.0.2.7", {"REMOTE_ADDR": "", "HTTP_X_TACKROOM_CLIENT": "192.0.2.7"}, "apache", 201),
        ("192.0.2.7", {"REMOTE_ADDR": "192.0.2.7", "HTTP_X_TACKROOM_CLIENT": "192.0.2.8"}, "apache", 401),
        ("192.0.2.7", {"REMOTE_ADDR": "192.0.2.7"}, "apache", 401),
    ],
)
def test_address(
    config: Config, address: str, caller: dict[str, str], front: str, status: int, make_web: Callable[[Config], Any]
) -> None:
    """A system's address may write without a key; httpd's header says it behind httpd, and nothing elsewhere."""
    web, admin = make_web(evolve(config, front=front))
    web.post_json("/systems/", {"name": "s", "address": address}, headers=admin, status=201)
    body = {"recipe_sets": [{"recipes": [{"system": "s", "tasks": [{"name": "t"}]}]}]}
    recipe = web.post_json("/jobs/", body, headers=admin, status=201).json["recipe_sets"][0]["recipes"][0]
    web.post("/systems/s/claim", headers=admin, status=200)
    for method, path, data in (
        ("PUT", "logs/a", b"x"),
        ("POST", f"tasks/{recipe['tasks'][0]['id']}/results/", b"result=Pass"),
    ):
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        url = f"/recipes/{recipe['id']}/{path}"
        web.request(url, method=method, body=data, headers=kind, environ=caller, status=status)

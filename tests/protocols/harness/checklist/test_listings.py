"""The checklist, listings: items 66 to 68 of harness-beaker.md section 4."""

import pytest
from lxml import etree, html

from tests.protocols.harness.checklist.doors import Recipe

ATOM = "application/atom+xml"
SPACE = "{http://www.w3.org/2005/Atom}"


def fill(recipe: Recipe) -> dict[str, list[str]]:
    """Write logs at three levels, some in a directory; return level to names in this order."""
    task = recipe.tasks[0]
    result = recipe.result(task)
    written = {
        "logs/": ["some-dir/some-file.txt", "console.log"],
        f"tasks/{task}/logs/": ["test.log", "debug/x.log"],
        f"tasks/{task}/results/{result}/logs/": ["b & c.log", "a.log"],
    }
    for level, names in written.items():
        for name in names:
            quoted = name.replace(" ", "%20")
            assert recipe.call("PUT", level + quoted, name.encode()).status in (201, 204)
    return written


@pytest.mark.parametrize("accept", [None, "text/html", "text/html,application/xhtml+xml,*/*;q=0.8"])
def test_66_html(recipe: Recipe, accept: str | None) -> None:
    """`ul li a` with references relative to the listing, files in directories too; the order is the logs' own."""
    for level, names in fill(recipe).items():
        answer = recipe.call("GET", level, status=200, headers={} if accept is None else {"Accept": accept})
        assert answer.headers["Content-Type"].partition(";")[0] == "text/html"
        links = list(html.fromstring(answer.body.decode()).iterfind(".//ul/li/a"))
        assert [link.text for link in links] == names
        hrefs = [level + str(link.get("href")) for link in links]
        assert [recipe.call("GET", href, status=200).body.decode() for href in hrefs] == names


def test_67_atom(recipe: Recipe) -> None:
    """A feed with one entry for each log, with the same references."""
    for level, names in fill(recipe).items():
        answer = recipe.call("GET", level, status=200, headers={"Accept": ATOM})
        assert answer.headers["Content-Type"] == ATOM
        feed = etree.fromstring(answer.body)
        assert feed.tag == f"{SPACE}feed"
        entries = feed.findall(f"{SPACE}entry")
        assert [entry.findtext(f"{SPACE}title") for entry in entries] == names
        for entry, name in zip(entries, names, strict=True):
            link = entry.find(f"{SPACE}link")
            assert link is not None
            assert link.get("rel") == "alternate"
            assert recipe.call("GET", level + str(link.get("href")), status=200).body.decode() == name


def test_66_neither(recipe: Recipe) -> None:
    """Who wants neither gets 406; an unknown owner is 404."""
    recipe.call("GET", "logs/", status=406, headers={"Accept": "image/png"})
    recipe.call("GET", "tasks/999999/logs/", status=404)


def test_68_own_level_only(recipe: Recipe) -> None:
    """A recipe's listing has no task logs, a task's has no result logs."""
    levels = fill(recipe)
    every = [name for names in levels.values() for name in names]
    for level, names in levels.items():
        for accept in ("text/html", ATOM):
            body = recipe.call("GET", level, status=200, headers={"Accept": accept}).body.decode().replace("&amp;", "&")
            assert [name for name in every if f">{name}<" in body] == names

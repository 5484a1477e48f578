"""Paths that try to leave the place where a recipe's logs lie, or to be two names at once."""

import unicodedata
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

import pytest
from cast import Cast, Running
from lab import Lab
from raw import ask

#: below the data directory
OUTSIDE = ("gate/{recipe}/open", "admin.token", "tackroom.db", "run/access.log")
HERE = Path(__file__).parent
#: one step up, in every coding that some server or library once took for one
UP = (HERE / "steps.txt").read_text(encoding="ascii").split()
#: names that look like others, or like nothing, percent-encoded; and long ones
NAMES = [
    *(HERE / "names.txt").read_text(encoding="ascii").split(),
    *("n" * 255, "n" * 256, "%E2%82%AC" * 85, "%E2%82%AC" * 86, "n" * 3000, "../" * 200),
    *(
        "/".join([part] * count)
        for part, count in (("d" * 199, 5), ("d" * 200, 5), ("d", 500), ("d", 501), ("x", 1400))
    ),
]


def below(root: Path, without: Path) -> dict[str, bytes]:
    """Return the files below a directory, with their contents; not those below another, and not httpd's own."""
    skipped = {without, root / "run"}
    return {
        str(path): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not skipped & set(path.parents) and "tackroom.db" not in path.name
    }


@pytest.fixture(scope="module")
def mine(cast: Cast) -> Running:
    """A recipe whose harness tries to get out."""
    return cast.running()


@pytest.fixture(scope="module")
def private(cast: Cast) -> Running:
    """A recipe that strangers may not read."""
    return cast.running(visibility="private")


def test_nothing_leaves_the_recipe(lab: Lab, cast: Cast, mine: Running) -> None:
    """Whatever a step up is coded as, with a key in hand: nothing outside is read, nothing outside is written."""
    other = cast.running(visibility="private")
    logs = lab.data / "logs" / "recipes" / str(mine.recipe)
    before = below(lab.data, logs)
    secret = [lab.token.encode(), b"root:", b"SQLite format", b"secret words"]
    # so many steps up from the logs on the disk, and one that is too many
    goals = [("etc/passwd", 8), (f"{other.recipe}/logs/private.log", 2), *((goal, 4) for goal in OUTSIDE)]
    for step in UP:
        for goal, depth in goals:
            target = mine.url + "logs/" + step * depth + goal.format(recipe=mine.recipe)
            answer = ask(lab, "GET", target, mine.bearer)
            # dots that are resolved may lead to a page of ours
            assert answer.status in (200, 400, 403, 404, 405, 414), target
            assert not any(word in answer.body for word in secret), target
            assert ask(lab, "PUT", target, mine.bearer, b"x").status in (201, 204, 400, 403, 404, 405, 409, 414), target
    assert below(lab.data, logs) == before


def test_a_name_is_refused_or_is_itself(lab: Lab, cast: Cast) -> None:
    """A name that is taken is read and lies on the disk as it was sent; all others are refused, on both planes."""
    mine = cast.running()
    logs = lab.data / "logs" / "recipes" / str(mine.recipe) / "logs"
    before = below(lab.data, logs)
    taken = []
    for number, name in enumerate(NAMES):
        target = f"{mine.url}logs/n{number}/{name}"
        body = b"%d" % number
        answer = ask(lab, "PUT", target, mine.bearer, body)
        assert answer.status in (201, 400, 403, 404, 405, 409, 414), (name, answer.status)
        chunk = ask(lab, "PUT", target, {**mine.bearer, "Content-Range": "bytes 0-0/*"}, body[:1])
        if answer.status == 201:
            taken.append((number, name))
            assert chunk.status == 204, name
            assert ask(lab, "GET", target).body == body, name
        else:
            assert chunk.status == answer.status, name
            assert ask(lab, "GET", target).body != body, name
    found = {
        path.relative_to(logs).as_posix().encode("utf-8", "surrogateescape")
        for path in logs.rglob("*")
        if path.is_file()
    }
    # httpd resolves dots and merges slashes before anything sees a name
    plain = [(number, name) for number, name in taken if not {"", ".", ".."} & set(name.split("/"))]
    assert {b"n%d/%s" % (number, unquote_to_bytes(name)) for number, name in plain} | {b"private.log"} <= found
    assert len(found) == len(taken) + 1
    assert not any(part.startswith(b".") or b"\\" in part for name in found for part in name.split(b"/"))
    assert below(lab.data, logs) == before


def test_names_that_look_alike_are_two(lab: Lab, cast: Cast) -> None:
    """No normal form, no case folding, no width folding: what differs in a byte is another log."""
    mine = cast.running()
    text = "\u00c5ngstr\u00f6m.log"
    names = [unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text), text.lower(), text.upper()]
    names += ["a.log", "A.log", "\uff41.log", "\u0430.log", "a.log ", "a\u200b.log", "a.log."]
    for name in names:
        assert ask(lab, "PUT", mine.url + "logs/" + quote(name), mine.bearer, name.encode()).status == 201, name
    for name in names:
        assert ask(lab, "GET", mine.url + "logs/" + quote(name)).body == name.encode()


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1{url}logs/private.log",
        "http://elsewhere.example{url}logs/private.log",
        "HTTP://Elsewhere:99{url}logs/private.log",
        "https://elsewhere{url}logs/private.log",
        "//elsewhere{url}logs/private.log",
        "{url}logs/private.log#fragment",
        "{url}logs/private.log;a=b",
        "{url}logs;a=b/private.log",
        "{url};x/logs/private.log",
        "{upper}logs/private.log",
        "{url}Logs/private.log",
        "{url}logs/private.log/",
        "{url}logs/private.log/.",
        "{url}logs/private.log/..",
        "{url}logs/private.log%20",
        "{url}logs/private.log%2e",
        "{url}logs/private.log%00",
        "{url}logs/private.log%3f",
        "{url}logs/%70rivate.log",
        "{url}logs/%2570rivate.log",
        "{fullwidth}logs/private.log",
        "/recipes/0{recipe}/logs/private.log",
        "/recipes/%3{recipe}/logs/private.log",
        "/recipes/+{recipe}/logs/private.log",
        "/recipes/{recipe}.0/logs/private.log",
        "/recipes/0x1/logs/private.log",
        "/recipes/{recipe}%20/logs/private.log",
        "/recipes/{recipe}/tasks/../logs/private.log",
        "recipes/{recipe}/logs/private.log",
        "*",
        "gopher://x{url}logs/private.log",
    ],
)
def test_no_other_spelling_gets_past_the_gate(lab: Lab, private: Running, target: str) -> None:
    """A stranger gets a private log by no spelling of its URL, and writes it by none."""
    mine = private
    fullwidth = "/recipes/" + quote("".join(chr(ord(digit) + 0xFEE0) for digit in str(mine.recipe))) + "/"
    url = target.format(url=mine.url, upper=mine.url.upper(), recipe=mine.recipe, fullwidth=fullwidth)
    for method in ("GET", "HEAD", "PUT", "POST"):
        answer = ask(lab, method, url, {}, b"x" if method in ("PUT", "POST") else None)
        assert answer.status in (400, 401, 403, 404, 405, 415), (method, answer.status)
        assert b"secret words" not in answer.body
    assert ask(lab, "GET", mine.url + "logs/private.log", mine.bearer).body == b"secret words\n"

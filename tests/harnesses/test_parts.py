"""Parts of the harness that are looked at alone: progress lines, addresses, state, documents."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from wsgi_app.harnesses.address import address
from wsgi_app.harnesses.document import BadDocument, parse, parse_claim
from wsgi_app.harnesses.local.controller import Controller
from wsgi_app.harnesses.local.progress import Progress
from wsgi_app.harnesses.local.state import ENDED, Locked, Process, Run, Store


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def test_progress_without_a_terminal() -> None:
    """Without a terminal there is one plain line for every ten per cent that were reached."""
    stream = io.StringIO()
    progress = Progress("a.log", 1000, stream)
    for done in range(0, 1001, 5):
        progress.update(done)
    progress.close()
    lines = stream.getvalue().splitlines()
    assert len(lines) == 10
    assert all(line.startswith("a.log [") and "MiB/s" in line and "ETA" in line for line in lines)
    assert "100 %" in lines[-1]


def test_progress_on_a_terminal() -> None:
    """On a terminal one line is drawn over and ended once."""
    stream = Terminal()
    progress = Progress("a.log", 8 * 1024 * 1024, stream)
    progress.update(0)
    progress.update(8 * 1024 * 1024)
    progress.close()
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert text.endswith("\x1b[K\n")
    assert "[####################] 100 % 8.0/8.0 MiB" in text


def test_progress_of_a_resumed_upload() -> None:
    """What was there before does not count as shown."""
    stream = io.StringIO()
    progress = Progress("a.log", 100, stream)
    progress.update(55)
    progress.update(60)
    assert len(stream.getvalue().splitlines()) == 1


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://lab/", "http://lab:80"),
        ("http://lab:81/a/b//", "http://lab:81/a/b"),
        ("https://[::1]/x", "https://[::1]:443/x"),
        ("lab:8000", "http://lab:8000"),
        ("http://7:secret@lab:81", "http://lab:81"),
    ],
)
def test_addresses(given: str, url: str) -> None:
    """A base URL has one form, however it was written."""
    assert address(given).url == url
    assert address(given).password == ("secret" if "secret" in given else "")


@pytest.mark.parametrize("given", ["ftp://lab/", "http://", "http://lab:port/"])
def test_bad_addresses(given: str) -> None:
    """What is no http or https URL is a ValueError."""
    with pytest.raises(ValueError, match=r".+"):
        address(given)


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("17", "/recipes/1/tasks/2/results/17"),
        ("17/", "/recipes/1/tasks/2/results/17"),
        ("/lab/recipes/1/tasks/2/results/17", "/recipes/1/tasks/2/results/17"),
        ("/recipes/1/tasks/2/results/17", "/recipes/1/tasks/2/results/17"),
        ("http://other:99/lab/recipes/1/tasks/2/results/17", "/recipes/1/tasks/2/results/17"),
    ],
)
def test_locations(location: str, path: str) -> None:
    """Any form of Location becomes a path below the base URL; keys never go to another host."""
    controller = Controller(address("http://lab/lab/"), "key", lambda words: None)
    assert controller.below("/recipes/1/tasks/2/results/", location) == path


def test_state_comes_back(tmp_path: Path) -> None:
    """What was saved is there for the next harness, and only one has it at a time."""
    store = Store(tmp_path / "state")
    store.state.recipe, store.state.key = 7, "key"
    store.state.run = Run(11, ENDED, process=Process(1, 2, "boot"), exit=0)
    store.save()
    with pytest.raises(Locked):
        Store(tmp_path / "state")
    saved = store.state
    store.close()
    again = Store(tmp_path / "state")
    assert again.state == saved
    again.close()
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "state" / "state.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"id": 1}', b'{"id": "x", "tasks": []}', b'{"id": 1, "tasks": [3]}']
)
def test_bad_documents(body: bytes) -> None:
    """What is not a recipe is said to be none."""
    with pytest.raises(BadDocument):
        parse(body)


def test_claim_without_a_key() -> None:
    """A claim that is answered without a key is of no use."""
    with pytest.raises(BadDocument, match="key"):
        parse_claim(json.dumps({"id": 1, "tasks": []}).encode())

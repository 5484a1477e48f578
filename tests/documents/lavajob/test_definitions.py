"""Test definitions: what is read of them, and what is refused."""

from typing import Any

import pytest

from wsgi_app.documents.lavajob.definition import Install, read_definition
from wsgi_app.errors import BadLavaJob

WHOLE = {
    "metadata": {"format": "Lava-Test Test Definition 1.0", "name": "x", "os": ["debian"]},
    "params": {"A": 1, "B": None},
    "parameters": {"B": "two"},
    "install": {"deps": ["curl"], "deps-debian": ["dash"], "steps": ["true", None], "what": 1},
    "run": {"steps": ["echo", None, "id"], "more": 1},
    "expected": ["one", "two.three"],
    "unknown": 1,
}


def test_a_whole_definition() -> None:
    """All that has a meaning is there; the rest is told."""
    found = read_definition(WHOLE, ("here",))
    assert (found.steps, found.params, found.expected) == (
        ("echo", "id"),
        {"A": "1", "B": "two"},
        ("one", "two.three"),
    )
    assert found.install == Install(("curl",), {"debian": ("dash",)}, ("true",))
    assert found.metadata["os"] == ["debian"]
    assert found.warnings == ("install.what has no effect", "run.more has no effect", "unknown has no effect")


@pytest.mark.parametrize(
    ("wrong", "place", "words"),
    [
        ([], (), "expected a mapping"),
        ({}, ("run",), "it is missing"),
        ({"run": []}, ("run",), "expected a mapping"),
        ({"run": {"steps": "echo"}}, ("run", "steps"), "expected a list"),
        ({"run": {"steps": ["a", True]}}, ("run", "steps", 1), "put it between quotes"),
        ({"run": {}, "params": {"a b": 1}}, ("params", "a b"), "no name of a shell variable"),
        ({"run": {}, "params": {"a": [1]}}, ("params", "a"), "a list"),
        ({"run": {}, "parse": {"pattern": "x"}}, ("parse",), "lava-test-case"),
        ({"run": {}, "expected": ["a b"]}, ("expected", 0), "no name of a test case"),
        ({"run": {}, "metadata": {"format": "2.0"}}, ("metadata", "format"), "Definition 1.0"),
        ({"run": {}, "install": {"git-repos": ["x"]}}, ("install", "git-repos"), "let a step do it"),
        ({"run": {}, "install": {"keys": ["x"]}}, ("install", "keys"), "no keys are added"),
        ({"run": {}, "install": {"deps": [1]}}, ("install", "deps", 0), "a text"),
    ],
)
def test_what_is_refused(wrong: Any, place: tuple[str | int, ...], words: str) -> None:
    """The place and the reason are told."""
    with pytest.raises(BadLavaJob, match=words) as caught:
        read_definition(wrong, ("at",))
    assert caught.value.path == ("at", *place)

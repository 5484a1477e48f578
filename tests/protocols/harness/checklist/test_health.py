"""The checklist, health: items 77 and 78 of harness-beaker.md section 4."""

import pytest

from tests.protocols.harness.checklist.doors import Door


@pytest.mark.parametrize("path", ["/healthz/", "/healthz"])
def test_77_get(door: Door, path: str) -> None:
    """It says so, in Beaker's words."""
    answer = door.call("GET", path, None, {})
    assert (answer.status, answer.body.strip()) == (200, b"We are healthy!")


@pytest.mark.parametrize("path", ["/healthz/", "/healthz"])
def test_78_head(door: Door, path: str) -> None:
    """HEAD is as good and empty."""
    answer = door.call("HEAD", path, None, {})
    assert (answer.status, answer.body) == (200, b"")

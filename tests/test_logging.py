"""Log lines: whatever is said, one line each, that a program can read."""

import io
import json
import logging
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from wsgi_app import logging as ours

LOG = logging.getLogger("tackroom.test")


@pytest.fixture(autouse=True)
def nobody() -> Iterator[None]:
    """This thread answers no request, whatever it did before."""
    before = ours.request.set(None)
    yield
    ours.request.reset(before)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What a process that is called `web` says, to no terminal."""
    output = io.StringIO()
    monkeypatch.setattr(sys, "stderr", output)
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    ours.set_up("web")
    yield output
    root.handlers[:] = before
    root.setLevel(level)


def lines(output: io.StringIO) -> list[dict[str, Any]]:
    """Read all lines."""
    return [json.loads(line) for line in output.getvalue().splitlines()]


def test_a_line(said: io.StringIO) -> None:
    """Time, level, process and message, and what the line is about."""
    LOG.warning("%s of %d", "one", 2, extra={"recipe": 5, "log": "logs/x", "request": "abc"})
    [line] = lines(said)
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "warning",
        "process": "web",
        "message": "one of 2",
        "recipe": 5,
        "log": "logs/x",
        "request": "abc",
    }


def test_whatever_is_said_is_one_line(said: io.StringIO) -> None:
    """Line ends, quotes, control characters, surrogates: all of it is one line of ASCII, and comes back as it was."""
    # pytest's own handlers keep it for a report, which xdist cannot send: it is no UTF-8
    root = logging.getLogger()
    root.handlers[:] = [handler for handler in root.handlers if type(handler) is logging.StreamHandler]
    hostile = 'a"b\\c\nd\r\te\x1b[31m\x00\u2028\udcff ü'
    LOG.info("%s", hostile)
    LOG.info("next")
    assert said.getvalue().isascii()
    assert [line["message"] for line in lines(said)] == [hostile, "next"]


def test_a_traceback_is_in_its_line(said: io.StringIO) -> None:
    """Nothing of it is on lines of its own."""
    try:
        raise ValueError("no\nway")
    except ValueError:
        LOG.exception("it failed")
    [line] = lines(said)
    assert line["level"] == "error"
    assert "ValueError: no\nway" in line["traceback"]


def test_the_request_of_each_thread(said: io.StringIO) -> None:
    """Each thread's lines have the id of the request that it answers; others have none."""

    def answer(number: int) -> None:
        ours.request.set(f"id{number}")
        LOG.info("%d", number)

    threads = [threading.Thread(target=answer, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    LOG.info("nobody's")
    assert {line["message"]: line.get("request") for line in lines(said)} == {
        **{str(number): f"id{number}" for number in range(5)},
        "nobody's": None,
    }


def test_words_for_a_person() -> None:
    """On a terminal a line is words; what could move the cursor does not."""
    record = logging.LogRecord("x", logging.ERROR, "f", 1, "a\x1b[2Jb\nc", (), None)
    record.recipe = 7
    text = ours.Words("timer").format(record)
    assert text.endswith(r"Z ERROR timer: a\x1b[2Jb\nc recipe=7")
    assert text.isprintable()

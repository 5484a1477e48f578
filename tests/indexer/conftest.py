"""What the indexer's tests share."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cattrs import unstructure
from corelab import CoreLab, core_lab

from wsgi_app.indexer import index, service
from wsgi_app.model import LogIndex, ParsedResult

Until = Callable[[Callable[[], bool]], None]
ReadBytes = Callable[..., LogIndex]


@pytest.fixture
def until() -> Until:
    """Waits until a condition holds, at most 30 seconds."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.01)

    return wait


@pytest.fixture
def read_bytes(tmp_path: Path) -> ReadBytes:
    """Indexes a log with the given content."""

    def read(content: bytes, name: str = "taskout.log", max_results: int = 1000) -> LogIndex:
        path = tmp_path / "log"
        path.write_bytes(content)
        return index.read(path, name, max_results)

    return read


@pytest.fixture
def plain_values() -> Callable[[LogIndex], dict[str, Any]]:
    """Turns what was found in a log into what a corpus file says."""

    def convert(found: LogIndex) -> dict[str, Any]:
        return {
            "format": found.format,
            "lines": found.lines,
            "results": [
                [item.line, item.result.value, item.path, item.message, *_measured(item)] for item in found.results
            ],
            "marks": unstructure([[mark.line, mark.kind, mark.title] for mark in found.marks]),
        }

    return convert


def _measured(item: ParsedResult) -> list[float | str | None]:
    return [] if item.measurement is None else [item.measurement, item.units]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[CoreLab]:
    """A fresh lab, without an indexer."""
    with core_lab(tmp_path) as made:
        yield made


@pytest.fixture
def running(lab: CoreLab) -> Iterator[CoreLab]:
    """A lab whose indexer runs."""
    stop = threading.Event()
    thread = threading.Thread(target=service.run, args=(lab.gateway, lab.config, stop))
    thread.start()
    yield lab
    stop.set()
    thread.join()

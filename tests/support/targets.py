"""What is fuzzed: readers of what strangers send, each with all that must hold of what it says to any bytes.

Called by tests/property/fuzz.py with new inputs, by tests/property/test_fuzzed.py with those that were kept.
"""

import itertools
import json
import os
import re
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
from contentrange import expected
from pytest import MonkeyPatch

from wsgi_app.core import logname
from wsgi_app.documents import jobjson, jobxml
from wsgi_app.errors import BadDocument, BadName, BadRange, NoSuchLog
from wsgi_app.indexer import index
from wsgi_app.indexer.formats import FORMATS, detect
from wsgi_app.indexer.formats.format import ByteFormat, Format, Found
from wsgi_app.model import LogIndex, Mark, ParsedResult
from wsgi_app.protocols.harness.upload import parse_content_range
from wsgi_app.submitted import NewJob

#: names that a format may look at
NAMES = ("taskout.log", "a.xml", "test-suite.log", "vmcore")
#: results that are taken of one log here
MOST = 50

_PLACE = re.compile(r"line ([0-9]+), column ([0-9]+): ")


def log(data: bytes) -> None:
    """Index a log (the first byte says its name): what is found lies in it, however it comes in blocks."""
    name, content = NAMES[data[0] % len(NAMES)] if data else NAMES[0], data[1:]
    found = _indexed(content, name)
    assert found.size == len(content)
    _check_all(found, found.lines)
    assert len(found.results) <= MOST + 1
    with MonkeyPatch.context() as patch:
        patch.setattr(index, "BLOCK", 1 + len(content) % 37)
        assert _indexed(content, name) == found


def formats(data: bytes) -> None:
    """Let one format (the first byte says which) read what may not be its own, whole and in small blocks."""
    if not data:
        return
    format_, content = FORMATS[data[0] % len(FORMATS)], data[1:]
    lines = content.count(b"\n") + 1
    found = parsed(format_, content)
    for one in found:
        _check(one, lines)
    if isinstance(format_, ByteFormat):
        assert parsed(format_, content, 1 + len(content) % 37) == found
    elif detect(content[: 1 << 16], NAMES[0]) is format_:
        _check_picked(format_, content, found)


def content_range(data: bytes) -> None:
    """Read a Content-Range as the reference does that was held against mod_dav."""
    length = data[0] if data else 0
    value = data[1:]
    status, first = expected(value, length, 1 << 62)
    try:
        span = parse_content_range(value.strip(b" \t").decode("latin-1"))
    except BadRange:
        assert (status, first) == (400, None)
        return
    assert first is None or (span.first, status) == (first, 400 if length != span.last - span.first + 1 else 0)


def log_name(data: bytes) -> None:
    """Read the path of a log: refused, or one that stays in its recipe, can be a file's, and reads back."""
    path = data.decode("utf-8", "surrogateescape")
    try:
        address = logname.parse_path(7, path)
    except (BadName, NoSuchLog):
        return
    assert address.path == path
    assert logname.parse_path(7, address.path) == address
    parts = data.split(b"/")
    assert all(0 < len(part) < 256 and part[:1] != b"." for part in parts)
    assert not re.search(rb"[\x00-\x1f\x7f\\]", data)
    assert os.path.normpath(data) == data


def job_xml(data: bytes) -> None:
    """Read a job in XML: a refusal with its place, or a job that is the same in JSON."""
    try:
        job = jobxml.parse_job(data)
    except BadDocument as error:
        place = _PLACE.match(error.message)
        assert place, error.message
        assert 1 <= int(place[1]) <= 1 + data.count(b"\n") + data.count(b"\r")
        assert 1 <= int(place[2]) <= len(data) + 1
        _check_message(error)
        return
    assert jobjson.parse_job(_as_json(job)) == attrs.evolve(job, warnings=())


def job_json(data: bytes) -> None:
    """Read a job in JSON: a refusal in words, or a job; the same whether the document is small or large."""
    short = _json_job(data)
    with MonkeyPatch.context() as patch:
        patch.setattr(jobjson, "SMALL", -1)
        long = _json_job(data)
    assert short == long
    if short is not None:
        assert jobjson.parse_job(_as_json(short)) == short


TARGETS: dict[str, Callable[[bytes], None]] = {
    "log": log,
    "formats": formats,
    "range": content_range,
    "name": log_name,
    "jobxml": job_xml,
    "jobjson": job_json,
}


def parsed(format_: Format | ByteFormat, content: bytes, size: int = 1 << 20) -> list[Found]:
    """Return what the format finds when it gets everything; no more than 3,000 things."""
    if isinstance(format_, ByteFormat):
        said = format_.parse(_blocks(content, size))
    else:
        said = format_.parse(iter(enumerate(content.removesuffix(b"\n").split(b"\n"), 1)))
    return list(itertools.islice(said, 3000))


def _blocks(content: bytes, size: int) -> Iterator[bytes]:
    return iter([content[place : place + size] for place in range(0, len(content), size)])


def _indexed(content: bytes, name: str, most: int = MOST) -> LogIndex:
    with TemporaryDirectory(dir=_memory()) as place:
        path = Path(place, "log")
        path.write_bytes(content)
        return index.read(path, name, most)


def _memory() -> str | None:
    shared = Path("/dev/shm")
    return str(shared) if os.access(shared, os.W_OK) else None


def _check_picked(format_: Format, content: bytes, everything: list[Found]) -> None:
    """The quick expressions pick every line that matters: reading all lines finds nothing else."""
    found = _indexed(content, NAMES[0], 3000)
    if format_.name == "console":
        picked = {(mark.kind, mark.line) for mark in found.marks if mark.kind != "hole"}
        assert picked == {(mark.kind, mark.line) for mark in everything if isinstance(mark, Mark)}
    elif format_.name is not None:
        assert list(found.results) == [item for item in everything if isinstance(item, ParsedResult)]


def _check_all(found: LogIndex, lines: int) -> None:
    for result in found.results:
        _check(result, lines)
    for mark in found.marks:
        _check(mark, lines)
    for signal in found.signals:
        _check(signal, lines)


def _check(found: Found, lines: int) -> None:
    """Fail when this cannot be stored, shown or found again."""
    if isinstance(found, ParsedResult):
        texts = [found.path, found.message or ""]
    else:
        texts = [found.title if isinstance(found, Mark) else found.text]
    assert 1 <= found.line <= lines
    for text in texts:
        assert len(text) <= 1000
        assert not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in text), text
    if isinstance(found, ParsedResult):
        assert found.path.startswith("/")


def _json_job(data: bytes) -> NewJob | None:
    try:
        return jobjson.parse_job(data)
    except BadDocument as error:
        _check_message(error)
        return None


def _check_message(error: BadDocument) -> None:
    error.message.encode()
    assert error.message


def _as_json(job: NewJob) -> bytes:
    """Return a job as a submitter would write it in JSON."""
    # what no document of these says
    inner = ("warnings", "place", "later", "live", "campaign", "document", "fitting", "secrets")
    value = attrs.asdict(job, filter=lambda attribute, _: attribute.name not in inner)
    for group in value["recipe_sets"]:
        for recipe in group["recipes"]:
            for task in recipe["tasks"]:
                task["fetch"] = None if task["fetch"] is None else {"url": task["fetch"]}
    return json.dumps(value).encode()

"""Files that hold jobs: Beaker's XML, our JSON, ConTest's descriptors, LAVA's YAML; JSON may be written as YAML."""

import json
import sys
from pathlib import Path
from typing import Any

import click
from attrs import frozen

from wsgi_app.documents.mediatypes import DESCRIPTOR, JSON, XML, YAML
from wsgi_app.documents.reports.shown import printable
from wsgi_app.documents.yamltext import BadYAML, parse

_BOM = b"\xef\xbb\xbf"
#: what contestcli writes into a descriptor that does not say
_VERSION = "1.0"
#: what every LAVA job has, and no other
_LAVA_KEYS = {"actions", "job_name"}


@frozen
class JobFile:
    """A job as it is sent: its bytes, and of what media type they are."""

    body: bytes
    kind: str


def read_job(file: Path) -> JobFile:
    """Return the job in a file (`-`: standard input), told by what it holds. Raises `click.ClickException`."""
    name = "standard input" if str(file) == "-" else str(file)
    body = (sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()).removeprefix(_BOM)
    start = body.lstrip()[:1]
    if not start:
        raise click.ClickException(f"{name} is empty")
    if start == b"<":
        return JobFile(body, XML)
    if start in (b"{", b"[") and file.suffix.lower() not in (".yaml", ".yml"):
        return _of_json(body)
    try:
        value = parse(body)
        text = json.dumps(value).encode()
    except BadYAML as error:
        raise click.ClickException(f"{name}: {printable(error)}") from None
    if not isinstance(value, dict):
        raise click.ClickException(f"{name} is no job in XML, JSON or YAML")
    return JobFile(body, YAML) if value.keys() >= _LAVA_KEYS else _of_json(text)


def _of_json(body: bytes) -> JobFile:
    """Tell a descriptor or a LAVA job from one of ours by its keys; what is wrong with it Tackroom says."""
    keys = _keys(body)
    if keys >= _LAVA_KEYS:
        return JobFile(body, YAML)
    if "testdescriptors" not in keys:
        return JobFile(body, JSON)
    if "version" not in keys:
        # by hand: whatever else is odd in it stays as it is
        head, _, rest = body.partition(b"{")
        body = head + b'{"Version": "%s", ' % _VERSION.encode() + rest
    return JobFile(body, DESCRIPTOR)


def _keys(body: bytes) -> set[str]:
    """Return the keys of a JSON object in lower case, as ConTest reads them; none when it is no object."""
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        return set()
    return {key.lower() for key in value} if isinstance(value, dict) else set()

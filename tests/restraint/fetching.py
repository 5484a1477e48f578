"""How restraint 0.4 fetches a task, and reads what it says of itself: fetch_uri.c, metadata.c.

libcurl gets the URL, whose userinfo is all the credentials there are; the status is not looked at. Whatever has come is
given to libarchive and unpacked, by name, into a directory that is emptied before.
"""

import re
import shutil
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from attrs import frozen


class NotAnArchive(Exception):
    """What came is none, or nothing came."""


@frozen
class Fetched:
    """A task on disk, and what its metadata says: how it is run, and how long that may take, in seconds."""

    place: Path
    name: str
    entry_point: str
    max_time: int


def fetch(url: str, place: Path) -> Fetched:
    """Fetch and unpack a task. Raises `NotAnArchive`."""
    shutil.rmtree(place, ignore_errors=True)
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            body = answer.read()
    except urllib.error.HTTPError as error:
        with error:
            body = error.read()
    except OSError as error:
        raise NotAnArchive(f"curl: {error}") from None
    place.mkdir(parents=True)
    done = subprocess.run(["tar", "-xz", "-C", place], input=body, capture_output=True, check=False)
    if done.returncode != 0:
        raise NotAnArchive(f"Unrecognized archive format: {body[:200]!r}")
    return _described(place)


def _described(place: Path) -> Fetched:
    """Read GLib's key file."""
    values: dict[str, str] = {}
    group = ""
    for line in (place / "metadata").read_text().splitlines():
        if line.startswith("["):
            group = line.strip("[]")
        else:
            key, _, value = line.partition("=")
            values[f"{group}/{key}"] = re.sub(r"\\([sntr\\])", lambda found: _ESCAPES[found[1]], value)
    limit = values["restraint/max_time"]
    seconds = int(limit.rstrip("smhd")) * {"m": 60, "h": 3600, "d": 86400}.get(limit[-1], 1)
    return Fetched(place, values["General/name"].strip(), values["restraint/entry_point"], seconds)


_ESCAPES = {"s": " ", "n": "\n", "t": "\t", "r": "\r", "\\": "\\"}

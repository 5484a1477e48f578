"""What a backup says of itself: `manifest.json`, written last, so that a directory without one is no backup.

The format is documented in docs/reference/files.md; `FORMAT` counts its changes.
"""

import json
import os
from datetime import datetime
from pathlib import Path

from attrs import field, frozen
from cattrs import BaseValidationError, Converter

from wsgi_app.core.filecopy import sync_directory
from wsgi_app.errors import Invalid

NAME = "manifest.json"
FORMAT = 1


@frozen
class Loose:
    """A log that was copied as it was, since the database has no fingerprint of it, or another one."""

    #: `R/PATH`, as below `DATA/logs/recipes`
    log: str
    size: int
    sha256: str
    #: whether it should have been what the database says
    differs: bool


@frozen
class Manifest:
    """What a backup holds."""

    format: int
    #: of which moment, RFC 3339
    made: str
    #: the program's version, and the database's schema
    version: str
    schema: str
    #: the directory in the backup that holds the database, the settings and the loose logs
    snapshot: str
    database_bytes: int
    database_sha256: str
    counts: dict[str, int]
    loose: tuple[Loose, ...] = field(default=())
    #: logs that should have been there
    missing: tuple[str, ...] = field(default=())

    @property
    def differing(self) -> list[str]:
        """Logs that were not what the database says."""
        return [log.log for log in self.loose if log.differs]


def write(directory: Path, manifest: Manifest) -> None:
    """Put the manifest into its place, durably and whole: with it, the backup is one."""
    text = json.dumps(Converter().unstructure(manifest), indent=1, ensure_ascii=False) + "\n"
    temporary = directory / f".{NAME}"
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(directory / NAME)
    sync_directory(directory)


def read(directory: Path) -> Manifest | None:
    """Return the manifest of a backup, None when there is none. Raises `Invalid`, OSError."""
    path = directory / NAME
    try:
        value = json.loads(path.read_bytes())
        if isinstance(value, dict) and isinstance(value.get("format"), int) and value["format"] > FORMAT:
            raise Invalid(f"{path} was written by a newer Tackroom: restore it with that one")
        found = Converter().structure(value, Manifest)
        # whoever asks how old it is can tell
        datetime.fromisoformat(found.made)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, BaseValidationError):
        raise Invalid(f"{path} is damaged: it cannot be read") from None
    if Path(found.snapshot).name != found.snapshot or found.snapshot.startswith("."):
        raise Invalid(f"{path} is damaged: it names {found.snapshot!r}")
    return found

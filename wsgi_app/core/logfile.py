"""Writing a log's file the way mod_dav_fs does, but for one thing: a file that exists is never removed again.

mod_dav_fs deletes a file that it created when that request dies, also when a retry of it has been acknowledged
meanwhile (measured, real data loss); so the first PUT of every log is ours.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wsgi_app.core import disk
from wsgi_app.core.ports import Upload
from wsgi_app.errors import LogIsDirectory, Superseded, TornUpload
from wsgi_app.model import Span

BLOCK = 65536
#: mod_dav_fs names its own temporary files so; the indexer passes over them and sweeps old ones
TEMPORARY = ".davfs.tmp"


class Logfile:
    """One log's file, there or not."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def exists(self) -> bool:
        """Return whether the file is there."""
        return self._path.is_file()

    def is_directory(self) -> bool:
        """Return whether a directory has its name, or something else that no log can be."""
        return self._path.exists() and not self._path.is_file()

    def make_directories(self) -> None:
        """Make the directories that the file lies in. Raises `LogIsDirectory` when a log has the name of one."""
        with _typed():
            self._path.parent.mkdir(parents=True, exist_ok=True)

    def create(self, upload: Upload, span: Span | None) -> None:
        """Write the first body of a log. Bytes that came stay, also when the rest does not come."""
        if span is not None:
            self._write_range(upload, span, os.O_CREAT)
            return
        with self._temporary(upload) as temporary:
            try:
                # unlike a rename, a link does not replace what another upload has made meanwhile
                self._path.hardlink_to(temporary)
            except FileExistsError:
                raise Superseded from None

    def write(self, upload: Upload, span: Span | None) -> None:
        """Write a further body: a range in place, or the whole log anew by temporary file and rename."""
        if span is not None:
            self._write_range(upload, span, 0)
            return
        with self._temporary(upload) as temporary:
            temporary.replace(self._path)

    def _write_range(self, upload: Upload, span: Span, flags: int) -> None:
        with _typed():
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC | flags, 0o640)
            try:
                os.lseek(descriptor, span.first, os.SEEK_SET)
                _copy(upload, descriptor)
            finally:
                os.close(descriptor)

    @contextmanager
    def _temporary(self, upload: Upload) -> Iterator[Path]:
        temporary = self._path.with_name(TEMPORARY + secrets.token_hex(6))
        with _typed():
            descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o640)
            try:
                try:
                    _copy(upload, descriptor)
                finally:
                    os.close(descriptor)
                yield temporary
            finally:
                temporary.unlink(missing_ok=True)


def _copy(upload: Upload, descriptor: int) -> None:
    left = upload.length or 0
    while left:
        block = upload.read(min(BLOCK, left))
        if not block:
            raise TornUpload
        left -= len(block)
        while block:
            block = block[os.write(descriptor, block) :]


@contextmanager
def _typed() -> Iterator[None]:
    try:
        yield
    except (NotADirectoryError, IsADirectoryError, FileExistsError):
        raise LogIsDirectory from None
    except OSError as error:
        # no answer at all would be the same to the harness: it tries again
        raise disk.typed(error, "the log") from error

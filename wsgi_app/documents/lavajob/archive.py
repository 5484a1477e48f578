"""The files of a test definition that was fetched, in a form that any system unpacks."""

import bz2
import gzip
import io
import lzma
import posixpath
import tarfile
import zlib
from collections.abc import Iterator

from attrs import frozen

#: bytes of all files together, and of the archive that is sent along with each task
MOST_UNPACKED = 16 * 1024 * 1024
MOST_PACKED = 1024 * 1024
MOST_FILES = 20_000
#: bytes of memory that a dictionary of xz may have
_MEMORY = 64 * 1024 * 1024


class BadArchive(Exception):
    """It cannot be taken; the message is a sentence about it."""


@frozen
class Files:
    """Files, directories and links of a tar."""

    members: tuple[tuple[tarfile.TarInfo, bytes], ...]

    def read(self, path: str) -> bytes | None:
        """Return the regular file at a path; None when there is none."""
        name = posixpath.normpath(path)
        return next((body for about, body in self.members if about.name == name and about.isreg()), None)

    def packed(self) -> bytes:
        """Return them as tar.gz, the same bytes for the same files. Raises `BadArchive`."""
        whole = io.BytesIO()
        with tarfile.open(fileobj=whole, mode="w", format=tarfile.GNU_FORMAT) as tar:
            for about, body in self.members:
                tar.addfile(about, io.BytesIO(body))
        found = gzip.compress(whole.getvalue(), 9, mtime=0)
        if len(found) > MOST_PACKED:
            raise BadArchive(
                f"its files have {len(found)} bytes when they are packed, and at most {MOST_PACKED} are sent along "
                "with a test: fetch a smaller repository or archive, or let a step fetch the rest"
            )
        return found


def read_tar(body: bytes) -> Files | None:
    """Read a tar, compressed or not; None when it is none. Raises `BadArchive` for one that cannot be taken."""
    plain = _plain(body)
    if plain is None:
        return None
    try:
        with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as tar:
            found = Files(tuple(_members(tar)))
            # for tarfile a torn header is an end like any other
            if not plain.startswith(bytes(tarfile.BLOCKSIZE), tar.offset):
                raise BadArchive("its archive is damaged: it ends before its end")
            return found
    except (tarfile.TarError, EOFError, OverflowError, ValueError, OSError) as error:
        raise BadArchive(f"its archive is damaged: {error}") from None


def _plain(body: bytes) -> bytes | None:
    """Return what is compressed, at most so much; None when it cannot be a tar."""
    try:
        if body.startswith(b"\x1f\x8b"):
            found = zlib.decompressobj(31).decompress(body, MOST_UNPACKED * 2)
        elif body.startswith(b"\xfd7zXZ\0"):
            found = lzma.LZMADecompressor(memlimit=_MEMORY).decompress(body, MOST_UNPACKED * 2)
        elif body.startswith(b"BZh"):
            found = bz2.BZ2Decompressor().decompress(body, MOST_UNPACKED * 2)
        else:
            found = body
    except (zlib.error, lzma.LZMAError, OSError, EOFError) as error:
        raise BadArchive(f"it cannot be decompressed: {error}") from None
    if len(found) >= MOST_UNPACKED * 2:
        raise BadArchive(f"its files have more than {MOST_UNPACKED} bytes")
    return found if found[257:262] == b"ustar" else None


def _members(tar: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    total = 0
    for number, found in enumerate(tar):
        name = posixpath.normpath(found.name)
        if name.startswith(("/", "../")) or name == "..":
            raise BadArchive(f"its archive has a file that would lie elsewhere: {found.name!r}")
        if not (found.isreg() or found.isdir() or found.issym()):
            raise BadArchive(f"its archive has something else than files, directories and links: {found.name!r}")
        total += found.size if found.isreg() else 0
        if total > MOST_UNPACKED or number >= MOST_FILES:
            raise BadArchive(
                f"its archive has more than {MOST_FILES} files, or more than {MOST_UNPACKED} bytes in them"
            )
        if name == ".":
            continue
        # the rest is what TarInfo begins with: no time, owner 0, no names of them
        about = tarfile.TarInfo(name)
        about.type, about.linkname = found.type, found.linkname
        about.mode = 0o755 if found.isdir() or found.mode & 0o100 else 0o644
        file = tar.extractfile(found) if found.isreg() else None
        body = b"" if file is None else file.read()
        about.size = len(body)
        yield about, body

"""Copying files: read once, fingerprinted on the way, and durable together by one call at the end."""

import ctypes
import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

from attrs import frozen

BLOCK = 1 << 20


@frozen
class Fingerprint:
    """What a file holds."""

    size: int
    sha256: str


def open_regular(path: Path) -> int | None:
    """Open a file for reading, None when there is no regular one. Follows no link. Raises OSError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError:
        if path.is_symlink():
            return None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    return descriptor


def copy(source: int, target: Path, mode: int, told: Callable[[int], None]) -> Fingerprint:
    """Copy what an open file holds by now into a new one, times included; `told` gets each block's bytes.

    What is appended meanwhile is not copied. It is durable after `sync_filesystem`.
    """
    status = os.fstat(source)
    target.unlink(missing_ok=True)
    descriptor = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, mode)
    digest = hashlib.sha256()
    left = status.st_size
    try:
        while left and (block := os.read(source, min(BLOCK, left))):
            digest.update(block)
            left -= len(block)
            told(len(block))
            _write(descriptor, block)
        os.ftruncate(descriptor, status.st_size - left)
        os.utime(descriptor, ns=(status.st_atime_ns, status.st_mtime_ns))
    finally:
        os.close(descriptor)
    return Fingerprint(status.st_size - left, digest.hexdigest())


def _write(descriptor: int, block: bytes) -> None:
    if block.count(0) == len(block):
        # a hole stays one: a log of few bytes may be gigabytes long
        os.lseek(descriptor, len(block), os.SEEK_CUR)
        return
    view = memoryview(block)
    while view:
        view = view[os.write(descriptor, view) :]


def fingerprint(path: Path, told: Callable[[int], None] = lambda _: None) -> Fingerprint | None:
    """Read a file, None when there is no regular one. Raises OSError."""
    descriptor = open_regular(path)
    if descriptor is None:
        return None
    digest, size = hashlib.sha256(), 0
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        while block := file.read(BLOCK):
            digest.update(block)
            size += len(block)
            told(len(block))
    return Fingerprint(size, digest.hexdigest())


def sync_filesystem(directory: Path) -> None:
    """Make durable all that was written to the file system of this directory.

    One call (syncfs(2)) instead of an fsync for each of a million logs. Raises OSError when something was not written.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if libc.syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(directory))
    finally:
        os.close(descriptor)


def make_directory(directory: Path) -> None:
    """Make a directory, and those above it, so that a power cut does not take them; one that is there is left alone."""
    if not directory.is_dir():
        make_directory(directory.parent)
        directory.mkdir(exist_ok=True)
        sync_directory(directory.parent)


def sync_directory(directory: Path) -> None:
    """Make durable which names the directory has."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

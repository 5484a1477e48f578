"""A disk of a test's own, which it may fill, make read-only, and free again, under a Tackroom that runs."""

import contextlib
import errno
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from attrs import frozen
from lab import Lab, reachable_directory

#: bytes that are written at once to fill it: most of it, and the rest
BLOCK = 1 << 20
PAGE = 4096


@frozen
class SmallDisk:
    """A tmpfs in a mount namespace of its own, which a process holds; nothing of it outlives the test."""

    #: where it is mounted there
    place: Path
    #: the process that holds the namespace
    holder: int

    @property
    def root(self) -> Path:
        """The disk as seen from outside."""
        return Path(f"/proc/{self.holder}/root{self.place}")

    @property
    def within(self) -> Sequence[str]:
        """What goes before a command that is to run there, as the same user as here."""
        enter = ["nsenter", "--target", str(self.holder), "--mount"]
        if os.geteuid() == 0:
            return [*enter, "--"]
        oneself = ["unshare", "--user", f"--map-user={os.geteuid()}", f"--map-group={os.getegid()}", "--"]
        return [*enter, "--user", "--preserve-credentials", "--", *oneself]

    def fill(self, *, leave: int = 0) -> None:
        """Use up all its room but for so many bytes."""
        with (self.root / "filler").open("ab", buffering=0) as file:
            for size in (BLOCK, PAGE):
                with contextlib.suppress(OSError):
                    while self._free() >= leave + size and file.write(bytes(size)) == size:
                        pass

    def _free(self) -> int:
        status = os.statvfs(self.root)
        return status.f_bavail * status.f_frsize

    def fill_inodes(self) -> None:
        """Use up all its inodes, as many small files do."""
        directory = self.root / "fillers"
        directory.mkdir(exist_ok=True)
        try:
            while True:
                (directory / secrets.token_hex(8)).touch()
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise

    def free(self) -> None:
        """Make room again."""
        (self.root / "filler").unlink(missing_ok=True)
        shutil.rmtree(self.root / "fillers", ignore_errors=True)

    def read_only(self, path: Path) -> None:
        """Let nobody open anything below `path` for writing any more; what is open stays so."""
        # made aside and moved there at once: what is opened for writing in between could not be made read-only
        (self.root / "aside").mkdir(exist_ok=True)
        aside = self.place / "aside"
        self._mount("--bind", str(path), str(aside))
        self._mount("-o", "remount,bind,ro", str(aside))
        self._mount("--move", str(aside), str(path))

    def writable(self, path: Path) -> None:
        """Undo `read_only`."""
        self._run("umount", "--lazy", str(path))

    def _mount(self, *words: str) -> None:
        self._run("mount", *words)

    def _run(self, *words: str) -> None:
        enter = ["nsenter", "--target", str(self.holder), "--mount"]
        enter += [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        subprocess.run([*enter, "--", *words], check=True, capture_output=True)


@contextlib.contextmanager
def small_disk(megabytes: int, inodes: int = 0) -> Iterator[SmallDisk]:
    """A disk of this size, and for this many files (0: any number). Skips the test where none can be had."""
    place = reachable_directory()
    options = f"size={megabytes}m,nr_inodes={inodes},mode=755"
    holder = subprocess.Popen(
        [
            *("unshare", "--mount", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])),
            *("sh", "-c", 'mount -t tmpfs -o "$1" tmpfs "$0" && echo ready && exec cat', str(place), options),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        if holder.stdout.readline() != "ready\n":
            pytest.skip(f"no disk of its own here: {holder.communicate()[1].strip()}")
        (place / "data").symlink_to(f"/proc/{holder.pid}/root{place}/data")
        yield SmallDisk(place, holder.pid)
    finally:
        # closes its input: it ends
        holder.communicate()
        shutil.rmtree(place)


@contextlib.contextmanager
def lab_on(disk: SmallDisk, front: str, **environ: str) -> Iterator[Lab]:
    """A Tackroom whose data is on that disk, not started yet; what is left of it is ended."""
    # the same path inside and outside
    lab = Lab(disk.place / "data", front, environ, within=disk.within)
    try:
        yield lab
    finally:
        lab.end()

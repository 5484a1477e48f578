"""Archives that mean no good, as files."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

SYM, HARD, DIR = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE

#: a test that anybody would run
GOOD = b"#!/bin/sh\nid -u\n"


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o755) -> tarfile.TarInfo:
    """Return an archive's member without content."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, mode
    return info


def tar(*members: tarfile.TarInfo, pax: Mapping[str, str] | None = None, after: bool = True) -> bytes:
    """Return an archive of these members, and of a test behind (or before) them; regular files get the test's text."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", pax_headers=pax) as made:
        test = member("runtest.sh")
        for info in (*members, test) if after else (test, *members):
            body = GOOD if info.isreg() else b""
            info.size = len(body)
            made.addfile(info, io.BytesIO(body))
    return stream.getvalue()


def _header(name: bytes, size: bytes, kind: bytes = b"0") -> bytes:
    """Return one header with a size as it is given."""
    block = bytearray(tarfile.TarInfo(name.decode()).tobuf(tarfile.GNU_FORMAT))
    block[124:136] = size.ljust(12, b"\0")
    block[156:157] = kind
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def _long(kind: bytes) -> bytes:
    """Return a name, or a record of them, of 640 MiB: a few KiB when compressed."""
    head = gzip.compress(_header(b"x", b"%011o\0" % (640 << 20), kind))
    return head + gzip.compress(bytes(16 << 20)) * 40


def _zip(name: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        made.writestr(name, GOOD)
    return stream.getvalue()


#: what is no member's way to leave its directory: each with a word of the refusal
HOSTILE: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "a step up": (lambda out: tar(member("../evil")), "leaves the directory"),
    "a step up within": (lambda out: tar(member("a/../../evil")), "leaves the directory"),
    "an absolute name": (lambda out: tar(member(f"{out}/evil")), "leaves the directory"),
    "a name of record": (lambda out: tar(member("x"), pax={"path": f"{out}/evil"}), "leaves the directory"),
    "a link out": (lambda out: tar(member("l", SYM, str(out)), member("l/evil")), "leaves the directory"),
    "a link up": (lambda out: tar(member("l", SYM, "../..")), "leaves the directory"),
    "links that add up": (
        lambda out: tar(member("a/b", DIR), member("up", SYM, "a/.."), member("out", SYM, "up/..")),
        "leaves the directory",
    ),
    "a file through a link": (
        lambda out: tar(member("d", DIR), member("l", SYM, "d"), member("l/evil")),
        "is no directory",
    ),
    "a hard link out": (lambda out: tar(member("h", HARD, f"{out}/mine"), member("h")), "leaves the directory"),
    "a hard link to a link": (lambda out: tar(member("l", SYM, "x"), member("h", HARD, "l")), "no file of the archive"),
    "a test that is a link": (lambda out: tar(member("runtest.sh", SYM, f"{out}/mine")), "leaves the directory"),
    "a device": (lambda out: tar(member("null", tarfile.CHRTYPE)), "is a device"),
    "a disk": (lambda out: tar(member("disk", tarfile.BLKTYPE)), "is a device"),
    "a FIFO": (lambda out: tar(member("runtest.sh", tarfile.FIFOTYPE), after=False), "is a device"),
    "a file instead of a directory": (lambda out: tar(member("d/e", DIR), member("d")), "replaces a directory"),
    "too deep": (lambda out: tar(member("d/" * 300 + "f")), "directories in one another"),
    "terminal commands": (lambda out: tar(member("../\x1b]0;gotcha\x07\n\u202e" + "n" * 5000)), "\\x1b]0;gotcha"),
    "no UTF-8": (lambda out: tar(member("../\udcff\udc9b")), "\\udcff"),
    "too large": (lambda out: _header(b"x", b"%011o\0" % (5 << 30)) + b"x" * 512, "holds too much"),
    # refused by us, or by a Python that looks at it itself
    "less than nothing": (lambda out: _header(b"x", b"\xff" * 11 + b"\0") + tar(), "cannot start: "),
    "less than nothing, of record": (lambda out: tar(member("x"), pax={"size": "-1024"}), "refused"),
    "a name without end": (lambda out: _long(b"L"), "memory"),
    "records without end": (lambda out: _long(b"x"), "memory"),
    "names of names of names": (
        lambda out: gzip.compress((_header(b"x", b"%011o\0" % 1, b"L") + b"n".ljust(512, b"\0")) * 5000),
        "refused",
    ),
    "a zip": (lambda out: _zip("../evil"), "cannot unpack"),
    "a zip for others": (lambda out: _zip("..\\evil"), "cannot unpack"),
    "nothing": (lambda out: b"", "cannot unpack"),
    "a broken one": (lambda out: gzip.compress(tar())[:60], "cannot unpack"),
}

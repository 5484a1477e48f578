"""What is no text: archives and memory images, known by name or magic number. Nothing is read out of them."""

import re
from collections.abc import Iterator

from wsgi_app.indexer.formats.format import ByteFormat, Found

_NAME = re.compile(r"(?:^|/)(?:vmcore|core)[^/]*$|\.(?:gz|xz|zst|bz2|tar|tgz|zip)$", re.IGNORECASE)
_MAGIC = (b"\x1f\x8b", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"BZh", b"PK\x03\x04", b"\x7fELF", b"KDUMP   ")
_TEXT = (".log", ".txt", ".output")


def _detect(head: bytes, name: str) -> bool:
    return head.startswith(_MAGIC) or (_NAME.search(name) is not None and not name.endswith(_TEXT))


def _parse(blocks: Iterator[bytes]) -> Iterator[Found]:
    yield from ()


FORMAT = ByteFormat("binary", _detect, _parse, text=False)

"""Builds the harness as one file: `python -m wsgi_app.harnesses.local.build FILE`."""

from __future__ import annotations

import os
import sys
import zipfile
from pathlib import Path

SHEBANG = b"#!/usr/bin/env python3\n"
MAIN = "import sys\n\nfrom wsgi_app.harnesses.local.__main__ import main\n\nsys.exit(main())\n"
EPOCH = (1980, 1, 1, 0, 0, 0)  #: the same sources give the same file


def build(target: Path) -> None:
    """Write the harness as an executable zipapp that needs nothing but Python; an existing file is replaced."""
    local = Path(__file__).resolve().parent
    root = local.parents[2]
    kit = sorted(local.parent.glob("*.py"))
    sources = [root / "wsgi_app" / "__init__.py", *kit, *sorted(local.glob("*.py"))]
    temporary = target.with_name(target.name + ".new")
    with temporary.open("wb") as file:
        file.write(SHEBANG)
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            _add(archive, "__main__.py", MAIN.encode())
            for source in sources:
                _add(archive, str(source.relative_to(root)), source.read_bytes())
        file.flush()
        os.fsync(file.fileno())
    temporary.chmod(0o755)
    temporary.replace(target)


def _add(archive: zipfile.ZipFile, name: str, body: bytes) -> None:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, body)


def main(arguments: list[str]) -> int:
    """Build into the one file that is named; returns the exit status."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m wsgi_app.harnesses.local.build FILE\n")
        return 2
    build(Path(arguments[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The files for operators that come with the package: httpd's configuration, and the Ansible play.

The standard library alone: setup.py runs this file by itself, to name the files that are installed.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

#: the trees
TREES = ("apache", "ansible")
#: what is a file of ours, by its name's end: what editors, merges and Python leave lying has other names
KINDS = frozenset(
    {".asis", ".cfg", ".conf", ".csh", ".j2", ".md", ".py", ".service", ".sh", ".socket", ".target", ".timer", ".yml"}
)
#: names that begin with a dot, and are ours all the same
NAMES = frozenset({".ansible-lint", ".gitignore", ".yamllint"})
#: where a name has no kind: what a role puts onto a machine is called as the machine wants it
_ROLES_FILES = "files"
_BARE = re.compile(r"[a-z0-9_-]+")
#: inventories are their labs' own, with addresses and perhaps secrets in them: this one is ours
INVENTORY = "example"
#: the directory into which ansible-galaxy puts other people's
COLLECTIONS = "collections"


def home() -> Path:
    """Return the directory that holds the trees: of the checkout that this runs from, else of what was installed."""
    checkout = Path(__file__).resolve().parents[2]
    return checkout if (checkout / "apache" / "tackroom.conf").is_file() else Path(sys.prefix) / "share" / "tackroom"


def shipped(root: Path) -> Iterator[Path]:
    """Yield the files of all trees below `root`, as paths below it, in order."""
    for tree in TREES:
        yield from (file.relative_to(root) for file in sorted((root / tree).rglob("*")) if _ours(file, root))


def _ours(file: Path, root: Path) -> bool:
    parts = file.relative_to(root).parts
    if any(part.startswith(".") or part == "__pycache__" for part in parts[:-1]):
        return False
    if parts[:2] == ("ansible", "inventory") and parts[2:3] != (INVENTORY,):
        return False
    if parts[:2] == ("ansible", COLLECTIONS):
        return False
    named = file.name in NAMES or (file.suffix in KINDS and not file.name.startswith((".", "#")))
    named = named or (_ROLES_FILES in parts[:-1] and _BARE.fullmatch(file.name) is not None)
    return named and file.is_file() and not file.is_symlink()

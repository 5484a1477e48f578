"""`tackroom admin install-files`: the files for operators, out of the package."""

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import click
from attrs import define, field

from wsgi_app import __version__
from wsgi_app.cli.shipped import TREES, home, shipped
from wsgi_app.documents.reports.shown import printable

#: in DIR: what was written, by which an edited file is told from one of an older version
RECORD = ".tackroom-files.json"
#: what is added to the name of an edited file that is replaced; Ansible reads no file whose name ends so
KEPT = ".orig"


@define
class Plan:
    """What is to be done to a directory; names are paths below it."""

    #: bytes of each file that is to be there
    wanted: dict[str, bytes]
    write: list[str] = field(factory=list)
    #: written by an earlier version, not edited, and of no use any more
    remove: list[str] = field(factory=list)
    #: not as any version of ours wrote it, as far as is known
    edited: list[str] = field(factory=list)


@click.command(
    "install-files",
    short_help="Write httpd's configuration and the Ansible play.",
    epilog="""\b
Examples:
  tackroom admin install-files ~/tackroom
  tackroom admin install-files --force ~/tackroom

Exit status: 0 the files are there; 1 nothing was written: files were edited, and are named.""",
)
@click.option("--force", is_flag=True, help=f"Replace edited files too; each is kept, as NAME{KEPT}.")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
def install_files(directory: Path, force: bool) -> None:
    """Write the files for operators that came with this program into DIR: DIR/apache and DIR/ansible.

    DIR/ansible is the play that makes a machine a lab controller. Repeat it after an upgrade: files of the version
    before are replaced, those that you have added are left alone, and when you have edited one of ours, nothing is
    written and it is named.
    """
    source = home()
    plan = _plan(source, directory)
    if plan.edited and not force:
        for name in plan.edited:
            click.echo(f"edited: {printable(str(directory / name))}", err=True)
        raise click.ClickException(
            "nothing was written: those files are not as Tackroom wrote them. Move them away, or take --force, which "
            f"keeps each as NAME{KEPT}"
        )
    kept = {directory / name: directory / f"{name}{KEPT}" for name in plan.edited}
    for aside in kept.values():
        if os.path.lexists(aside):
            raise click.ClickException(f"nothing was written: {aside} was kept before: move it away")
    for file, aside in kept.items():
        file.replace(aside)
    for name in plan.write:
        _write(directory / name, plan.wanted[name], executable=bool((source / name).stat().st_mode & 0o100))
    for name in plan.remove:
        (directory / name).unlink(missing_ok=True)
    _write(directory / RECORD, _record(plan))
    click.echo(
        f"{directory}: {len(plan.wanted)} files of Tackroom {__version__}: {len(plan.write)} written, "
        f"{len(plan.remove)} of an earlier version removed"
    )


def _plan(source: Path, directory: Path) -> Plan:
    """Compare what we have with what is there.

    Raises ClickException when we have nothing, or there is what no file of ours can be put into or replace.
    """
    plan = Plan({str(name): (source / name).read_bytes() for name in shipped(source)})
    missing = [tree for tree in TREES if not any(name.startswith(f"{tree}/") for name in plan.wanted)]
    if missing:
        raise click.ClickException(f"{source} has no {' and no '.join(missing)}: install Tackroom again")
    before = _written_before(directory)
    for name, content in plan.wanted.items():
        file = directory / name
        obstacle = _obstacle(directory, name)
        if obstacle is not None:
            raise click.ClickException(f"nothing was written: {obstacle}: move it away")
        if not os.path.lexists(file):
            plan.write.append(name)
            continue
        there = None if file.is_symlink() or not file.is_file() else file.read_bytes()
        if there == content and _executable(file) == _executable(source / name):
            continue
        plan.write.append(name)
        if there is None or (there != content and _digest(there) != before.get(name)):
            plan.edited.append(name)
    for name, digest in before.items():
        file = directory / name
        if name in plan.wanted or _obstacle(directory, name) is not None or not file.is_file():
            continue
        if _digest(file.read_bytes()) == digest:
            plan.remove.append(name)
    return plan


def _written_before(directory: Path) -> dict[str, str]:
    """Return the SHA-256 of each file as it was written; nothing when that is not known."""
    try:
        files: Any = json.loads((directory / RECORD).read_bytes())["files"]
        # of our trees alone: whatever a record says, nothing else is touched
        return {str(name): str(digest) for name, digest in files.items() if _inside(str(name))}
    except (FileNotFoundError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return {}


def _inside(name: str) -> bool:
    parts = Path(name).parts
    return len(parts) > 1 and parts[0] in TREES and ".." not in parts


def _record(plan: Plan) -> bytes:
    files = {name: _digest(content) for name, content in plan.wanted.items()}
    return json.dumps({"version": __version__, "files": files}, indent=1).encode() + b"\n"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _executable(file: Path) -> bool:
    return bool(file.stat().st_mode & 0o100)


def _obstacle(directory: Path, name: str) -> str | None:
    """Return what keeps a file from being where it is to be, None when nothing does.

    A link on the way is one: it may lead out of DIR, and nothing is written or removed there.
    """
    for place in (directory / parent for parent in Path(name).parents[:-1]):
        if os.path.lexists(place) and (place.is_symlink() or not place.is_dir()):
            return f"{place} is no directory, or a link to one"
    file = directory / name
    return f"{file} is a directory" if file.is_dir() and not file.is_symlink() else None


def _write(file: Path, content: bytes, *, executable: bool = False) -> None:
    """Write a file whole, or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            os.fchmod(stream.fileno(), (0o777 if executable else 0o666) & ~_umask())
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask

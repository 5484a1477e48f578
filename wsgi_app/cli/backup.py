"""`tackroom backup`: this machine's data into a directory, while Tackroom runs."""

import errno
import os
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wsgi_app.cli.bar import Bar, human
from wsgi_app.cli.output import json_option, print_json
from wsgi_app.cli.place import as_owner, owned_here
from wsgi_app.documents.reports.shown import printable
from wsgi_app.errors import DiskFull

if TYPE_CHECKING:
    # all other subcommands are there without SQLAlchemy
    from wsgi_app.core.backup import Backup
    from wsgi_app.core.manifest import Manifest

#: exit status when the backup is made, and logs are not what the database says
LOGS_DIFFER = 6


@click.command(
    short_help="Copy this machine's data, Tackroom running.",
    epilog=f"""\b
Examples:
  tackroom backup /srv/backup/tackroom
  tackroom backup --json /srv/backup/tackroom

Exit status: 0 made; 1 not made: an older backup in DIR is as it was; {LOGS_DIFFER} made, but logs on the disk are not
what the database says, or are missing: they are named, and were copied as they are.""",
)
@json_option("what was copied")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.pass_context
def backup(context: click.Context, directory: Path, as_json: bool) -> None:
    """Copy the data of this machine's Tackroom into DIR, whether it runs or not.

    The database, as it is at one moment, and the logs that it knows; the gate is made from them again. DIR is made, or
    is empty, or holds an earlier backup: then only new logs are copied, and when it is broken off or fails, that
    earlier one is still whole. Root does it for the owner of the data; DIR is root's then. The admin token is not
    copied: restored data gets another.
    """
    from wsgi_app.core.backup import UNFINISHED, Backup

    config = owned_here()
    directory = directory.absolute()
    if directory.resolve().is_relative_to(config.data.resolve()):
        raise click.ClickException(f"{directory} lies in the data itself: choose a directory elsewhere")
    if (directory / UNFINISHED).exists():
        click.echo(f"the last backup into {directory} was broken off: going on with it", err=True)

    def for_owner() -> AbstractContextManager[None]:
        return as_owner(config.data)

    bar = Bar("backing up", None, sys.stderr)
    made = Backup(config, directory, for_owner, bar.reach)
    os.umask(0o077)
    try:
        found = made.run()
    except (DiskFull, OSError) as error:
        raise click.ClickException(_reason(error, directory)) from None
    finally:
        bar.close()
    _tell(made, found, as_json=as_json)
    context.exit(LOGS_DIFFER if found.missing or found.differing else 0)


def _reason(error: "DiskFull | OSError", directory: Path) -> str:
    if isinstance(error, DiskFull) or error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{directory}: the disk is full: make room and repeat it; logs that are copied are kept"
    where = directory if error.filename is None else error.filename
    return f"{where}: {error.strerror or error}"


def _tell(made: "Backup", found: "Manifest", *, as_json: bool) -> None:
    growing = len(found.loose) - len(found.differing)
    if as_json:
        print_json(
            {
                "directory": str(made.directory),
                "made": found.made,
                "schema": found.schema,
                "database_bytes": found.database_bytes,
                "counts": found.counts,
                "logs": {"copied": made.copied, "kept": made.kept, "growing": growing},
                "log_bytes": made.log_bytes,
                "differing": found.differing,
                "missing": list(found.missing),
            }
        )
    else:
        click.echo(
            f"{made.directory}: the backup of {found.made}: {found.counts['jobs']} jobs, "
            f"{made.copied + made.kept + len(found.loose)} logs ({human(made.log_bytes)}; {made.kept} were there "
            f"already, {growing} are growing)"
        )
    for name in found.differing:
        click.echo(f"damaged: the log {printable(name)} is not what the database says; copied as it is", err=True)
    for name in found.missing:
        click.echo(f"missing: the log {printable(name)} is in the database and not on the disk", err=True)

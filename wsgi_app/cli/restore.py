"""`tackroom restore`: a backup into an empty data directory."""

import errno
import os
import pwd
import sys
from pathlib import Path

import click

from wsgi_app.cli.bar import Bar, human
from wsgi_app.cli.output import json_option, print_json
from wsgi_app.cli.place import DATA, FILE, SETTINGS, named_data
from wsgi_app.cli.serve import SERVICE_USER, account_of, data_directory
from wsgi_app.documents.reports.shown import printable
from wsgi_app.errors import DiskFull

#: whom the units of a lab controller run as
CONTROLLER_USER = "tackroom"


@click.command(
    short_help="Make a backup the data of this machine.",
    epilog="""\b
Examples:
  tackroom restore /srv/backup/tackroom
  tackroom restore --data /srv/tackroom /srv/backup/tackroom

Exit status: 0 restored; 1 not restored: the data directory is as it was.""",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Data directory, empty or not there.  [default: the lab controller's on one, else ./var]",
)
@click.option(
    "--user",
    metavar="NAME",
    help=f"Whose it is to be.  [default: for root {CONTROLLER_USER} on a lab controller, else {SERVICE_USER}; "
    "else you]",
)
@json_option("what was restored")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
def restore(directory: Path, data: Path | None, user: str | None, as_json: bool) -> None:
    """Make the backup in DIR the data of a Tackroom on this machine; 'tackroom serve' starts it then, or on a lab
    controller 'systemctl start tackroom.target'.

    Everything is checked before any of it can be used. What had not finished when the backup was made, queued recipes
    too, comes back Aborted: it may have run since, and nothing runs twice. Numbers that were given out since are never
    given out again. The next start makes a new admin token; the old one is void.
    """
    from wsgi_app.core.restore import Owner, Restore

    environ = dict(os.environ)
    if user is None and os.geteuid() == 0 and _is_controller():
        user = CONTROLLER_USER
    account = account_of(user)
    if data is None and not environ.get(DATA) and (named := named_data(Path(environ.get(FILE) or SETTINGS))):
        place = named.absolute()
        environ.setdefault(FILE, str(SETTINGS))
    else:
        place = data_directory(data, account)
    bar = Bar("restoring", None, sys.stderr)

    def complain(sentence: str) -> None:
        bar.close()
        click.echo(printable(sentence), err=True)

    os.umask(0o027)
    owner = None if account is None else Owner(account.uid, account.gid)
    try:
        done = Restore(directory.absolute(), place, owner, bar.reach, complain, environ).run()
    except (DiskFull, OSError) as error:
        raise click.ClickException(_reason(error, place)) from None
    finally:
        bar.close()
    found = done.manifest
    if as_json:
        print_json(
            {
                "data": str(place),
                "made": found.made,
                "counts": found.counts,
                "logs": done.logs,
                "log_bytes": done.log_bytes,
                "aborted": list(done.aborted),
                "differing": found.differing,
                "missing": list(found.missing),
            }
        )
    else:
        click.echo(
            f"{place}: restored as it was on {found.made}: {found.counts['jobs']} jobs, {done.logs} logs "
            f"({human(done.log_bytes)}); {len(done.aborted)} recipes had not finished and are aborted now"
        )
    if done.unfinished:
        click.echo(f"a younger backup into {directory} was broken off: this is the one before it", err=True)


def _is_controller() -> bool:
    """Whether this is a lab controller: its settings are in /etc, and its units' user is there."""
    try:
        pwd.getpwnam(CONTROLLER_USER)
    except KeyError:
        return False
    return SETTINGS.exists()


def _reason(error: "DiskFull | OSError", place: Path) -> str:
    if isinstance(error, DiskFull) or error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{place}: the disk is full: make room and repeat it; nothing was restored"
    return f"{place if error.filename is None else error.filename}: {error.strerror or error}"

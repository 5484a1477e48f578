"""`tackroom doctor`: what is wrong here, and its mend."""

import fcntl
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
from attrs import frozen

from wsgi_app.cli.client import Client, Refused, Unreachable, local_server
from wsgi_app.config import load
from wsgi_app.errors import Invalid
from wsgi_app.services import httpd

#: free bytes below which uploads are soon refused
LOW_SPACE = 1 << 30
#: one watch a directory, some directories a running recipe
FEW_WATCHES = 8192


@frozen
class Finding:
    """One thing looked at; `mend` is None when it is in order."""

    what: str
    mend: str | None = None


@click.command()
def doctor() -> None:
    """Look for what keeps Tackroom from working on this machine; exit status 1 when there is something."""
    findings = list(_findings())
    for finding in findings:
        click.echo(f"{'ok' if finding.mend is None else 'MEND'}  {finding.what}")
        if finding.mend is not None:
            click.echo(f"      {finding.mend}")
    sys.exit(any(finding.mend is not None for finding in findings))


def _findings() -> Iterator[Finding]:
    yield _settings()
    yield _httpd()
    yield _watches()
    server = local_server()
    if server is not None:
        yield from _data(server.data)
    yield _server()


def _settings() -> Finding:
    try:
        load()
    except Invalid as error:
        return Finding("settings", error.message)
    return Finding("settings can be read")


def _httpd() -> Finding:
    found = httpd.find()
    if found is None:
        mend = "apt-get install apache2-bin; without it logs go through Python"
        return Finding("httpd with mod_dav_fs is not installed", mend)
    return Finding(f"httpd: {found}")


def _watches() -> Finding:
    most = int(Path("/proc/sys/fs/inotify/max_user_watches").read_text())
    what = f"inotify: {most} watches"
    if most < FEW_WATCHES:
        return Finding(what, f"sysctl fs.inotify.max_user_watches={16 * FEW_WATCHES}")
    return Finding(what)


def _data(data: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(data).free
    what = f"{data}: {free >> 20} MiB free"
    yield Finding(what, None if free > LOW_SPACE else "make room, or move the data to a larger disk")
    try:
        with tempfile.TemporaryFile(dir=data / "logs") as file:
            # the indexer tells by a lease whether a log is still being written
            fcntl.fcntl(file.fileno(), fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except OSError as error:
        yield Finding(f"{data}/logs: {error.strerror}", "the data must lie on a local file system that we may write")
    else:
        yield Finding(f"{data}/logs can be written")


def _server() -> Finding:
    client = Client.from_environment()
    try:
        client.call("GET", "readyz")
    except (Unreachable, Refused) as error:
        return Finding(f"no answer at {client.url}", str(error))
    return Finding(f"Tackroom answers at {client.url}")

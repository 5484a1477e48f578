"""`tackroom doctor`: what is wrong here, and its mend."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import click

from wsgi_app.cli.client import Client, Refused, Unreachable, destination
from wsgi_app.cli.findings import Finding
from wsgi_app.cli.findings.certificate import certificate
from wsgi_app.cli.findings.data import data
from wsgi_app.cli.findings.lab import lab
from wsgi_app.cli.findings.machine import machine
from wsgi_app.cli.findings.server import base_url, server
from wsgi_app.cli.findings.units import units
from wsgi_app.cli.findings.user import profiles, settings
from wsgi_app.cli.findings.workers import wanted, workers
from wsgi_app.cli.localserver import local_server
from wsgi_app.cli.output import json_option, print_json
from wsgi_app.cli.place import load_here, named_data
from wsgi_app.documents.reports.shown import printable

#: exit status when something is to be mended
SOMETHING = 1


@click.command(
    short_help="Look for what is wrong, and say how to mend it.",
    epilog="Example: tackroom doctor\n\nExit status: 0 all is in order, 1 something is to be mended.",
)
@json_option("the findings")
@click.pass_context
def doctor(context: click.Context, as_json: bool) -> None:
    """Look for what keeps Tackroom from working, and say how to mend it.

    Looks at the user's profiles and at the server that this command talks to; on the machine that Tackroom runs on, at
    its settings, httpd, units, backup, certificate, inotify, disk, database and gate too, without changing anything: as
    root or as the user that runs Tackroom it sees most.
    """
    found = []
    for finding in _findings():
        found.append(finding)
        if not as_json:
            _print(finding)
    if as_json:
        print_json([{"check": one.check, "ok": one.mend is None, "what": one.what, "mend": one.mend} for one in found])
    context.exit(SOMETHING if any(finding.mend is not None for finding in found) else 0)


def _print(finding: Finding) -> None:
    if finding.mend is None:
        click.echo(f"{click.style('ok', fg='green')}    {printable(finding.what)}")
        return
    click.echo(f"{click.style('MEND', fg='red')}  {printable(finding.what)}")
    click.echo(f"      {printable(finding.mend)}")


def _findings() -> Iterator[Finding]:
    yield from profiles()
    readable = settings()
    yield readable
    wrong = set()
    if readable.mend is None:
        for finding in _here():
            if finding.mend is not None:
                wrong.add(finding.check)
            yield finding
    # what was found here is told better than the server does
    yield from (finding for finding in _there() if finding.mend is None or finding.check not in wrong)


def _here() -> Iterator[Finding]:
    """Look at this machine, and at the data on it."""
    config = load_here().config
    there = config.data.is_dir()
    # a machine that only talks to a Tackroom elsewhere needs none of this
    if there or _may_serve():
        yield from machine(config)
    if config.data == named_data():
        yield from units(workers=wanted(config))
    if not there:
        yield Finding("data", f"{config.data.absolute()} is not there: Tackroom has not run here")
        return
    try:
        yield from data(config)
        if config.database.exists():
            # all other subcommands are there without SQLAlchemy
            from wsgi_app.cli.findings.processes import clock, processes
            from wsgi_app.cli.findings.records import records

            yield clock(config)
            yield from records(config)
            if (config.run / "url").exists():
                yield from processes(config)
                yield from workers(config)
        elif config.admin_token.exists():
            yield Finding(
                "database",
                f"{config.database} is not there, and the rest of the data is",
                "put it back; if it is lost, move the data directory aside and restore a backup: tackroom restore DIR",
            )
    except PermissionError as error:
        yield Finding(
            "data", f"{error.filename}: {error.strerror}", "run it as root, or as the user that runs Tackroom"
        )
    shown = certificate(config.base_url) if config.base_url.startswith("https:") else None
    yield from (finding for finding in (shown, base_url(config)) if finding is not None)


def _may_serve() -> bool:
    """Whether the command talks to this machine: then Tackroom is to run here."""
    try:
        url = destination().url
    except click.ClickException:
        return True
    return urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost")


def _there() -> Iterator[Finding]:
    """Look at the server, wherever it is."""
    try:
        client = Client.from_environment()
    except click.ClickException as error:
        yield Finding("server", error.message, "say which server: --url, --profile or TACKROOM_URL")
        return
    wrong = set()
    for finding in server(client, local_server()):
        if finding.mend is not None:
            wrong.add(finding.check)
        yield finding
    if wrong & {"server", "certificate"}:
        return
    try:
        # a token that is void is told already, and would only be in the way
        yield from lab(Client(client.url, None, destination().ca_file) if "token" in wrong else client)
    except (Unreachable, Refused) as error:
        yield Finding("systems", f"the queue cannot be read: {error}", "see the findings above")

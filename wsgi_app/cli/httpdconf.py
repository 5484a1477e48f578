"""`tackroom admin httpd-conf` and `httpd-check`: the configuration of a lab controller's httpd."""

import shlex
from collections import defaultdict
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Any

import click

from wsgi_app import __version__
from wsgi_app.cli.place import load_here
from wsgi_app.config import Loaded
from wsgi_app.services import httpd

LAST_PORT = 65535


class Listener(click.ParamType[str]):
    """ADDRESS:PORT, as httpd takes it."""

    name = "ADDRESS:PORT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return it in its shortest form."""
        host, _, port = str(value).rpartition(":")
        try:
            address = ip_address(host[1:-1] if host.startswith("[") and host.endswith("]") else host)
        except ValueError:
            self.fail(f"{value!r} is no ADDRESS:PORT, such as 0.0.0.0:443 or [::]:443", param, ctx)
        if (address.version == 6) != host.startswith("["):
            self.fail(f"{value!r}: an IPv6 address, and no other, stands in brackets, as in [::]:443", param, ctx)
        if isinstance(address, IPv6Address) and address.scope_id is not None:
            self.fail(f"{value!r}: an address with an interface holds on one machine only; take another", param, ctx)
        if not (
            port.isascii() and port.isdecimal() and len(port) <= len(str(LAST_PORT)) and 0 < int(port) <= LAST_PORT
        ):
            self.fail(f"{value!r}: a port is a number from 1 to {LAST_PORT}", param, ctx)
        return f"[{address}]:{int(port)}" if address.version == 6 else f"{address}:{int(port)}"


_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(
    "httpd-conf",
    short_help="Print httpd's configuration for this machine.",
    epilog="""\b
Examples:
  tackroom admin httpd-conf --http 0.0.0.0:8000
  tackroom admin httpd-conf --https 0.0.0.0:443 --certificate crt --key key""",
)
@click.option("--https", type=Listener(), help="Where it speaks TLS.")
@click.option("--certificate", type=_FILE, metavar="FILE", help="The certificate for it, its chain behind it (PEM).")
@click.option("--key", type=_FILE, metavar="FILE", help="The certificate's key, without a passphrase (PEM).")
@click.option("--http", type=Listener(), help="Where it speaks plainly; beside --https to harnesses only.")
def httpd_conf(https: str | None, certificate: Path | None, key: Path | None, http: str | None) -> None:
    """Print a complete configuration for `apache2 -f`, made of the settings of this machine's Tackroom.

    It takes in the files of this very program, so make it anew after an upgrade. httpd runs as whoever starts it.
    """
    tls = _tls(https, certificate, key)
    if tls is None and http is None:
        raise click.UsageError("say where httpd listens: --https ADDRESS:PORT, --http ADDRESS:PORT, or both")
    if tls is not None and http is not None and _port(tls.listen) == _port(http):
        raise click.UsageError(f"--https and --http cannot both have port {_port(http)}")
    loaded = load_here()
    text = httpd.configuration(loaded.config, http, tls)
    click.echo(_origin(loaded, tls, http) + text, nl=False)


@click.command(
    "httpd-check",
    short_help="Check a configuration of httpd-conf, and its certificate.",
    epilog="Example: tackroom admin httpd-check /etc/tackroom/httpd.conf",
)
@click.argument("file", metavar="FILE", type=_FILE)
def httpd_check(file: Path) -> None:
    """Say whether httpd can start, or reload, with FILE.

    Ask before each reload: httpd's own test does not look into certificates, and with one that it cannot use a reload
    ends httpd. Exit status 1 when it cannot; the message says why.
    """
    problem = httpd.check_file(file)
    if problem is not None:
        raise click.ClickException(f"httpd cannot take {file}: {problem}")
    click.echo(f"httpd can take {file}")


def _tls(https: str | None, certificate: Path | None, key: Path | None) -> httpd.Tls | None:
    if https is None:
        if certificate is not None or key is not None:
            raise click.UsageError("--certificate and --key are for --https ADDRESS:PORT, which is not there")
        return None
    if certificate is None or key is None:
        raise click.UsageError("--https needs a certificate and its key: --certificate FILE --key FILE")
    return httpd.Tls(https, certificate, key)


def _port(listener: str) -> str:
    return listener.rpartition(":")[2]


def _origin(loaded: Loaded, tls: httpd.Tls | None, http: str | None) -> str:
    """Return a comment: which command has made it, and of what."""
    words = ["tackroom", "admin", "httpd-conf"]
    if tls is not None:
        words += ["--https", tls.listen, "--certificate", str(tls.certificate), "--key", str(tls.key)]
    if http is not None:
        words += ["--http", http]
    places = defaultdict(list)
    for name, place in sorted(loaded.origin.items()):
        if place != "default":
            places[place].append(name)
    settings = "; ".join(f"{place}: {', '.join(names)}" for place, names in sorted(places.items()))
    return (
        f"# Made by Tackroom {__version__}; make it anew instead of editing it:\n# {shlex.join(words)}\n"
        f"# Settings that are not the default: {settings or 'none'}\n"
    )

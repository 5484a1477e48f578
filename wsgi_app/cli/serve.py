"""`tackroom serve`: a whole Tackroom in the foreground. The processes that it starts are in `processes`.

What only it needs is imported where it begins: it takes a third of a second, and all other subcommands are there
without it.
"""

import os
import pwd
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click

from wsgi_app import logging
from wsgi_app.config import ENV_PREFIX, Config, load
from wsgi_app.services import httpd
from wsgi_app.services.children import Account

#: who runs everything when root starts it and does not say
SERVICE_USER = "www-data"
#: where root keeps the data when the service user cannot reach ./var
SYSTEM_DATA = Path("/var/lib/tackroom")


@click.command(
    short_help="Run a whole Tackroom on this machine.",
    epilog="""\b
Examples:
  tackroom serve
  tackroom serve --listen 0.0.0.0:80 --data /srv/tackroom""",
)
@click.option("--data", type=click.Path(path_type=Path), help="Data directory.  [default: ./var]")
@click.option("--listen", default="127.0.0.1:8080", show_default=True, metavar="HOST:PORT", help="Where to listen.")
@click.option(
    "--httpd",
    "front",
    type=click.Choice(["auto", "apache", "none"]),
    default="auto",
    show_default=True,
    help="apache: logs go through httpd; none: gunicorn alone; auto: apache if it is installed.",
)
@click.option(
    "--user", metavar="NAME", help=f"Whom the processes run as.  [default: {SERVICE_USER} for root, else you]"
)
def serve(data: Path | None, listen: str, front: str, user: str | None) -> None:
    """Run a whole Tackroom on this machine, in the foreground, until SIGTERM or Ctrl-C."""
    from wsgi_app.services.server import Server

    host, port = _address(listen)
    account = account_of(user)
    logging.set_up("serve")
    # a person reads sentences; a file or the journal gets lines like those of the other processes
    say = click.echo if sys.stdout.isatty() else logging.sayer("serve")
    config = _config(data_directory(data, account, say), _front(front, say), host, port)
    Server(config, host, port, account, say).run()


def _address(listen: str) -> tuple[str, int]:
    host, separator, port = listen.rpartition(":")
    if not separator or not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise click.UsageError(f"--listen reads HOST:PORT, not {listen!r}")
    return host, int(port)


def account_of(user: str | None) -> Account | None:
    """Return whom the processes run as, None for oneself."""
    if os.geteuid() != 0:
        if user is not None and user != pwd.getpwuid(os.geteuid()).pw_name:
            raise click.UsageError("only root may run it as another user")
        return None
    try:
        entry = pwd.getpwnam(user or SERVICE_USER)
    except KeyError:
        raise click.UsageError(f"there is no user {user or SERVICE_USER!r} on this machine") from None
    return None if entry.pw_uid == 0 else Account(entry.pw_uid, entry.pw_gid)


def data_directory(given: Path | None, account: Account | None, say: Callable[[str], None] = click.echo) -> Path:
    """Return where the data goes: where it was asked for, else ./var, or out of root's home where others may go."""
    default = Path(given or os.environ.get(ENV_PREFIX + "DATA") or "var").absolute()
    if given is not None or account is None or _reaches(account, default.parent):
        return default
    say(f"{default} is out of reach of the service user: the data is in {SYSTEM_DATA}")
    return SYSTEM_DATA


def _reaches(account: Account, path: Path) -> bool:
    check = ["test", "-x", str(path)]
    return subprocess.run(check, user=account.uid, group=account.gid, extra_groups=[], check=False).returncode == 0


def _front(wish: str, say: Callable[[str], None]) -> str:
    if wish == "none":
        return "none"
    if httpd.find() is not None:
        return "apache"
    if wish == "apache":
        raise click.ClickException("httpd with mod_dav_fs is not installed: apt-get install apache2-bin")
    say("httpd is not installed: running embedded, gunicorn answers the same URLs")
    return "none"


def _config(data: Path, front: str, host: str, port: int) -> Config:
    # the children read their settings from the environment too
    os.environ[ENV_PREFIX + "DATA"] = str(data)
    os.environ[ENV_PREFIX + "FRONT"] = front
    config = load().config
    if config.base_url:
        return config
    name = socket.getfqdn() if host in ("0.0.0.0", "[::]") else host  # noqa: S104 - compared, not bound
    os.environ[ENV_PREFIX + "BASE_URL"] = f"http://{name}:{port}{config.prefix}"
    return load().config

"""`tackroom serve`, and the processes that it starts.

What only these processes need is imported where they begin: it takes a third of a second, and all other subcommands are
there without it.
"""

import os
import pwd
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import FrameType

import click

from wsgi_app import logging
from wsgi_app.config import ENV_PREFIX, Config, load
from wsgi_app.errors import TackroomError
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


@click.command(hidden=True)
def initialise() -> None:
    """Make or upgrade what the data directory holds, the admin token included."""
    from wsgi_app.core import disk
    from wsgi_app.core.gateway import open_gateway
    from wsgi_app.services.server import UNFIT
    from wsgi_app.store import soundness

    config = load().config
    try:
        soundness.require_sound(config.database, largest=soundness.LARGEST_AT_START)
        gateway = open_gateway(config)
        gateway.access.issue_admin_token()
        # before anybody can call: the gate may be older or newer than the database
        gateway.strays.set_aside()
        gateway.gate_image.rebuild()
        gateway.close()
    except TackroomError as error:
        click.echo(error.message)
        sys.exit(UNFIT)
    except OSError as error:
        # of anything else, rights above all, `serve` says what to do
        if error.errno not in disk.TROUBLE:
            raise
        click.echo(disk.typed(error, str(config.data)).message)
        sys.exit(UNFIT)


@click.command(hidden=True)
def indexer() -> None:
    """Turn finished logs into results."""
    from wsgi_app.core.gateway import open_gateway
    from wsgi_app.indexer import service as indexer_service

    logging.set_up("indexer")
    config = load().config
    indexer_service.run(open_gateway(config), config, _stop_on_signal())


@click.command(hidden=True)
def timer() -> None:
    """Expire watchdogs and close logs."""
    from wsgi_app.app import Application
    from wsgi_app.core import traffic
    from wsgi_app.core.gateway import open_gateway
    from wsgi_app.core.heartbeat import TIMER, Heartbeat
    from wsgi_app.services import timer as timer_service
    from wsgi_app.services.accesslog import AccessLog
    from wsgi_app.services.routes import Routes

    logging.set_up("timer")
    config = load().config
    gateway = open_gateway(config)
    routes = Routes(Application(gateway, config).rules, config.prefix)
    log = AccessLog(config.run, config.run / traffic.FILE, routes)
    duties = {"counting traffic": log.follow}
    with closing(log):
        timer_service.Timer(gateway, duties).run(_stop_on_signal(), Heartbeat(config.run / TIMER))


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


def _stop_on_signal() -> threading.Event:
    stop = threading.Event()

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)
    return stop

"""The processes of a Tackroom, one hidden command each: `tackroom serve` starts them, or systemd's units do.

What only these processes need is imported where they begin: it takes a third of a second, and all other subcommands are
there without it.
"""

import os
import signal
import sys
import threading
from contextlib import closing
from types import FrameType

import click

from wsgi_app import logging
from wsgi_app.config import load
from wsgi_app.errors import TackroomError
from wsgi_app.lasting import lasting


@click.command(hidden=True)
def initialise() -> None:
    """Make or upgrade what the data directory holds, the tokens of admin and of workers included."""
    with lasting():
        from wsgi_app.core import disk
        from wsgi_app.core.gateway import open_gateway
        from wsgi_app.services import sdnotify
        from wsgi_app.services.server import UNFIT
        from wsgi_app.store import soundness

    config = load().config
    try:
        soundness.require_sound(config.database, largest=soundness.LARGEST_AT_START)
        gateway = open_gateway(config)
        gateway.access.issue_admin_token()
        gateway.access.issue_workers_token()
        gateway.access.make_callback_key()
        # before anybody can call: the gate may be older or newer than the database
        gateway.strays.set_aside()
        gateway.gate_image.rebuild()
        gateway.close()
    except TackroomError as error:
        reason = error.message
    except OSError as error:
        # of anything else, rights above all, `serve` says what to do
        if error.errno not in disk.TROUBLE:
            raise
        reason = disk.typed(error, str(config.data)).message
    else:
        return
    click.echo(reason)
    # while it is tried again, `systemctl status` shows this and not the journal of what has failed
    sdnotify.taken(os.environ).tell(f"STATUS={reason}")
    sys.exit(UNFIT)


@click.command(hidden=True)
def web() -> None:
    """Answer the calls that come in by the socket systemd gave us: become gunicorn."""
    from wsgi_app.services import httpd
    from wsgi_app.services import web as web_service

    config = load().config
    web_service.require_socket(config, os.environ)
    web_service.announce(config)
    vector = web_service.command(config, f"unix:{httpd.socket(config)}", web_service.UNIT_GRACE_SECONDS)
    # the same process: the socket, and the right to say how the service is, are given to its id
    os.execv(vector[0], vector)  # noqa: S606 - no shell is wanted


@click.command(hidden=True)
def indexer() -> None:
    """Turn finished logs into results."""
    with lasting():
        from wsgi_app.core.gateway import open_gateway
        from wsgi_app.indexer import service as indexer_service
        from wsgi_app.services import sdnotify

    logging.set_up("indexer")
    notices = sdnotify.taken(os.environ)
    config = load().config
    indexer_service.run(open_gateway(config), config, _stop_on_signal(), notices.at_work)
    notices.stopping()


@click.command(hidden=True)
def timer() -> None:
    """Expire watchdogs and close logs."""
    with lasting():
        from wsgi_app.app import Application
        from wsgi_app.core import traffic
        from wsgi_app.core.gateway import open_gateway
        from wsgi_app.core.heartbeat import TIMER, Heartbeat
        from wsgi_app.services import sdnotify
        from wsgi_app.services import timer as timer_service
        from wsgi_app.services.accesslog import AccessLog
        from wsgi_app.services.routes import Routes

    logging.set_up("timer")
    notices = sdnotify.taken(os.environ)
    config = load().config
    gateway = open_gateway(config)
    routes = Routes(Application(gateway, config).rules, config.prefix)
    log = AccessLog(config.run, config.run / traffic.FILE, routes)
    duties = {"counting traffic": log.follow}
    with closing(log):
        timer_service.Timer(gateway, duties, notices).run(_stop_on_signal(), Heartbeat(config.run / TIMER))
    notices.stopping()


@click.command(hidden=True)
def publisher() -> None:
    """Tell what happens to those who listen."""
    with lasting():
        from wsgi_app.core.gateway import open_gateway
        from wsgi_app.services import sdnotify
        from wsgi_app.services.publisher import service as publisher_service

    logging.set_up("publisher")
    notices = sdnotify.taken(os.environ)
    config = load().config
    publisher_service.run(open_gateway(config), config, notices)


def _stop_on_signal() -> threading.Event:
    stop = threading.Event()

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)
    return stop

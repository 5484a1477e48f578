"""How gunicorn is started: on an address of its own, or on the socket that systemd gave us."""

import os
import socket
import sys
from collections.abc import Mapping

from wsgi_app.config import Config
from wsgi_app.errors import Invalid
from wsgi_app.services import httpd

#: the first of the descriptors that systemd passes. Source: sd_listen_fds(3)
_FIRST_GIVEN = 3

#: seconds that running calls get to end when the web stops
GRACE_SECONDS = 4
#: the same below a service manager, where no terminal waits for it: a body that comes slowly is to get through
UNIT_GRACE_SECONDS = 8


def command(config: Config, bind: str, grace: int = GRACE_SECONDS) -> list[str]:
    """Return the argument vector of gunicorn on `bind` (`HOST:PORT` or `unix:PATH`); `grace` as in `GRACE_SECONDS`.

    Its limits are httpd's: request line, number of headers, idle connections (apache/tackroom.conf).
    """
    options = {
        "config": "python:wsgi_app.services.inherited",
        "bind": bind,
        "worker-class": "wsgi_app.services.accepting.AcceptingWorker",
        "workers": config.workers,
        "threads": config.threads,
        # else the first call looks on the disk for another one, and is lost when it can open no files
        "http-parser": "python",
        "worker-connections": 4 * config.threads,
        "keep-alive": 65,
        "graceful-timeout": grace,
        "limit-request-line": 4094,
        # httpd adds some to the client's 64
        "limit-request-fields": 64 if config.front == "none" else 80,
        "log-level": "warning",
        "logger-class": "wsgi_app.services.weblog.Weblog",
        "umask": "027",
        # nobody may set SCRIPT_NAME and PATH_INFO by header
        "forwarder-headers": "",
    }
    if config.front == "none":
        # clients speak to it themselves
        options["worker-class"] = "wsgi_app.services.worker.Worker"
        # nobody else writes one
        options["access-logfile"] = str(config.run.absolute() / "access.log")
    flags = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return [sys.executable, "-P", "-m", "gunicorn", "--no-control-socket", *flags, "wsgi_app.wsgi:application()"]


def require_socket(config: Config, environ: Mapping[str, str]) -> None:
    """Look whether systemd gave this process the socket on which httpd expects the application, and no other.

    Raises `Invalid`. Source: sd_listen_fds(3).
    """
    wanted = httpd.socket(config)
    if config.front != "apache":
        raise Invalid(
            f"front is {config.front!r}, and the socket is for httpd's calls alone: set front to apache, "
            "or use 'tackroom serve'",
            field="front",
        )
    if environ.get("LISTEN_PID") != str(os.getpid()) or environ.get("LISTEN_FDS") != "1":
        raise Invalid(
            f"this is what tackroom-web.service starts, on the socket {wanted} that tackroom-web.socket gives it: "
            "without systemd, use 'tackroom serve'"
        )
    try:
        with socket.socket(fileno=os.dup(_FIRST_GIVEN)) as given:
            listening = given.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            name = given.getsockname()
    except OSError as error:
        raise Invalid(f"descriptor {_FIRST_GIVEN} is no socket: {error.strerror}") from None
    if not listening or name != str(wanted):
        raise Invalid(f"tackroom-web.socket listens on {name}, and httpd calls {wanted}: set its ListenStream to that")


def announce(config: Config) -> None:
    """Write where this Tackroom is reached, for the command on this machine. Raises `Invalid`, OSError."""
    if not config.base_url:
        raise Invalid("base_url is not set: set it to the URL under which httpd answers", field="base_url")
    say_where(config, config.base_url)


def say_where(config: Config, url: str) -> None:
    """Write the URL for the command on this machine: whoever finds it finds it whole. Raises OSError."""
    fresh = config.run / "url.new"
    # whatever has this name: root does not write into the file that a link of the service user's leads to
    fresh.unlink(missing_ok=True)
    with fresh.open("x", encoding="utf-8") as file:
        file.write(url + "\n")
    fresh.replace(config.run / "url")

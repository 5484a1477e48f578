"""How gunicorn is started."""

import sys

from wsgi_app.config import Config

#: seconds that running calls get to end when the web stops
GRACE_SECONDS = 4


def command(config: Config, bind: str) -> list[str]:
    """Return the argument vector of gunicorn on `bind` (`HOST:PORT` or `unix:PATH`).

    Its limits are httpd's: request line, number of headers, idle connections (apache/tackroom.conf).
    """
    options = {
        "config": "python:wsgi_app.services.inherited",
        "bind": bind,
        "worker-class": "wsgi_app.services.accepting.AcceptingWorker",
        "workers": config.workers,
        "threads": config.threads,
        "worker-connections": 4 * config.threads,
        "keep-alive": 65,
        "graceful-timeout": GRACE_SECONDS,
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

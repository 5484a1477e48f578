"""mod_dav_fs alone: httpd with the figures of our configuration for threads and connections, `Dav On`, and no rules."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from lab import SERVICE
from servers import Server, owned, running

from wsgi_app.config import Config
from wsgi_app.services import httpd

#: taken over from our configuration as they are
_SAME = re.compile(
    r"^(?:StartServers|ServerLimit|ThreadLimit|ThreadsPerChild|MaxRequestWorkers|MinSpareThreads|MaxSpareThreads"
    r"|MaxConnectionsPerChild|AsyncRequestWorkerFactor|ListenBacklog|KeepAlive|KeepAliveTimeout|MaxKeepAliveRequests"
    r"|Timeout|EnableSendfile|EnableMMAP)\s.*$",
    re.MULTILINE,
)
#: as deep as ours: each directory of a path costs some time
LOGS = "recipes/1/tasks/2/logs"
_MODULES = ("mpm_event", "authz_core", "dav", "dav_fs")


@contextmanager
def bare_httpd(files: int) -> Iterator[Server]:
    """Let it serve so many empty files below `LOGS`, named by numbers from 0 on."""
    with running("bare httpd", partial(_command, files)) as server:
        yield server


def _command(number: int, port: int, place: Path) -> list[str]:
    configuration = place / "httpd.conf"
    configuration.write_text(_configuration(port, place))
    files = place / "data" / "logs"
    (files / LOGS).mkdir(parents=True)
    for name in range(number):
        (files / LOGS / str(name)).touch()
    owned(files)
    binary = httpd.find()
    assert binary is not None
    return [str(binary), "-f", str(configuration), "-DFOREGROUND"]


def _configuration(port: int, place: Path) -> str:
    ours = (httpd.files() / "tackroom.conf").read_text()
    same = _SAME.findall(ours)
    assert len(same) > 10, same
    lines = [
        *httpd.lines(httpd.defines(Config(data=place))),
        *(f'LoadModule {name}_module "${{TR_MODULES}}/mod_{name}.so"' for name in _MODULES),
        *same,
        f'ServerRoot "{place}"',
        f'DefaultRuntimeDir "{place}"',
        f'PidFile "{place}/httpd.pid"',
        f'ErrorLog "{place}/error.log"',
        "ServerName bare",
        f"Listen 127.0.0.1:{port}",
        f'DocumentRoot "{place}/data/logs"',
        f'DavLockDB "{place}/davlock"',
        # else it would look for .htaccess in each directory of a path
        '<Directory "/">',
        "    AllowOverride None",
        "</Directory>",
        f'<Directory "{place}/data/logs">',
        "    Dav On",
        "    Require all granted",
        "</Directory>",
        *([f"User {SERVICE}", f"Group {SERVICE}"] if os.getuid() == 0 else []),
    ]
    return "\n".join(lines) + "\n"

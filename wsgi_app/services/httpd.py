"""Our private httpd: where it is, how it is started, and whether its configuration holds. The files are in apache/."""

import math
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from wsgi_app.config import Config
from wsgi_app.errors import Invalid
from wsgi_app.services.certificate import unusable

_BINARIES = ("apache2", "httpd")
_PLACES = ("/usr/sbin", "/usr/local/sbin", "/usr/local/apache2/bin")
_MODULES = (
    "/usr/lib/apache2/modules",
    "/usr/lib64/httpd/modules",
    "/usr/lib/httpd/modules",
    "/usr/lib64/apache2",
    "/usr/local/apache2/modules",
)
#: what a path may consist of that becomes part of rewrite rules
_PLAIN = re.compile(r"/[A-Za-z0-9/._+@=-]*")
#: Defines that are paths of files or URLs
_PATHS = {
    "TR_DATA",
    "TR_RUN",
    "TR_SOCKET",
    "TR_PUBLISHER",
    "TR_CONF",
    "TR_PREFIX",
    "TR_CERTIFICATE",
    "TR_CERTIFICATE_KEY",
}
#: as httpd takes them: of whatever case, and with quotes or without
_DEFINE = re.compile(r'^[ \t]*Define[ \t]+(\w+)[ \t]+"?([^"\n]*?)"?[ \t]*$', re.MULTILINE | re.IGNORECASE)
#: bytes that httpd has for the path of a backend's unix socket (PROXY_WORKER_MAX_NAME_SIZE, less the NUL at the end)
_SOCKET_LENGTH = 95
_THREADS = 128
#: making the lock database takes milliseconds
STALE_SECONDS = 2.0
#: threads for uploads and readers, beside those that wait for the application
_SPARE = 1024
_MISSING = "httpd with mod_dav_fs is not installed"


@frozen
class Tls:
    """What TLS needs: where to listen (ADDRESS:PORT), the certificate with its chain and its key, as PEM files."""

    listen: str
    certificate: Path
    key: Path


def find() -> Path | None:
    """Return httpd's binary, or None when httpd or one of the modules that we need is not installed."""
    path = os.pathsep.join([os.environ.get("PATH", ""), *_PLACES])
    for name in _BINARIES:
        found = shutil.which(name, path=path)
        if found is not None and modules() is not None:
            return Path(found)
    return None


def modules() -> Path | None:
    """Return the directory of httpd's modules, or None when there is none that has mod_dav_fs."""
    return next((Path(place) for place in _MODULES if (Path(place) / "mod_dav_fs.so").is_file()), None)


def files() -> Path:
    """Return the directory of our configuration: apache/ of the checkout, else what was installed with the package."""
    checkout = Path(__file__).resolve().parents[2] / "apache"
    return checkout if (checkout / "tackroom.conf").is_file() else Path(sys.prefix) / "share" / "tackroom" / "apache"


def socket(config: Config) -> Path:
    """Return the unix socket on which httpd expects gunicorn."""
    return config.run.absolute() / "web.sock"


def publisher_socket(config: Config) -> Path:
    """Return the unix socket on which httpd expects the publisher."""
    return config.run.absolute() / "publisher.sock"


def pid_file(config: Config) -> Path:
    """Return the file in which a running httpd keeps its process id."""
    return config.run.absolute() / "httpd.pid"


def running(config: Config) -> int:
    """Return the process id that httpd gave when it had come up, 0 when that cannot be read; it may have died."""
    try:
        return int(pid_file(config).read_text())
    # killed while it wrote it, it leaves half a number; without descriptors it is asked again
    except (OSError, ValueError):
        return 0


def free_lock_database(config: Config, *, older: float = STALE_SECONDS) -> bool:
    """Remove what a broken-off making of mod_dav's lock database left behind; True when there was something.

    Nobody locks anything here, but mod_dav_fs opens that database for every PUT (without DavLockDB each is a 500), and
    makes it at the first one: under the name that is removed here. Broken off (a full disk, a kill -9), it would wait
    for its end for ever, and so would every later PUT, with its thread. Raises OSError.
    """
    path = config.run / "__db.davlock"
    try:
        # whichever way the clock was put
        if abs(time.time() - path.lstat().st_mtime) < older:
            return False
        path.unlink()
    except FileNotFoundError:
        return False
    return True


def command(
    config: Config, listen: str = "127.0.0.1:8000", *, foreground: bool = True, user: str | None = None
) -> list[str]:
    """Return the argument vector that starts httpd on `listen` (HOST:PORT or PORT).

    `user` is for root only: whom the workers run as; the data directory must be theirs. umask 027 is the caller's to
    set. Raises `FileNotFoundError` when httpd is not installed.
    """
    vector = [_binary()]
    for line in lines(defines(config, listen, user)):
        vector += ["-C", line]
    vector += ["-f", str(files() / "tackroom.conf")]
    return [*vector, "-DFOREGROUND"] if foreground else vector


def _binary() -> str:
    binary = find()
    if binary is None:
        raise FileNotFoundError(_MISSING)
    return str(binary)


def lines(values: Mapping[str, str]) -> list[str]:
    """Return Defines as lines of a configuration."""
    return [f'Define {name} "{value}"' for name, value in values.items()]


def defines(
    config: Config, listen: str | None = None, user: str | None = None, tls: Tls | None = None
) -> dict[str, str]:
    """Return the Defines that tackroom.conf takes, from the settings; `listen` without TLS, or `tls`, or both."""
    most = max(config.put_max_seconds, 2)
    # every thread of the application may be held by a waiting call, and each reader of events holds one for hours, and
    # the data plane must not notice
    processes = max(16, math.ceil((config.workers * config.threads + config.max_readers + _SPARE) / _THREADS))
    values = {
        "TR_DATA": str(config.data.absolute()),
        "TR_RUN": str(config.run.absolute()),
        "TR_SOCKET": str(socket(config)),
        "TR_PUBLISHER": str(publisher_socket(config)),
        "TR_CONF": str(files()),
        "TR_MODULES": str(modules()),
        "TR_PREFIX": config.prefix,
        "TR_MAX_BODY": str(config.max_body),
        "TR_MAX_END": str(config.max_log - 1),
        "TR_PUT_MAX_SECONDS": str(most),
        "TR_PUT_FIRST_SECONDS": str(min(20, most - 1)),
        "TR_PROCESSES": str(processes),
        "TR_THREADS": str(_THREADS),
        "TR_CALLS": str(processes * _THREADS),
        "TR_SLOTS": str(2 * processes),
    }
    if listen is not None:
        values["TR_LISTEN"] = listen
    if tls is not None:
        values["TR_HTTPS_LISTEN"] = tls.listen
        values["TR_CERTIFICATE"] = str(tls.certificate.absolute())
        values["TR_CERTIFICATE_KEY"] = str(tls.key.absolute())
    return values if user is None else {**values, "TR_USER": user}


def unfit(config: Config, values: Mapping[str, str]) -> str | None:
    """Return what httpd cannot take of these Defines, though it may not say so; None when there is nothing."""
    for name, value in values.items():
        if name in _PATHS and not _PLAIN.fullmatch(value):
            return f"{name}: {value!r} has a character that httpd's rules cannot take; use letters, digits and /._+@=-"
    longest = max((socket(config), publisher_socket(config)), key=lambda path: len(os.fsencode(path)))
    if len(os.fsencode(longest)) > _SOCKET_LENGTH:
        return f"{longest}: longer than the {_SOCKET_LENGTH} bytes that httpd has for the path of a unix socket"
    return None


def configuration(config: Config, listen: str | None, tls: Tls | None) -> str:
    """Return a complete configuration for `httpd -f`: the Defines, and our files.

    Its workers run as whoever starts it. Raises `Invalid` when httpd is not here, has nowhere to listen, or cannot take
    what a setting says.
    """
    if modules() is None:
        raise Invalid(_MISSING)
    if listen is None and tls is None:
        raise Invalid("httpd has nowhere to listen")
    values = defines(config, listen, tls=tls)
    problem = unfit(config, values)
    if problem is not None:
        raise Invalid(problem)
    return "\n".join([*lines(values), f'Include "{files() / "tackroom.conf"}"', ""])


def check(config: Config, listen: str = "127.0.0.1:8000", *, user: str | None = None) -> str | None:
    """Return what is wrong with httpd's configuration, or None. The run directory must exist."""
    problem = unfit(config, defines(config, listen, user))
    if problem is not None:
        return problem
    try:
        vector = command(config, listen, foreground=False, user=user)
    except FileNotFoundError as error:
        return str(error)
    return _test(vector)


def check_file(path: Path) -> str | None:
    """Return what is wrong with a configuration that `configuration` made, or None.

    httpd's own test (-t) does not look into certificates, and a reload with one that it cannot use ends httpd; this
    looks. Whoever asks must be able to read the key.
    """
    try:
        given = dict(_DEFINE.findall(path.read_text(encoding="utf-8", errors="replace")))
    except OSError as error:
        return f"{path}: {error.strerror}"
    try:
        vector = [_binary(), "-f", str(path.absolute())]
    except FileNotFoundError as error:
        return str(error)
    problem = _test(vector)
    if problem is None and "TR_HTTPS_LISTEN" in given:
        return unusable(Path(given["TR_CERTIFICATE"]), Path(given["TR_CERTIFICATE_KEY"]))
    return problem


def _test(vector: list[str]) -> str | None:
    try:
        done = subprocess.run([*vector, "-t"], capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"it cannot be asked: {error}"
    return None if done.returncode == 0 else (done.stderr or done.stdout).strip()

"""The machine that Tackroom runs on: httpd, inotify, file descriptors."""

import re
import resource
from collections.abc import Iterator
from pathlib import Path

from inotify_simple import INotify, flags

from wsgi_app.cli.findings.finding import Finding
from wsgi_app.cli.place import SETTINGS, as_owner, named_data
from wsgi_app.cli.running import by_units, restart
from wsgi_app.config import Config
from wsgi_app.services import httpd

INOTIFY = Path("/proc/sys/fs/inotify")
#: what a lab controller's httpd runs with
HTTPD_CONF = SETTINGS.with_name("httpd.conf")
#: less than that is little: one watch a directory, some directories a running recipe; one instance an indexer, and
#: other programs of the same user have theirs; events that come while the indexer reads
LITTLE = {"max_user_watches": 8192, "max_user_instances": 16, "max_queued_events": 4096}
#: descriptors of a web worker beside those of its threads: the database's, its own files
SPARE_DESCRIPTORS = 256

_MODULE = re.compile(r'^\s*LoadModule\s+\S+\s+"\$\{TR_MODULES\}/([^"]+)"', re.MULTILINE)
#: on Debian these are part of the binary
_BUILT_IN = {"mod_unixd.so", "mod_log_config.so"}


def machine(config: Config) -> Iterator[Finding]:
    """Look at what the machine has for Tackroom."""
    yield _httpd(config)
    yield from _limits()
    if config.logs.is_dir():
        yield _watching(config)
    # a unit has limits of its own
    if not by_units():
        yield _descriptors(config)


def _httpd(config: Config) -> Finding:
    found = httpd.find()
    if found is None:
        return Finding(
            "httpd",
            "httpd with mod_dav_fs is not installed: logs go through Python",
            f"install it (Debian: apt-get install apache2-bin) and {restart('httpd')}",
        )
    modules = httpd.modules()
    wanted = set(_MODULE.findall((httpd.files() / "tackroom.conf").read_text(encoding="utf-8"))) - _BUILT_IN
    missing = sorted(name for name in wanted if modules is None or not (modules / name).is_file())
    if missing:
        return Finding("httpd", f"httpd lacks {', '.join(missing)}", f"install the package that has it in {modules}")
    problem, mend = None, "mend what it names"
    if config.data == named_data() and HTTPD_CONF.exists():
        problem, mend = httpd.check_file(HTTPD_CONF), "run the play again: it writes it anew"
    elif config.run.is_dir():
        problem = httpd.check(config)
    if problem is not None:
        return Finding("httpd", f"httpd does not accept its configuration: {problem}", mend)
    return Finding("httpd", f"httpd: {found}, with all modules")


def _limits() -> Iterator[Finding]:
    for name, least in LITTLE.items():
        most = int((INOTIFY / name).read_text())
        mend = f"sysctl fs.inotify.{name}={16 * least}, and the same in /etc/sysctl.d" if most < least else None
        yield Finding("inotify", f"fs.inotify.{name} is {most}", mend)


def _watching(config: Config) -> Finding:
    """Watch the logs, as the indexer does: the limits may be used up."""
    try:
        with as_owner(config.data), INotify() as tree:
            tree.add_watch(config.logs, flags.CLOSE_WRITE)
    except PermissionError as error:
        # the limits have nothing to do with it
        mend = "give the user that runs Tackroom the rights to it, and to the directories above"
        return Finding("logs", f"{config.logs} cannot be watched: {error.strerror}", mend)
    except OSError as error:
        return Finding(
            "inotify",
            f"{config.logs} cannot be watched: {error.strerror}",
            "other programs of this user hold all watches or instances: raise fs.inotify.max_user_watches and "
            "fs.inotify.max_user_instances by sysctl",
        )
    return Finding("inotify", f"{config.logs} can be watched")


def _descriptors(config: Config) -> Finding:
    # serve takes what it may
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    need = config.threads + SPARE_DESCRIPTORS
    what = f"a process may open {'any number of' if most == resource.RLIM_INFINITY else most} files"
    if most != resource.RLIM_INFINITY and most < need:
        mend = f"ulimit -n {2 * need} before 'tackroom serve' (LimitNOFILE= in a unit), or fewer threads"
        return Finding("descriptors", f"{what}, {config.threads} threads need {need}", mend)
    return Finding("descriptors", what)

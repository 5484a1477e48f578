"""All settings: one table of names, types, defaults and meanings, and where each value came from.

A value comes from the environment (`TACKROOM_WORKERS=4`), else from the TOML file that `TACKROOM_CONFIG` names or
`DATA/tackroom.toml`, else it is the default. Command-line options are handed to children through the environment.
"""

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from attrs import Attribute, field, fields, frozen
from cattrs import Converter, transform_error
from cattrs.errors import BaseValidationError

from wsgi_app.errors import Invalid
from wsgi_app.states import Visibility

ENV_PREFIX = "TACKROOM_"
#: a host, an IPv6 address in brackets, and perhaps a port
_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
#: what topics of events may begin with
_TOPIC = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*", re.ASCII)
#: where ZMQ can listen; a star stands for all addresses
_ZMQ = re.compile(r"tcp://(?:\*|[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}")
#: whom mails come from, and what somebody may be called on IRC
_MAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9][A-Za-z0-9.-]*")
_NICK = re.compile(r"[A-Za-z\[\]\\`_^{|}][A-Za-z0-9\[\]\\`_^{|}-]{0,29}")
#: seconds; a call holds a thread meanwhile, and httpd waits no longer than 330
LONGEST_EVENT_TIMEOUT = 150
#: bytes
LONGEST_SERVER_ID = 64
#: whom the workers of Buildbot call where nobody says
BUILDBOT_PORT = 9989
#: what is shown of a secret
STARS = "********"


def without_password(url: str) -> str:
    """Return a URL with stars for its password, if it has one."""
    try:
        parts = urlsplit(url)
        password = parts.password
    except ValueError:
        # no URL: nobody can tell what is secret in it
        return STARS
    if password is None:
        return url
    return urlunsplit(parts._replace(netloc=f"{parts.username or ''}:{STARS}@{parts.netloc.rpartition('@')[2]}"))


def _setting(default: Any, doc: str, *, mask: Callable[[str], str] | None = None) -> Any:
    """`mask` makes of a value that may hold a secret what may be shown of it."""
    return field(default=default, metadata={"doc": doc, "mask": mask})


@frozen
class Config:
    """The settings of one Tackroom.

    Every field's `metadata["doc"]` is its line in the reference; `metadata["mask"]`, if any, hides what is secret.
    """

    data: Path = _setting(Path("var"), "The data directory: database, logs, gate, run files (option --data).")
    front: str = _setting(
        "none",
        "Who takes the calls: `apache` (httpd, with gunicorn on a socket behind it) or `none` (embedded: gunicorn).",
    )
    prefix: str = _setting("/", "URL path below which everything lies; begins and ends with a slash.")
    base_url: str = _setting(
        "",
        "Absolute URL of this Tackroom, for what must be absolute: URLs for stock harnesses, mail.",
        mask=without_password,
    )
    workers: int = _setting(2, "gunicorn worker processes.")
    threads: int = _setting(600, "Threads of each worker; a waiting call holds one.")
    max_waiters: int = _setting(
        500, "Waiting calls (claim, sync, job wait, event stream) that one worker holds at once; more get 503."
    )
    max_readers: int = _setting(2000, "Readers of events by WebSocket at once; more get 503.")
    websocket_origins: tuple[str, ...] = _setting(
        (), "Sites (`https://host`) beside this one whose pages may read events by WebSocket in their users' browsers."
    )
    max_body: int = _setting(10485760, "Largest request body in bytes; a larger one is answered 413.")
    max_log: int = _setting(4294967296, "Largest log in bytes; a range that ends beyond is answered 416.")
    max_results: int = _setting(7500, "Most results that a recipe's harness may report; 0: no limit.")
    max_logs: int = _setting(7500, "Most task and result logs of a recipe; 0: no limit.")
    max_recipe_bytes: int = _setting(
        68719476736, "Bytes of all logs of a recipe, from which on it gets no new logs; 0: no limit."
    )
    max_parsed: int = _setting(100000, "Most results taken from one log; the rest is one Warn.")
    put_max_seconds: int = _setting(300, "Longest time that one PUT may take.")
    precreate: tuple[str, ...] = _setting(
        ("taskout.log", "harness.log"),
        "Logs made empty for each task when its recipe gets a system: Apache takes their first chunk already.",
    )
    watchdog_seconds: int = _setting(1800, "Watchdog that assignment and a task's start arm, in seconds.")
    grace_seconds: int = _setting(60, "How long logs may still come after a watchdog has aborted a recipe.")
    settle_seconds: int = _setting(
        60, "When a recipe whose logs are not all indexed is settled as late, counted from its end."
    )
    quiet_seconds: float = _setting(0.5, "How long a log's owner must be finished before the log is indexed.")
    claim_seconds: int = _setting(60, "How long a claim says that a system is there and free.")
    reconcile_seconds: int = _setting(600, "How often the indexer compares unsettled recipes with the disk.")
    delivery_hours: int = _setting(
        24, "For how many hours a message to a receiver outside is tried again before it counts as failed."
    )
    delivery_retry_seconds: float = _setting(
        10.0, "How long after a first failed attempt it is tried again; each wait is twice the one before."
    )
    callback_hosts: tuple[str, ...] = _setting(
        (), "Hosts that callbacks may go to, `*` for any letters, such as `*.example.org`; none: any."
    )
    callback_private: tuple[str, ...] = _setting(
        (), "Networks such as `192.168.0.0/16` that callbacks and IRC may reach although they are not public."
    )
    callback_max_body: int = _setting(
        67108864, "Largest body of a callback in bytes; a log or results that go beyond are cut, and that is said."
    )
    mail_host: str = _setting("", "The SMTP server that takes our mails; empty: no mail is sent.")
    mail_port: int = _setting(0, "Its port; 0: 25, with `starttls` 587, with `tls` 465.")
    mail_security: str = _setting("none", "How one speaks to it: `none`, `starttls` or `tls`.")
    mail_user: str = _setting("", "As whom; empty: as nobody.")
    mail_password_file: str = _setting("", "File that holds the password for that.")
    mail_from: str = _setting("", "The address that mails come from; empty: `tackroom@` the host of `base_url`.")
    irc_nick: str = _setting("tackroom", "What we are called on IRC.")
    anonymous_submit: bool = _setting(False, "Whether jobs may be submitted without a token, and those cancelled.")
    commands: bool = _setting(
        True, "Whether jobs may have commands and scripts; where not, only what is fetched is run."
    )
    open_gate: bool = _setting(
        False, "Whether anyone may write logs of running recipes: for a trusted lab network only."
    )
    visibility: Visibility = _setting(Visibility.PUBLIC, "Who may read a job that does not say: `public` or `private`.")
    server_id: str = _setting("", "What ConTest's API calls this Tackroom, at most 64 bytes; empty: the host's name.")
    event_timeout: float = _setting(
        3.0, "How long a call of ConTest's API may take to be handed over, and again to be answered, in seconds."
    )
    descriptor_files: str = _setting(
        "", "Folder of what job descriptors and LAVA jobs may name; empty: `descriptors` in the data directory."
    )
    descriptor_hosts: tuple[str, ...] = _setting(
        (), "Hosts (`name` or `name:port`) that job descriptors and LAVA jobs may fetch from by http and https."
    )
    event_topic: str = _setting(
        "org.lavasoftware", "What the topics of events begin with that LAVA's clients read (WebSocket, ZMQ)."
    )
    event_job_as: str = _setting(
        "str", "Whether `job` in such events is a text (`str`), as lavacli compares it, or a number (`int`)."
    )
    zmq_listen: str = _setting(
        "", "Where events are published by ZMQ, `tcp://HOST:PORT`: those that anyone may read; empty: nowhere."
    )
    buildbot_listen: str = _setting(
        "",
        "Where stock buildbot-workers come in, `host:port`; `none`: nowhere; empty: port 9989 of the host that `serve` "
        "listens on.",
    )
    buildbot_tls_listen: str = _setting("", "Where they come in over TLS, `host:port`; empty: nowhere.")
    buildbot_certificate: str = _setting("", "PEM file of the certificate for that, with the chain below it.")
    buildbot_key: str = _setting("", "PEM file of its key.")
    buildbot_max_output: int = _setting(
        1073741824, "Bytes that a task on a buildbot-worker may put out; what says more is ended."
    )

    @property
    def public_url(self) -> str:
        """The absolute URL for those who come from elsewhere, a slash at its end; without a password, if it has one."""
        url = self.base_url or f"http://localhost{self.prefix}"
        scheme, _, rest = url.partition("://")
        authority, _, path = rest.partition("/")
        return f"{scheme}://{authority.rpartition('@')[2]}/{path.rstrip('/')}".rstrip("/") + "/"

    @property
    def database(self) -> Path:
        """Where the SQLite database lies."""
        return self.data / "tackroom.db"

    @property
    def descriptors(self) -> Path:
        """The folder of files that job descriptors may name."""
        return Path(self.descriptor_files) if self.descriptor_files else self.data / "descriptors"

    @property
    def logs(self) -> Path:
        """The root of the log tree: `R/logs/...` below it."""
        return self.data / "logs" / "recipes"

    @property
    def strays(self) -> Path:
        """Where logs are put of recipes that the database does not know."""
        return self.data / "logs" / "strays"

    @property
    def gate(self) -> Path:
        """The root of the gate: `R/key-...` below it."""
        return self.data / "gate"

    @property
    def run(self) -> Path:
        """Sockets, pid files, locks."""
        return self.data / "run"

    @property
    def clock_mark(self) -> Path:
        """The file that says how the system's clock stood when all stored times fitted it."""
        return self.run / "clock.json"

    @property
    def admin_token(self) -> Path:
        """The file that holds the token of user `admin`."""
        return self.data / "admin.token"

    @property
    def workers_token(self) -> Path:
        """The file that holds the token of user `workers`, by which the gateway of workers calls."""
        return self.data / "workers.token"

    @property
    def callback_key(self) -> Path:
        """The file that holds the key by which receivers of callbacks know that they come from here."""
        return self.data / "callback.key"

    @property
    def journal(self) -> Path:
        """What senders note of each delivery before and after they send it."""
        return self.data / "deliveries.journal"

    @property
    def workers_state(self) -> Path:
        """What the gateway of workers keeps over a restart."""
        return self.data / "workers"


@frozen
class Loaded:
    """Settings and, for each name, where its value came from (`default`, `environment`, or a file's path)."""

    config: Config
    origin: Mapping[str, str]


def place_to_listen(words: str, default_host: str | None = None) -> tuple[str, int] | None:
    """Return the host and port of `host:port`, None of `none` and of what is neither; of nothing 9989 of a host."""
    if not words:
        return None if default_host is None else (default_host, BUILDBOT_PORT)
    host, separator, port = words.rpartition(":")
    fits = _HOST.fullmatch(words) and separator and host and port.isdigit() and int(port) < 65536
    return (host, int(port)) if fits else None


def settings() -> "tuple[Attribute[Any], ...]":
    """Return the settings in order; each has a name, a default and `metadata["doc"]`."""
    return tuple(fields(Config))


def load(environ: Mapping[str, str] | None = None) -> Loaded:
    """Read the settings from the environment and the configuration file.

    Raises `Invalid`, naming every setting that is wrong, with its origin.
    """
    environ = os.environ if environ is None else environ
    names = {setting.name for setting in settings()}
    given = {
        name: environ[ENV_PREFIX + name.upper()] for name in names if environ.get(ENV_PREFIX + name.upper(), "") != ""
    }
    path = Path(environ.get(ENV_PREFIX + "CONFIG") or Path(given.get("data", Config().data)) / "tackroom.toml")
    filed = _read(path, required=bool(environ.get(ENV_PREFIX + "CONFIG")))
    unknown = sorted(set(filed) - names)
    if unknown:
        raise Invalid(f"{path}: unknown setting: {', '.join(unknown)}", field=unknown[0])
    values: dict[str, Any] = {**filed, **given}
    origin = {name: "environment" if name in given else str(path) if name in filed else "default" for name in names}
    try:
        config = _converter().structure(values, Config)
    except BaseValidationError as error:
        raise Invalid("settings: " + "; ".join(transform_error(error))) from None
    _check(config)
    return Loaded(config, origin)


def _read(path: Path, *, required: bool) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        if required:
            raise Invalid(f"{path}: no such configuration file") from None
        return {}
    except OSError as error:
        raise Invalid(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"{path}: {error}") from None


def _converter() -> Converter:
    converter = Converter(forbid_extra_keys=True)
    converter.register_structure_hook(Path, lambda value, _: Path(value))
    converter.register_structure_hook(bool, lambda value, _: _boolean(value))
    converter.register_structure_hook_func(lambda kind: kind == tuple[str, ...], lambda value, _: _words(value))
    return converter


def _boolean(value: object) -> bool:
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    try:
        return words[str(value).lower()]
    except KeyError:
        raise ValueError(f"{value!r} is neither true nor false") from None


def _words(value: object) -> tuple[str, ...]:
    return tuple(value.split()) if isinstance(value, str) else tuple(str(word) for word in _sequence(value))


def _sequence(value: object) -> list[object]:
    if not isinstance(value, list):
        raise ValueError(f"{value!r} is no list")
    return value


def _check(config: Config) -> None:
    _check_buildbot(config)
    _check_senders(config)
    if config.front not in ("apache", "none"):
        raise Invalid(f"front: {config.front!r} is neither apache nor none", field="front")
    if not (config.prefix.startswith("/") and config.prefix.endswith("/")) or "//" in config.prefix:
        raise Invalid(f"prefix: {config.prefix!r} must begin and end with one slash", field="prefix")
    if config.max_waiters >= config.threads:
        raise Invalid("max_waiters: must be less than threads: other calls need some", field="max_waiters")
    for name in (
        "workers",
        "threads",
        "max_waiters",
        "max_readers",
        "max_body",
        "max_log",
        "put_max_seconds",
        "buildbot_max_output",
        "callback_max_body",
    ):
        if getattr(config, name) < 1:
            raise Invalid(f"{name}: must be at least 1", field=name)
    if not 1e-9 <= config.event_timeout <= LONGEST_EVENT_TIMEOUT:
        raise Invalid(f"event_timeout: must be above 0 and at most {LONGEST_EVENT_TIMEOUT}", field="event_timeout")
    if len(config.server_id.encode()) > LONGEST_SERVER_ID:
        length = len(config.server_id.encode())
        raise Invalid(f"server_id: Server ID is too long: {length} > {LONGEST_SERVER_ID}", field="server_id")
    for host in config.descriptor_hosts:
        if not _HOST.fullmatch(host):
            raise Invalid(f"descriptor_hosts: {host!r} is neither name nor name:port", field="descriptor_hosts")


def _check_buildbot(config: Config) -> None:
    for name in ("buildbot_listen", "buildbot_tls_listen"):
        where = getattr(config, name)
        if where not in ("", "none") and place_to_listen(where) is None:
            raise Invalid(f"{name}: {where!r} is no host:port", field=name)
    if config.buildbot_tls_listen not in ("", "none") and not (config.buildbot_certificate and config.buildbot_key):
        raise Invalid("buildbot_tls_listen: needs buildbot_certificate and buildbot_key", field="buildbot_tls_listen")
    if config.event_job_as not in ("str", "int"):
        raise Invalid(f"event_job_as: {config.event_job_as!r} is neither str nor int", field="event_job_as")
    if not _TOPIC.fullmatch(config.event_topic):
        raise Invalid(f"event_topic: {config.event_topic!r} is no words with dots between them", field="event_topic")
    if config.zmq_listen and not _ZMQ.fullmatch(config.zmq_listen):
        raise Invalid(f"zmq_listen: {config.zmq_listen!r} is no tcp://HOST:PORT", field="zmq_listen")


def _check_senders(config: Config) -> None:
    for network in config.callback_private:
        try:
            ip_network(network)
        except ValueError as error:
            raise Invalid(f"callback_private: {error}", field="callback_private") from None
    if not 0 < config.delivery_retry_seconds <= 3600:
        raise Invalid("delivery_retry_seconds: must be above 0 and at most 3600", field="delivery_retry_seconds")
    if config.mail_security not in ("none", "starttls", "tls"):
        raise Invalid(
            f"mail_security: {config.mail_security!r} is neither none nor starttls nor tls", field="mail_security"
        )
    if not 0 <= config.mail_port < 65536:
        raise Invalid("mail_port: must be 0 to 65535", field="mail_port")
    if bool(config.mail_user) != bool(config.mail_password_file):
        raise Invalid("mail_user: goes with mail_password_file", field="mail_user")
    if config.mail_from and not _MAIL.fullmatch(config.mail_from):
        raise Invalid(f"mail_from: {config.mail_from!r} is no NAME@DOMAIN", field="mail_from")
    if not _NICK.fullmatch(config.irc_nick):
        raise Invalid(f"irc_nick: {config.irc_nick!r} is no name on IRC", field="irc_nick")

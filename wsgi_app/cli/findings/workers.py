"""What Buildbot workers connect to: whether it runs, answers, is heard by the controller, has a good certificate."""

import os
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from attrs import frozen

from wsgi_app.cli.findings.certificate import SOON
from wsgi_app.cli.findings.finding import Finding
from wsgi_app.cli.running import by_units, output, restart
from wsgi_app.config import Config, place_to_listen
from wsgi_app.core import heartbeat
from wsgi_app.core.heartbeat import Beat

CHECK = "workers"
#: seconds without an answer of the controller after which it is told: it answers each roll call within half a minute
UNANSWERED = 120.0
#: seconds for a connection, and for the greeting that every one is given
_PATIENCE = 5.0
_WILD = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing listens here
#: OpenSSL's codes, X509_V_ERR_*: not yet valid, expired
_NOT_NOW = (9, 10)
_PROC = Path("/proc")


@frozen
class _Place:
    host: str
    port: int
    tls: bool

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" + (" (TLS)" if self.tls else "")


def wanted(config: Config) -> bool:
    """Whether the settings say where workers come in; where they say nothing `serve` may listen, or do without."""
    return config.buildbot_listen not in ("", "none") or config.buildbot_tls_listen not in ("", "none")


def workers(config: Config) -> Iterator[Finding]:
    """Look at what workers connect to, where it is to run, of a Tackroom that runs or was killed."""
    beat = heartbeat.last(config.run / heartbeat.WORKERS)
    if not wanted(config) and (config.buildbot_listen == "none" or not _of_this_start(config)):
        return
    if beat is None or beat.age == float("inf"):
        what = "what workers connect to does not run: it has written no sign of life since the machine was started"
        yield Finding(CHECK, what, f"see why: {output('workers')}")
        return
    if beat.stale:
        what = f"what workers connect to has given no sign of life for {beat.age:.0f} s: it does not run, or hangs"
        yield Finding(CHECK, what, f"see why: {output('workers')}; then {restart('workers')}")
        return
    places = list(_places(config, beat))
    busy = int(beat.said.get("busy", 0))
    found = [finding for place in places for finding in _look(place, config, busy > 0)]
    found += _roll_call(beat)
    yield from found
    if all(finding.mend is None for finding in found):
        shown = " and ".join(map(str, places))
        yield Finding(CHECK, f"{beat.said.get('workers', 0)} workers are connected to {shown}, {busy} have a recipe")


def _of_this_start(config: Config) -> bool:
    """Whether the `serve` that runs here has started it: it has given signs of life since."""
    try:
        return (config.run / heartbeat.WORKERS).stat().st_mtime > (config.data / "serve.lock").stat().st_mtime
    except OSError:
        return False


def _places(config: Config, beat: Beat) -> Iterator[_Place]:
    """Tell where it is to be reached: as the settings say, on the port that it really has."""
    try:
        host = urlsplit((config.run / "url").read_text(encoding="utf-8").strip()).hostname
    except (OSError, ValueError):
        host = None
    plain = place_to_listen(config.buildbot_listen, host or "127.0.0.1")
    secure = place_to_listen(config.buildbot_tls_listen)
    for place, port, tls in ((plain, "port", False), (secure, "tls_port", True)):
        if place is not None:
            name = place[0].strip("[]")
            yield _Place(_WILD.get(name, name), int(beat.said.get(port, place[1])), tls)


def _look(place: _Place, config: Config, busy: bool) -> Iterator[Finding]:
    """Connect as a worker does, and wait for the greeting."""
    try:
        with socket.create_connection((place.host, place.port), _PATIENCE) as plain:
            if place.tls:
                yield from _certificate(plain, place, Path(config.buildbot_certificate), busy)
            elif not plain.recv(1):
                raise ConnectionResetError("the connection was closed")
    except OSError as error:
        why = error.strerror or str(error)
        mend = f"see who has the port (ss -ltnp), and what it says: {output('workers')}"
        yield Finding(CHECK, f"workers are not answered at {place}: {why}", mend)


def _certificate(plain: socket.socket, place: _Place, file: Path, busy: bool) -> Iterator[Finding]:
    """Look whether the certificate in this file is shown, and good for a while. Raises OSError without any.

    `busy`: a worker has a recipe. Then another one is in order: the play leaves it to a quiet moment, too.
    """
    context = ssl.create_default_context()
    # workers trust whom they are told to: it counts what the file says, and until when
    context.check_hostname = False
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    try:
        ours = ssl.PEM_cert_to_DER_cert(_first(file.read_text(encoding="ascii", errors="replace")))
        context.load_verify_locations(file)
    # it is not ours to read, or is none any more: what is shown can be looked at all the same
    except (OSError, ValueError):
        ours = None
    anew = f"at a quiet moment {restart('workers')}" if by_units() else restart("workers")
    renew = "run the play again, or give it a new one first" if by_units() else f"renew {file}"
    other = f"until it is started anew, workers are shown another certificate at {place} than is in {file}"
    try:
        with context.wrap_socket(plain) as secure:
            shown, said = secure.getpeercert(True), secure.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        if error.verify_code in _NOT_NOW:
            what = f"workers are shown a certificate at {place} that is not valid now ({error.verify_message})"
            yield Finding(CHECK, what, f"{renew}; then, {anew}")
        elif ours is not None:
            yield Finding(CHECK, other, None if busy else anew)
        return
    if ours is not None and shown != ours:
        yield Finding(CHECK, other, None if busy else anew)
    days = int((ssl.cert_time_to_seconds(str(said["notAfter"])) - time.time()) // 86400)
    if days * 86400 < SOON:
        what = f"the certificate that workers are shown at {place} is good for {days} more days"
        yield Finding(CHECK, what, f"{renew}; then, {anew}")


def _first(pem: str) -> str:
    """Return the first certificate of a file: its own."""
    end = "-----END CERTIFICATE-----"
    begin = "-----BEGIN CERTIFICATE-----"
    before, found, _ = pem.partition(end)
    if not found or begin not in before:
        raise ValueError("there is no certificate")
    return before[before.index(begin) :] + end + "\n"


def _roll_call(beat: Beat) -> list[Finding]:
    """Look whether the controller answers it."""
    said = beat.said.get("answered")
    since = _running(beat.pid) if said is None else float(said) + beat.age
    if since is None or since < UNANSWERED:
        return []
    what = f"the controller has not answered what workers connect to for {since:.0f} s: they get no recipes"
    return [Finding(CHECK, what, f"see what it says: {output('workers')}")]


def _running(pid: int) -> float | None:
    """Return for how many seconds a process has run; None when there is none. Source: proc(5), stat, starttime."""
    try:
        words = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(words[19]) / os.sysconf("SC_CLK_TCK")

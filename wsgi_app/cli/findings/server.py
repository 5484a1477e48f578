"""The server, over HTTP: whether it answers and is ready, which version it is, and what its clock says."""

import base64
import os
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path

from wsgi_app import __version__
from wsgi_app.cli.client import Client, Mistrusted, Refused, Unreachable
from wsgi_app.cli.findings.finding import Finding
from wsgi_app.cli.localserver import LocalServer
from wsgi_app.cli.running import by_units, restart
from wsgi_app.config import STARS, Config, without_password

#: what to do about what the server says of itself; it may be elsewhere, and run in either way
MENDS = {
    "database": "locked: see on the server who holds it (fuser); gone or damaged: put it back, or tackroom restore DIR",
    "schema": "start Tackroom again, of the version that the database is of or a newer one",
    "gate": "the timer mends it every minute: see in its output why it does not, and who changes DATA/gate",
    "logs": "put the log tree back, writable for the user that runs Tackroom",
    "indexer": "see in the indexer's output (journalctl -u tackroom-indexer, or what 'tackroom serve' says) why it "
    "ends or lags; raise the limits that it names by sysctl",
    "timer": "see in the timer's output (journalctl -u tackroom-timer, or what 'tackroom serve' says) why it ends, "
    "or what it waits for",
    "disk": "make room, mount it to be written, or put back what is gone: it heals by itself then",
}
#: seconds by which clocks may differ: the Date header knows whole ones
SKEW_SECONDS = 5.0
#: the status of an answer after which a WebSocket is spoken
SWITCHING = 101


def server(client: Client, local: LocalServer | None) -> Iterator[Finding]:
    """Look at the server that the command talks to."""
    try:
        client.call("GET", "livez")
        found = list(_readiness(client))
    except Mistrusted as error:
        yield Finding("certificate", error.what, error.mend)
        return
    except Unreachable as error:
        yield Finding("server", f"no answer at {client.url}", str(error))
        return
    except Refused as error:
        yield Finding("server", f"{client.url} is not ready", str(error))
        return
    yield Finding("server", f"Tackroom answers at {client.url}")
    yield from found
    yield _websocket(client)
    yield _version(client)
    yield _clock(client)
    yield _token(client, local)


def _readiness(client: Client) -> Iterator[Finding]:
    """Tell what keeps the server from working, or slows it down. Raises `Unreachable`, `Refused`."""
    try:
        value = client.get("readyz")
    except Refused as refusal:
        value = refusal.value
        if not isinstance(value, dict) or "checks" not in value:
            raise
    checks = [(check["name"], check["reason"]) for check in value["checks"] if not check["ok"]]
    notes = [(note["name"], note["note"]) for note in value["notes"]]
    if any(name == "database" for name, _ in checks):
        # nobody can tell what the gate should be
        checks = [(name, said) for name, said in checks if name != "gate"]
    for name, said in [*checks, *notes]:
        yield Finding(name, f"the server says: {said}", MENDS.get(name, "see what the server's output says"))
    if not checks:
        yield Finding("ready", "the server is ready")


def base_url(config: Config) -> Finding | None:
    """Look whether the URL that others are told leads here; None when only the certificate is wrong."""
    shown = without_password(config.base_url)
    if not config.base_url:
        return Finding("base_url", "base_url is not set: serve tells others the address that it listens on")
    mend = "set base_url to the URL under which the systems reach this Tackroom, with a slash at its end"
    if by_units():
        mend = "run the play again, with the name in lab_controller_name by which the systems reach this machine"
    if not (config.base_url.startswith(("http://", "https://")) and config.base_url.endswith(config.prefix)):
        return Finding("base_url", f"base_url is {shown}: no http URL that ends in {config.prefix}", mend)
    try:
        Client(config.base_url, None).call("GET", "livez", seconds=10)
    except Mistrusted:
        return None
    # ValueError: it is no URL at all
    except (Unreachable, Refused, ValueError) as error:
        return Finding("base_url", f"base_url is {shown}: {str(error).replace(config.base_url, shown)}", mend)
    return Finding("base_url", f"base_url is {shown}, and it answers")


def _websocket(client: Client) -> Finding:
    """Ask for events as their readers do."""
    key = base64.b64encode(os.urandom(16)).decode()
    asked = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": key}
    mend = (
        "see in the publisher's output (journalctl -u tackroom-publisher, or what 'tackroom serve' says) why it does "
        "not answer; a proxy in between must pass WebSockets on"
    )
    try:
        answer = client.stream("ws/?topics=event", headers=asked, seconds=20)
    except (Refused, Unreachable) as error:
        return Finding("publisher", f"events cannot be read by WebSocket: {error}", mend)
    answer.close()
    if answer.status != SWITCHING:
        return Finding("publisher", f"events cannot be read by WebSocket: the answer is {answer.status}", mend)
    return Finding("publisher", "events can be read by WebSocket")


def _version(client: Client) -> Finding:
    words = client.call("GET", "").data.decode("utf-8", "replace").split(maxsplit=2)
    theirs = words[1] if words[:1] == ["Tackroom"] and len(words) > 1 else "of another kind"
    if theirs != __version__:
        return Finding(
            "version",
            f"the server is {theirs}, this command {__version__}",
            "use the command of the server's version, or start the server again after an upgrade",
        )
    return Finding("version", f"both are {__version__}")


def _clock(client: Client) -> Finding:
    before = time.time()
    said = client.call("GET", "livez").headers.get("Date")
    middle = (before + time.time()) / 2
    if said is None:
        return Finding("clock", "the server does not say what time it is")
    skew = parsedate_to_datetime(said).timestamp() + 0.5 - middle
    if abs(skew) > SKEW_SECONDS:
        return Finding("clock", f"the server's clock is {skew:+.0f} s from ours", "let both follow an NTP server")
    return Finding("clock", "the server's clock is ours")


def _token(client: Client, local: LocalServer | None) -> Finding:
    if not client.token:
        return Finding("token", "no token: what is public can be read")
    try:
        client.call("GET", "tokens/?limit=1")
    except Refused as error:
        if error.status != 401:
            return Finding("token", f"the token is not taken: {error}", "see what the server's output says")
        if local is not None and client.token == local.token:
            file: Path = local.data / "admin.token"
            mend = f"remove {file} and {restart()}: it makes a new one"
        else:
            mend = "an admin makes another: tackroom token create NAME; say it in TACKROOM_TOKEN or your profile"
        return Finding("token", f"the token {client.token[:4]}{STARS} is void or has expired", mend)
    return Finding("token", "the token is valid")

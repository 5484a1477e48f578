"""Buildbot workers on the command line: systems that keep a connection to `tackroom workers`."""

import shlex
from typing import Any
from urllib.parse import quote, urlsplit

import click

from wsgi_app.cli.arguments import SYSTEM_NAME
from wsgi_app.cli.client import Client
from wsgi_app.cli.output import json_option, print_json, print_table, when
from wsgi_app.states import SystemHealth

#: ports that workers call when none is said: the first is Buildbot's own, which workers know
PORT = 9989
TLS_PORT = 9990


class _Master(click.ParamType[tuple[str, int | None]]):
    """HOST, HOST:PORT or [HOST]:PORT."""

    name = "host"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int | None]:
        """Return host and port, None: the usual one."""
        try:
            parts = urlsplit(f"//{value}")
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host or port == 0 or parts.netloc != value or "@" in value or not value.isprintable() or " " in value:
            self.fail(f"{value!r} is not HOST or HOST:PORT.", param, ctx)
        return host, port


_MASTER = _Master()


@click.group()
def worker() -> None:
    """The lab's Buildbot workers."""


@worker.command(
    short_help="Add a worker and print the two lines that start it.",
    epilog="Example: tackroom worker add alpha --type kvm --tag x86_64",
)
@click.argument("name", type=SYSTEM_NAME)
@click.option("--type", "kind", metavar="TYPE", help="What recipes may ask for as its type.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="What recipes may ask for; may be repeated.")
@click.option("--detach", is_flag=True, help="Its tasks are to outlive a lost connection.")
@click.option(
    "--master",
    type=_MASTER,
    metavar="HOST[:PORT]",
    help=f"Where it is to call.  [default: the host of the lab's URL; port {PORT}, with --tls {TLS_PORT}]",
)
@click.option("--tls", is_flag=True, help="It is to call by TLS.")
@click.option(
    "--trust-roots",
    metavar="DIR",
    help="For --tls: CAs that it trusts (*.pem); buildbot-worker 4 or later.  [default: its machine's]",
)
@click.option("--directory", metavar="DIR", help="Where it is to live on its machine.  [default: NAME]")
@json_option("the worker with its password, and the lines as `commands`")
def add(
    name: str,
    kind: str | None,
    tags: tuple[str, ...],
    detach: bool,
    master: tuple[str, int | None] | None,
    tls: bool,
    trust_roots: str | None,
    directory: str | None,
    as_json: bool,
) -> None:
    """Add the worker NAME, and the system of that name unless there is one, and print two lines to type on its machine.

    The password in the first line is shown this once; 'tackroom worker password' makes another. --type and --tag are
    for a system that is made: with one that there is they are refused. Needs an admin's token.
    """
    if trust_roots is not None and not tls:
        raise click.UsageError("--trust-roots is for --tls")
    client = Client.from_environment()
    value: dict[str, Any] = {"name": name, "detach": detach}
    if kind is not None:
        value["type"] = kind or None
    if tags:
        value["tags"] = [tag for tag in tags if tag]
    host, port = master or (urlsplit(client.url).hostname or "", None)
    made = client.ask("POST", "workers/", value=value)
    home = directory or name
    commands = [
        shlex.join(_create(home, (host, port), tls, trust_roots, name, made["password"])),
        shlex.join(["buildbot-worker", "start", home]),
    ]
    if as_json:
        print_json({**made, "commands": commands})
    else:
        click.echo("\n".join(commands))


@worker.command(name="list", short_help="List the workers.", epilog="Example: tackroom worker list")
@json_option("the workers")
def list_workers(as_json: bool) -> None:
    """List the workers: what they do, how they are, which recipe they run.

    STATE: idle, running, offline (not connected). LAST SEEN is when it was heard, in UTC. NOTES: whether it detaches,
    leaves, or is not connected though a recipe is its.
    """
    found = list(Client.from_environment().pages("workers/?limit=1000", "workers"))
    if as_json:
        print_json(found)
        return
    rows = [
        (
            one["name"],
            one["state"],
            one["health"],
            one["recipe"],
            one["version"],
            one["address"],
            when(one["last_seen"]) or "never",
            _notes(one),
        )
        for one in found
    ]
    print_table(("NAME", "STATE", "HEALTH", "RECIPE", "VERSION", "ADDRESS", "LAST SEEN", "NOTES"), rows)


@worker.command(short_help="Show a worker.", epilog="Example: tackroom worker show alpha")
@click.argument("name", type=SYSTEM_NAME)
@json_option("the worker")
def show(name: str, as_json: bool) -> None:
    """Show the worker NAME."""
    _print(Client.from_environment().get(_url(name)), as_json)


@worker.command(name="set", short_help="Change a worker.", epilog="Example: tackroom worker set alpha --detach")
@click.argument("name", type=SYSTEM_NAME)
@click.option("--detach/--no-detach", default=None, help="Whether its tasks are to outlive a lost connection.")
@json_option("the worker")
def change(name: str, detach: bool | None, as_json: bool) -> None:
    """Change the worker NAME; type, tags and health are its system's: 'tackroom system set'. Needs an admin's token."""
    if detach is None:
        raise click.UsageError("say what to change: --detach or --no-detach")
    _print(Client.from_environment().ask("PATCH", _url(name), value={"detach": detach}), as_json)


@worker.command(
    short_help="Give a worker no more recipes.", epilog="Example: tackroom worker drain alpha --reason 'new fan'"
)
@click.argument("name", type=SYSTEM_NAME)
@click.option("--reason", metavar="TEXT", help="Why, for people.")
def drain(name: str, reason: str | None) -> None:
    """Give the worker NAME no more recipes: its system is in maintenance. What it runs goes on.

    Needs an admin's token.
    """
    _health(name, SystemHealth.MAINTENANCE, reason)


@worker.command(short_help="Give a worker recipes again.", epilog="Example: tackroom worker undrain alpha")
@click.argument("name", type=SYSTEM_NAME)
def undrain(name: str) -> None:
    """Give the worker NAME recipes again: its system is good. Needs an admin's token."""
    _health(name, SystemHealth.GOOD, None)


@worker.command(short_help="Make a new password for a worker.", epilog="Example: tackroom worker password alpha")
@click.argument("name", type=SYSTEM_NAME)
@json_option("the password")
def password(name: str, as_json: bool) -> None:
    """Make a new password for the worker NAME and print it; the one before is void from now on.

    A connection that there is goes on; at the next one the worker needs the new one: 'passwd' in its buildbot.tac.
    Needs an admin's token.
    """
    made = Client.from_environment().ask("POST", f"{_url(name)}/password")
    if as_json:
        print_json(made)
        return
    click.echo(made["password"])
    click.echo(f"The password that worker {made['name']} had before is void.", err=True)


@worker.command(
    short_help="Have a worker's program end when it is free.", epilog="Example: tackroom worker shutdown alpha"
)
@click.argument("name", type=SYSTEM_NAME)
def shutdown(name: str) -> None:
    """Tell the program of the worker NAME to end, as soon as it has no recipe; it gets none before that.

    Somebody has to start it again on its machine. Needs an admin's token.
    """
    Client.from_environment().call("POST", f"{_url(name)}/shutdown")


@worker.command(short_help="Forget a worker.", epilog="Example: tackroom worker remove alpha")
@click.argument("name", type=SYSTEM_NAME)
def remove(name: str) -> None:
    """Forget the worker NAME and its password. Its system stays: 'tackroom system remove'. Needs an admin's token."""
    Client.from_environment().call("DELETE", _url(name))


def _create(
    home: str, master: tuple[str, int | None], tls: bool, trust_roots: str | None, name: str, secret: str
) -> list[str]:
    """Return what makes a stock worker: by HOST[:PORT], or in Twisted's words where that cannot say it.

    Debian's 3.7 knows `--use-tls`, but no `--connection-string`.
    """
    host, port = master[0], master[1] or (TLS_PORT if tls else PORT)
    words = ["buildbot-worker", "create-worker"]
    # what a connection string takes the place of is wanted nevertheless
    place = host if port == PORT else f"{host}:{port}"
    if ":" in host or trust_roots is not None:
        parts = ["tls" if tls else "tcp", f"host={_escaped(host)}", f"port={port}"]
        if trust_roots is not None:
            parts.append(f"trustRoots={_escaped(trust_roots)}")
        words.append(f"--connection-string={':'.join(parts)}")
        place = "lab" if ":" in host else host
    elif tls:
        words.append("--use-tls")
    return [*words, home, place, name, secret]


def _escaped(text: str) -> str:
    """Return a value as it stands in a Twisted endpoint. Source: twisted.internet.endpoints.quoteStringArgument."""
    return text.replace("\\", "\\\\").replace(":", "\\:").replace("=", "\\=")


def _health(name: str, health: SystemHealth, reason: str | None) -> None:
    client = Client.from_environment()
    # there may be a system of that name that is no worker
    client.get(_url(name))
    client.ask("PATCH", f"systems/{quote(name, safe='')}", value={"health": str(health), "reason": reason})


def _url(name: str) -> str:
    return f"workers/{quote(name, safe='')}"


def _notes(one: dict[str, Any]) -> str:
    notes = [word for word in ("detach", "leaving") if one[word]]
    # a system holds its recipe while its worker is away, and so its state does not tell
    away = one["recipe"] is not None and not one["online"]
    return ", ".join([*notes, "not connected"] if away else notes)


def _print(one: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(one)
        return
    rows = [
        ("name", one["name"]),
        ("state", one["state"]),
        ("health", one["health"]),
        ("recipe", one["recipe"]),
        ("online", "yes" if one["online"] else "no"),
        ("version", one["version"]),
        ("address", one["address"]),
        ("connected", when(one["connected"])),
        ("last seen", when(one["last_seen"]) or "never"),
        ("detach", "yes" if one["detach"] else "no"),
        ("leaving", "yes" if one["leaving"] else "no"),
    ]
    print_table(("WORKER", ""), rows)

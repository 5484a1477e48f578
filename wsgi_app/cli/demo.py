"""`tackroom demo`: a Tackroom, a system and a job, to see it all work; `make run` calls it."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from wsgi_app.cli import reports
from wsgi_app.cli.client import Client, Refused
from wsgi_app.cli.jobs import VERDICTS
from wsgi_app.cli.localserver import LocalServer
from wsgi_app.cli.output import window
from wsgi_app.cli.serve import account_of, data_directory

SYSTEM = "demo"


@click.command(short_help="Start a Tackroom and run a job in it.", epilog="Example: tackroom demo first-job.xml --once")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--once", is_flag=True, help="End after the job, with its verdict as exit status.")
@click.option("--listen", default="127.0.0.1:8080", show_default=True, metavar="HOST:PORT", help="Where to listen.")
@click.option("--httpd", "front", default="auto", show_default=True, help="As for serve.")
@click.option("--data", type=click.Path(path_type=Path), help="Data directory.  [default: ./var]")
def demo(file: Path, once: bool, listen: str, front: str, data: Path | None) -> None:
    """Start a Tackroom, run the job in FILE on this machine as system "demo", and print its results.

    Keeps serving until Ctrl-C. With --once the exit status is 0 pass, 10 fail, 11 infrastructure, 12 cancelled.
    """
    place = data_directory(data, account_of(None))
    with _serving(["serve", "--listen", listen, "--httpd", front, "--data", str(place)], place) as server:
        local = LocalServer(place)
        client = Client(local.url, local.token)
        job = _run(client, file, place / "demo-harness")
        click.echo()
        for piece in reports.table.write(reports.Outcome.of(client, job["id"]), everything=False, width=window()):
            click.echo(piece, nl=False)
        below = f"{place}/logs" if once else client.url
        click.echo(f"WHERE is below {below}, the line behind the colon.")
        if once:
            sys.exit(VERDICTS[job["verdict"]])
        click.echo("Serving until Ctrl-C.")
        with contextlib.suppress(KeyboardInterrupt):
            server.wait()


@contextlib.contextmanager
def _serving(command: list[str], data: Path) -> "Iterator[subprocess.Popen[bytes]]":
    """Run `tackroom serve` and yield it once it listens; end it afterwards, also after Ctrl-C and a hangup."""
    # also where they are ignored: a job of a script, a terminal that closes
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    started = time.time()
    # in a session of its own: Ctrl-C is for us, and we end it
    server = subprocess.Popen([sys.executable, "-P", "-m", "wsgi_app.cli", *command], start_new_session=True)
    try:
        while not _told(data / "run" / "url", started):
            if server.poll() is not None:
                raise click.ClickException(
                    "Tackroom did not start: see above (another port: make run LISTEN=HOST:PORT)"
                )
            time.sleep(0.05)
        yield server
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


def _told(place: Path, since: float) -> bool:
    try:
        return place.stat().st_mtime >= since - 1
    except OSError:
        return False


def _run(client: Client, file: Path, state: Path) -> dict[str, Any]:
    """Submit the job, run recipes as the system until it is settled, and return it."""
    with contextlib.suppress(Refused):
        client.call("POST", "systems/", value={"name": SYSTEM})
    key = client.ask("POST", f"systems/{SYSTEM}/key")["key"]
    kind = "application/xml" if file.suffix == ".xml" else "application/json"
    job = client.ask("POST", "jobs/", body=file.read_bytes(), headers={"Content-Type": kind})
    click.echo(f"Submitted {file} as job {job['id']}; system {SYSTEM} runs it.\n")
    while not job["settled"]:
        # one recipe a turn: after an interrupted run there may be another before ours
        if not job["finished"]:
            _harness(client.url, key, state)
        job = client.get(f"jobs/{job['id']}/wait?timeout=1")
    result: dict[str, Any] = job
    return result


def _harness(url: str, key: str, state: Path) -> None:
    command = ["run", "--url", url, "--system", SYSTEM, "--once", "--progress", "--state", str(state)]
    subprocess.run(
        [sys.executable, "-P", "-m", "wsgi_app.harnesses.local", *command],
        env={**os.environ, "TACKROOM_TOKEN": key},
        check=False,
    )

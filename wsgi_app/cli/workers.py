"""`tackroom workers`: the gateway of stock buildbot-workers, a process beside those in `processes`."""

import asyncio
import os
import signal
import sys
from typing import Any

import click

from wsgi_app import logging
from wsgi_app.config import Config, load, place_to_listen
from wsgi_app.errors import Invalid
from wsgi_app.lasting import lasting

#: where workers are listened for when nobody says
DEFAULT_HOST = "127.0.0.1"
#: exit status that says: it will not do before somebody changes something
UNFIT = 65


@click.command(hidden=True)
@click.option("--url", metavar="URL", help="Where the controller is.  [default: as this machine's data says]")
@click.option("--drain", type=float, default=10.0, help="Seconds that recipes have to end at SIGTERM.")
def workers(url: str | None, drain: float) -> None:
    """Let stock buildbot-workers run recipes."""
    with lasting():
        from wsgi_app.core.heartbeat import WORKERS, Heartbeat
        from wsgi_app.services import sdnotify

        try:
            from wsgi_app.harnesses.buildbot.gateway import Gateway, Settings
        except ModuleNotFoundError as error:
            if error.name != "twisted":
                raise
            raise click.ClickException("Twisted is not installed: pip install 'tackroom[buildbot]'") from None
    from wsgi_app.harnesses.address import address
    from wsgi_app.harnesses.buildbot.state import Occupied, occupied

    logging.set_up("workers")
    notices = sdnotify.taken(os.environ)
    config = load().config
    if config.buildbot_listen == "none" and not config.buildbot_tls_listen:
        raise Invalid("buildbot_listen is none: workers are not served", field="buildbot_listen")
    settings = Settings(
        base=address(url or os.environ.get("TACKROOM_URL") or _controller(config)),
        token=config.workers_token,
        directory=config.workers_state,
        listen=place_to_listen(config.buildbot_listen, DEFAULT_HOST),
        tls_listen=place_to_listen(config.buildbot_tls_listen, None),
        certificate=config.buildbot_certificate,
        key=config.buildbot_key,
        public=address(config.base_url).url if config.base_url else "",
        max_output=config.buildbot_max_output,
        drain=drain,
    )
    heartbeat = Heartbeat(config.run / WORKERS)

    def beat(said: dict[str, Any]) -> None:
        heartbeat.beat(**said)
        if "port" in said or "tls_port" in said:
            notices.at_work()

    async def serve() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await Gateway(settings, logging.sayer("workers"), beat).run(stop)

    try:
        with occupied(config.workers_state):
            asyncio.run(serve())
    except (Occupied, OSError, ValueError) as error:
        click.echo(f"tackroom workers: {error}", err=True)
        sys.exit(UNFIT)
    notices.stopping()


def _controller(config: Config) -> str:
    """Return where the controller of this data is."""
    try:
        said = (config.run / "url").read_text(encoding="utf-8").strip()
    except OSError:
        said = ""
    return said or config.base_url or config.public_url

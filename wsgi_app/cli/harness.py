"""`tackroom harness`: our own harness on this system."""

import os
import sys
from pathlib import Path

import click

from wsgi_app.cli.arguments import SYSTEM_NAME
from wsgi_app.cli.client import destination


@click.command(short_help="Claim recipes for a system and run them.", epilog="Example: tackroom harness --system bench")
@click.option("--system", required=True, metavar="NAME", type=SYSTEM_NAME, help="Claim recipes for this system.")
@click.option("--once", is_flag=True, help="Leave after one recipe.")
@click.option("--progress", is_flag=True, help="Show the progress of large uploads.")
@click.option("--state", type=click.Path(path_type=Path), help="Where to keep what must survive a restart.")
def harness(system: str, once: bool, progress: bool, state: Path | None) -> None:
    """Claim recipes for a system and run them here.

    TACKROOM_URL says where Tackroom is, TACKROOM_TOKEN is the system's key; on Tackroom's own machine neither is
    needed. SIGTERM ends the harness and leaves a running task to the next one; Ctrl-C aborts the recipe.
    """
    # all other subcommands are there without it
    from wsgi_app.harnesses.local import harness as local
    from wsgi_app.harnesses.local.__main__ import default_state

    lab = destination()
    # what is wrong with the lab's CA is told before the work begins
    client = lab.client()
    options = local.Options(
        url=client.url,
        state=state or default_state(system),
        system=system,
        key=client.token or "",
        ca_file="" if lab.ca_file is None else str(lab.ca_file),
        once=once,
        progress=progress or os.isatty(1),
    )
    sys.exit(local.run(options))

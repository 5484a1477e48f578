"""Names that a shell completes: of profiles, of systems. Whatever goes wrong, there is just nothing to offer."""

import re
from urllib.parse import quote

import click

from wsgi_app.cli.client import Refused, Unreachable, destination
from wsgi_app.cli.profiles import load_profiles

#: what a shell takes for one word as it is: a name with a newline would be two, one with $(...) a command
_OFFERED = re.compile(r"[\w][\w.:@+-]*", re.ASCII)
#: seconds for which somebody who pressed a key waits
SECONDS = 1
#: names that are offered
MOST = 200


def profile_names(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the profiles that begin like this."""
    try:
        return [name for name in load_profiles().labs if _fits(name, incomplete)]
    except click.ClickException:
        return []


def system_names(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the systems of the lab that was asked for that begin like this."""
    try:
        with context.scope(cleanup=False):
            client = destination().client(patient=False, connect_seconds=SECONDS)
        # a list begins behind a name: this is the last one before those that begin like this
        after = quote(incomplete[:-1] + chr(ord(incomplete[-1]) - 1)) if incomplete else ""
        found = client.get(f"systems/?limit={MOST}&after={after}", seconds=SECONDS)["systems"]
    except (click.ClickException, Unreachable, Refused):
        return []
    return [system["name"] for system in found if _fits(system["name"], incomplete)]


def _fits(name: str, incomplete: str) -> bool:
    return name.startswith(incomplete) and _OFFERED.fullmatch(name) is not None

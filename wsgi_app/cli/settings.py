"""`tackroom config show`: every value that counts, and where it came from."""

import os
from collections.abc import Iterator
from typing import Any

import click
from attrs import frozen

from wsgi_app.cli.client import DEFAULT_URL, destination
from wsgi_app.cli.localserver import local_server
from wsgi_app.cli.output import json_option, print_json, print_table
from wsgi_app.cli.place import load_here
from wsgi_app.cli.profiles import load_profiles
from wsgi_app.config import ENV_PREFIX, STARS, Loaded, settings, without_password
from wsgi_app.errors import Invalid


@frozen
class Shown:
    """A value as it may be shown, and where it came from."""

    name: str
    value: Any
    origin: str


@click.group()
def config() -> None:
    """The settings of this machine's Tackroom, and of this command."""


@config.command(
    short_help="Show every setting, and who set it.",
    epilog="Examples: tackroom config show; tackroom config show base_url",
)
@click.argument("name", required=False)
@json_option("the settings")
def show(name: str | None, as_json: bool) -> None:
    """Show every setting, or the one called NAME: its value, and whether that is the default or where it came from.

    First those of the Tackroom on this machine, as 'serve' would read them; some it sets by itself from its options
    (data, front, base_url). Then whom this command talks to. What is secret is masked.
    """
    server = list(_server(load_here()))
    if name is not None:
        found = next((one for one in server if one.name == name), None)
        if found is None:
            raise Invalid(f"there is no setting {name!r}: 'tackroom config show' lists them")
        if as_json:
            print_json(_value(found))
        else:
            click.echo(_text(found.value))
        return
    command = list(_command())
    if as_json:
        print_json(
            {
                "settings": {one.name: _value(one) for one in server},
                "command": {one.name: _value(one) for one in command},
            }
        )
        return
    print_table(("SETTING", "VALUE", "ORIGIN"), [(one.name, _text(one.value), one.origin) for one in server])
    click.echo()
    print_table(("THIS COMMAND", "VALUE", "ORIGIN"), [(one.name, _text(one.value), one.origin) for one in command])


def _server(loaded: Loaded) -> Iterator[Shown]:
    for setting in settings():
        value = getattr(loaded.config, setting.name)
        mask = setting.metadata["mask"]
        origin = loaded.origin[setting.name]
        yield Shown(
            setting.name,
            _plain(value) if mask is None else mask(str(value)),
            ENV_PREFIX + setting.name.upper() if origin == "environment" else origin,
        )


def _command() -> Iterator[Shown]:
    """Yield what this command works with: which URL, which token, and why these."""
    lab = destination()
    token = lab.token
    labs = load_profiles()
    yield Shown("profiles", str(labs.path), "there is none" if not labs.path.exists() else f"{len(labs.labs)} labs")
    yield Shown("url", without_password(lab.url), _origin_of_url())
    yield Shown("token", None if token is None else hidden(token), "nobody says" if token is None else _origin(token))
    labs_own = None if lab.ca_file is None else str(lab.ca_file)
    yield Shown("ca_file", labs_own, "the CAs of this machine are trusted" if labs_own is None else "the lab's")


def _origin_of_url() -> str:
    """Return who has said the URL: in the order in which they are asked."""
    options = click.get_current_context().find_root().params
    labs = load_profiles()
    local = local_server()
    asked = options.get("profile")
    name = os.environ.get("TACKROOM_PROFILE")
    places = (
        (options.get("url"), "--url"),
        (asked, f"--profile {asked}"),
        (os.environ.get("TACKROOM_URL"), "TACKROOM_URL"),
        (name, f"TACKROOM_PROFILE ({name})"),
        (labs.default, f"default of {labs.path} ({labs.default})"),
        (local, "" if local is None else str(local.data / "run" / "url")),
        (DEFAULT_URL, "default"),
    )
    return next(origin for given, origin in places if given)


def _origin(token: str) -> str:
    """Return where a token is that was found."""
    local = local_server()
    if token == os.environ.get("TACKROOM_TOKEN"):
        return "TACKROOM_TOKEN"
    labs = load_profiles()
    for profile in labs.labs.values():
        if profile.token == token:
            return f"{labs.path} ({profile.name})"
        if profile.token_file is not None and profile.secret() == token:
            return str(profile.token_file)
    return "" if local is None else str(local.data / "admin.token")


def hidden(secret: str) -> str:
    """Return what may be shown of a secret: its beginning, which tells it from others, when enough is left."""
    return (secret[:4] if len(secret) >= 32 else "") + STARS


def _value(shown: Shown) -> dict[str, Any]:
    return {"value": shown.value, "origin": shown.origin}


def _plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, tuple):
        return list(value)
    return value if isinstance(value, bool | int | float) else str(value)


def _text(value: Any) -> str:
    """Return a value as the environment has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return " ".join(value)
    return "" if value is None else str(value)

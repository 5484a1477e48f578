"""Labs by name: what `tackroom.toml` in the user's configuration directory says of them."""

import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from attrs import frozen

from wsgi_app.documents.reports.shown import printable

#: what a profile may say
_KEYS = ("url", "token", "token_file", "ca_file")


@frozen
class Profile:
    """One lab: its URL and, in the file or in a file of its own, the token for it; and its CA, if it has one."""

    name: str
    url: str
    token: str | None
    token_file: Path | None
    ca_file: Path | None

    def secret(self) -> str | None:
        """Return the token, None when the profile has none. Raises `click.ClickException` when its file is missing."""
        if self.token_file is None:
            return self.token
        _warn_of_readers(self.token_file)
        try:
            return self.token_file.read_text(encoding="utf-8").strip() or None
        except (OSError, UnicodeError) as error:
            raise click.ClickException(f"the token of profile {self.name} cannot be read: {error}") from None


@frozen
class Profiles:
    """The labs that a file names; `default` is the one that is meant when nobody says which."""

    path: Path
    default: str | None
    labs: Mapping[str, Profile]

    def named(self, name: str) -> Profile:
        """Return a profile. Raises `click.ClickException`, which says what there is."""
        if name not in self.labs:
            known = ", ".join(self.labs) or "none"
            raise click.ClickException(f"there is no profile {name!r} in {self.path} (there is: {printable(known)})")
        return self.labs[name]


def profiles_file() -> Path:
    """Return where the profiles are: below XDG_CONFIG_HOME, else below ~/.config."""
    home = os.environ.get("XDG_CONFIG_HOME")
    return (Path(home) if home else Path("~/.config").expanduser()) / "tackroom.toml"


def load_profiles() -> Profiles:
    """Return what the file says, nothing when there is none. Raises `click.ClickException` naming what is wrong."""
    path = profiles_file()
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Profiles(path, None, {})
    except (OSError, UnicodeError) as error:
        raise click.ClickException(f"{path} cannot be read: {error}") from None
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise click.ClickException(f"{path} is not TOML: {error}") from None
    found = _profiles(path, value)
    if any(profile.token for profile in found.labs.values()):
        _warn_of_readers(path)
    return found


def _profiles(path: Path, value: dict[str, Any]) -> Profiles:
    _only(path, value, ("default", "profiles"), "")
    labs = value.get("profiles", {})
    if not isinstance(labs, dict) or not all(isinstance(lab, dict) for lab in labs.values()):
        raise _wrong(path, "profiles", "has a table for each lab: [profiles.NAME]")
    default = value.get("default")
    if default is not None and default not in labs:
        raise _wrong(path, "default", f"names one of the profiles: {', '.join(labs) or 'there is none'}")
    return Profiles(path, default, {name: _profile(path, name, lab) for name, lab in labs.items()})


def _profile(path: Path, name: str, value: dict[str, Any]) -> Profile:
    place = f"profiles.{name}."
    _only(path, value, _KEYS, place)
    for key, text in value.items():
        if not isinstance(text, str) or not text:
            raise _wrong(path, place + key, "is a text")
    if "url" not in value:
        raise _wrong(path, place + "url", "is missing")
    if "token" in value and "token_file" in value:
        raise _wrong(path, place + "token", "and token_file both say the token: keep one")
    # a relative name is beside the file that says it
    files = {key: path.parent / Path(value[key]).expanduser() for key in ("token_file", "ca_file") if key in value}
    return Profile(name, value["url"], value.get("token"), files.get("token_file"), files.get("ca_file"))


def _only(path: Path, value: dict[str, Any], known: tuple[str, ...], place: str) -> None:
    for key in value:
        if key not in known:
            raise _wrong(path, place + key, f"is not known (there is: {', '.join(known)})")


def _wrong(path: Path, key: str, what: str) -> click.ClickException:
    return click.ClickException(f"{path}: {printable(key)} {what}")


def _warn_of_readers(path: Path) -> None:
    try:
        readers = stat.S_IMODE(path.stat().st_mode) & 0o077
    except OSError:
        return
    if readers:
        click.echo(f"warning: others may read the token in {path}: chmod 600 {path}", err=True)

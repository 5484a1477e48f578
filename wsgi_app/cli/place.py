"""The Tackroom of this machine, running or not: where its data is, and looking at that as its owner."""

import os
import pwd
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click
from attrs import evolve

from wsgi_app.config import ENV_PREFIX, Config, Loaded, load
from wsgi_app.errors import Invalid

#: where `serve` keeps the data when nobody says
HERE = Path("var")
#: where a lab controller keeps it
SYSTEM_DATA = Path("/var/lib/tackroom")
#: the settings of a lab controller; they say where its data is
SETTINGS = Path("/etc/tackroom/tackroom.toml")
DATA = ENV_PREFIX + "DATA"
FILE = ENV_PREFIX + "CONFIG"


def load_here(environ: Mapping[str, str] | None = None) -> Loaded:
    """Read the settings as this machine's Tackroom has them: of the data that is here, when nobody says which.

    That is ./var, else what a lab controller's settings name, else what is in /var/lib/tackroom. Raises `Invalid`.
    """
    environ = os.environ if environ is None else environ
    if environ.get(DATA) or environ.get(FILE):
        return load(environ)
    if _holds(HERE):
        return _load(environ, HERE)
    if SETTINGS.exists():
        return load({**environ, FILE: str(SETTINGS)})
    return _load(environ, SYSTEM_DATA) if _holds(SYSTEM_DATA) else load(environ)


def _holds(place: Path) -> bool:
    return (place / "tackroom.db").exists()


def _load(environ: Mapping[str, str], place: Path) -> Loaded:
    loaded = load({**environ, DATA: str(place)})
    return evolve(loaded, origin={**loaded.origin, "data": "the data of this machine"})


def named_data(file: Path = SETTINGS) -> Path | None:
    """Return the data directory that a settings file names, None when it names none or cannot be read."""
    try:
        said = tomllib.loads(file.read_text(encoding="utf-8")).get("data")
    # what is wrong with it is told where the settings are needed
    except (OSError, ValueError):
        return None
    return Path(said) if isinstance(said, str) else None


def data_places() -> list[Path]:
    """Return where a Tackroom of this machine may have its data, the likeliest first."""
    if given := os.environ.get(DATA):
        return [Path(given)]
    file = os.environ.get(FILE)
    places = [named_data(Path(file))] if file else [HERE, named_data(), SYSTEM_DATA]
    return [place for place in places if place is not None]


@contextmanager
def as_owner(data: Path) -> Iterator[None]:
    """Work as the owner of the data, when root does: nothing is made that the owner could not use, and nothing can be
    used that the owner could not.
    """
    status = data.stat()
    if os.geteuid() != 0 or status.st_uid == 0:
        yield
        return
    user, group, groups = os.geteuid(), os.getegid(), os.getgroups()
    mask = os.umask(0o027)
    os.setgroups([])
    os.setegid(status.st_gid)
    os.seteuid(status.st_uid)
    try:
        yield
    finally:
        os.seteuid(user)
        os.setegid(group)
        os.setgroups(groups)
        os.umask(mask)


def owned_here() -> Config:
    """Return the settings of this machine's data, which is there and may be worked with.

    Raises ClickException when there is none, or it is somebody else's.
    """
    try:
        config = load_here().config
        owner = config.database.stat().st_uid
    except (Invalid, OSError) as error:
        if isinstance(error, PermissionError) or isinstance(error.__context__, PermissionError):
            sentence = "this machine's data is somebody else's: run this as its owner or as root"
        elif isinstance(error, OSError):
            sentence = f"{error.filename} is not there: say where the data is with TACKROOM_DATA"
        else:
            raise
        raise click.ClickException(sentence) from None
    if os.geteuid() not in (0, owner):
        name = _name(owner)
        raise click.ClickException(f"{config.data.absolute()} belongs to {name}: run this as {name} or as root")
    return config


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"

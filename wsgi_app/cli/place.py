"""The Tackroom of this machine, running or not: where its data is, and looking at that as its owner."""

import os
import pwd
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click
from attrs import evolve

from wsgi_app.config import ENV_PREFIX, Config, Loaded, load
from wsgi_app.errors import Invalid

#: where `serve` keeps the data when nobody says
PLACES = (Path("var"), Path("/var/lib/tackroom"))
DATA = ENV_PREFIX + "DATA"
FILE = ENV_PREFIX + "CONFIG"


def load_here(environ: Mapping[str, str] | None = None) -> Loaded:
    """Read the settings as this machine's Tackroom has them: of the data that is here, when nobody says which.

    Raises `Invalid`.
    """
    environ = os.environ if environ is None else environ
    if environ.get(DATA) or environ.get(FILE):
        return load(environ)
    here = next((place for place in PLACES if (place / "tackroom.db").exists()), None)
    if here is None:
        return load(environ)
    loaded = load({**environ, DATA: str(here)})
    return evolve(loaded, origin={**loaded.origin, "data": "the data of this machine"})


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

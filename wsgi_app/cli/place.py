"""The Tackroom of this machine, running or not: where its data is, and looking at that as its owner."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from attrs import evolve

from wsgi_app.config import ENV_PREFIX, Loaded, load

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

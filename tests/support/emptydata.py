"""A data directory with an empty database, made once a process: the migrations take longer than most tests."""

import tempfile
from functools import cache
from pathlib import Path

from wsgi_app.config import Config
from wsgi_app.core.gateway import open_gateway


def lay_out(config: Config) -> None:
    """Put an empty database of the present schema where there is none yet."""
    if not config.database.exists():
        config.data.mkdir(parents=True, exist_ok=True)
        config.database.write_bytes(_database())


@cache
def _database() -> bytes:
    with tempfile.TemporaryDirectory() as place:
        config = Config(data=Path(place) / "data")
        open_gateway(config).close()
        return config.database.read_bytes()

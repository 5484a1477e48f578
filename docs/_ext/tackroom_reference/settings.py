"""The table of the settings."""

from enum import Enum
from pathlib import Path

from tackroom_reference.markdown import code, table
from wsgi_app import config


def settings() -> str:
    """Return every setting with its variable, default and meaning, in its order."""
    return table(
        ("name", "environment", "default", "meaning"),
        (
            (
                code(setting.name),
                code(config.ENV_PREFIX + setting.name.upper()),
                code(_shown(setting.default)),
                setting.metadata["doc"],
            )
            for setting in config.settings()
        ),
    )


def _shown(value: object) -> str:
    """Return a default as the environment would say it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return " ".join(value)
    if isinstance(value, Enum):
        return str(value.value)
    return value.as_posix() if isinstance(value, Path) else str(value)

"""The tables of the states: their values, and what the comments behind them say."""

import enum
import inspect
import re

from tackroom_reference.markdown import code, table
from wsgi_app import states as module

_MEANING = re.compile(r"^    ([A-Z]+) = .*?  #: (.+)$", re.MULTILINE)


def states(name: str) -> str:
    """Return the values of one of the enumerations of `wsgi_app.states`, in their order."""
    kind = kinds()[name]
    said = meanings(kind)
    return table(("value", "meaning"), ((code(member.value), said.get(member.name, "")) for member in kind))


def kinds() -> dict[str, type[enum.Enum]]:
    """Return the enumerations, by name, in their order."""
    found = (kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, enum.Enum))
    return {kind.__name__: kind for kind in found if list(kind)}


def meanings(kind: type[enum.Enum]) -> dict[str, str]:
    """Return what the comment (`#:`) behind each value says, by the name of the value."""
    return dict(_MEANING.findall(inspect.getsource(kind)))

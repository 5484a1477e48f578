"""The names of what a descriptor may ask for, and what is said when it asks for something else."""

from collections.abc import Mapping
from typing import TypeVar

from wsgi_app.campaign import ReporterKind, StepKind
from wsgi_app.core.excerpt import short
from wsgi_app.errors import BadDescriptor

#: steps by the names that ConTest gives them
STEP_NAMES = {
    StepKind.CMD: "Cmd",
    StepKind.ECHO: "Echo",
    StepKind.SLEEP: "Sleep",
    StepKind.RANDECHO: "RandEcho",
    StepKind.WAITPORT: "waitport",
}
#: reporters, so
REPORTER_NAMES = {ReporterKind.TARGET_SUCCESS: "TargetSuccess", ReporterKind.NOOP: "noop"}

_Plugin = TypeVar("_Plugin")


def registered(plugins: Mapping[str, _Plugin], kind: str, name: str) -> _Plugin:
    """Return the plugin of a name, whatever its case. Raises `BadDescriptor`."""
    found = plugins.get(name.lower())
    if found is None:
        raise BadDescriptor(f"{kind} {short(name.lower())} is not registered")
    return found

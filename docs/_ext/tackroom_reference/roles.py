"""What the Ansible roles take, from their argument specifications, and the units of a lab controller."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tackroom_reference.markdown import code, table

ROLES = Path(__file__).resolve().parents[3] / "ansible" / "roles"
#: where a role's units are
UNITS = Path("files") / "systemd"
_NO_DEFAULT = "see its meaning"
_MARKUP = re.compile(r"\b[A-Z]+\(([^)]*)\)")


def variables(role: str) -> str:
    """Return every variable of a role with its type, default and meaning, in its order."""
    return table(
        ("variable", "type", "default", "meaning"),
        (
            (code(name), _kind(said), _default(said), " ".join(_sentences(said["description"])))
            for name, said in specified(role).items()
        ),
    )


def units(role: str) -> str:
    """Return every unit of a role with what it says of itself."""
    return table(("unit", "what it is"), ((code(name), said) for name, said in described(role).items()))


def specified(role: str) -> dict[str, dict[str, Any]]:
    """Return the variables that a role's main play takes, each as Ansible reads it."""
    specification = yaml.safe_load((ROLES / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    options: dict[str, dict[str, Any]] = specification["argument_specs"]["main"]["options"]
    return options


def described(role: str) -> dict[str, str]:
    """Return a role's units and their descriptions, by name."""
    found = {}
    for path in sorted((ROLES / role / UNITS).iterdir()):
        if path.is_file():
            said = re.search(r"^Description=(?:Tackroom: )?(.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            found[path.name] = said[1] if said else ""
    return found


def _kind(said: dict[str, Any]) -> str:
    return f"list of {said['elements']}" if said["type"] == "list" else str(said["type"])


def _default(said: dict[str, Any]) -> str:
    """Return a default as an inventory would say it; what the machine's facts say is in the description."""
    if "default" not in said or "{{" in str(said["default"]):
        return _NO_DEFAULT
    value = said["default"]
    if isinstance(value, bool):
        return code(str(value).lower())
    return code(str(value)) if value != "" else '`""`'


def _sentences(description: str | list[str]) -> Iterator[str]:
    """Yield the sentences of a description, with Markdown's marks instead of Ansible's."""
    for sentence in [description] if isinstance(description, str) else description:
        yield _MARKUP.sub(lambda marked: code(marked[1]), sentence)

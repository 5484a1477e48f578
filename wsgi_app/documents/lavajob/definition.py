"""LAVA's test definitions: what is run, with which parameters. Source: LAVA's Lava-Test Test Definition 1.0."""

import re
from typing import Any

from attrs import field, frozen

from wsgi_app.documents.lavajob.fields import Fields, Path, exactly, scalar
from wsgi_app.errors import BadLavaJob

#: what `metadata.format` may say
_FORMATS = ("Lava-Test Test Definition 1.0", "Lava-Test-Shell Test Definition 1.0")

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
#: a word that a signal can have in it
_WORD = re.compile(r"[^\s\x00-\x1f\x7f<>\"'`$\\]{1,200}")

#: what a definition may ask for that happens nowhere: it is fetched by the controller, for a system that is up
_NOT_INSTALLED = {
    "keys": "no keys are added to a system: let a step do it",
    "sources": "no package sources are added to a system: let a step do it",
    "git-repos": "no repositories are fetched beside the definition's own: let a step do it",
}


@frozen
class Install:
    """What is made ready before the steps: packages, packages by distribution (its ID in os-release), steps."""

    packages: tuple[str, ...] = ()
    by_distribution: dict[str, tuple[str, ...]] = field(factory=dict)
    steps: tuple[str, ...] = ()


@frozen
class Definition:
    """A test definition: shell lines, and the variables that they find. `expected` are cases that are to be reported.

    One that was fetched comes with `archive`, all its files as tar.gz, and where it is from: repository and commit.
    """

    steps: tuple[str, ...] = ()
    params: dict[str, str] = field(factory=dict)
    install: Install = Install()
    expected: tuple[str, ...] = ()
    metadata: dict[str, Any] = field(factory=dict)
    archive: bytes | None = field(default=None, repr=False)
    repository: str | None = None
    commit: str | None = None
    #: what of it has no effect, one sentence each
    warnings: tuple[str, ...] = ()


#: one that has nothing to run
NOTHING = Definition()


def read_definition(mapping: Any, path: Path) -> Definition:
    """Read a test definition that stands at a place. Raises `BadLavaJob`."""
    fields = Fields(mapping, path)
    metadata = _metadata(fields)
    if "parse" in fields:
        raise BadLavaJob(
            "output is not searched for patterns: let the steps call lava-test-case", path=fields.at("parse")
        )
    params = {**_params(fields, "params"), **_params(fields, "parameters")}
    run = Fields(fields.needed("run"), fields.at("run"))
    steps = _lines(run, "steps")
    install, warnings = _install(fields)
    expected = fields.texts("expected")
    for place, name in enumerate(expected):
        if not _WORD.fullmatch(name):
            raise BadLavaJob("that is no name of a test case", path=fields.at("expected", place))
    return Definition(steps, params, install, expected, metadata, warnings=(*warnings, *_unknown(fields, run)))


def _metadata(fields: Fields) -> dict[str, Any]:
    metadata = fields.mapping("metadata")
    kind = metadata.get("format", _FORMATS[0])
    if kind not in _FORMATS:
        raise BadLavaJob(f"expected {_FORMATS[0]!r}", path=fields.at("metadata", "format"))
    return metadata


def _params(fields: Fields, name: str) -> dict[str, str]:
    """Return variables with their values; as with LAVA none is an empty one."""
    found = {}
    for key, value in fields.mapping(name).items():
        place = fields.at(name, key)
        if not _VARIABLE.fullmatch(key):
            raise BadLavaJob("that is no name of a shell variable", path=place)
        found[key] = "" if value is None else scalar(value, place)
    return found


def _lines(fields: Fields, name: str) -> tuple[str, ...]:
    """Return shell lines; as with LAVA an empty item is none."""
    lines = exactly(list, fields.any(name) or [], fields.at(name))
    found = [(place, line) for place, line in enumerate(lines) if line is not None]
    for place, line in found:
        if type(line) is not str:
            raise BadLavaJob("a step is a text: put it between quotes", path=fields.at(name, place))
    return tuple(line for _, line in found)


def _install(fields: Fields) -> tuple[Install, list[str]]:
    if "install" not in fields:
        return Install(), []
    section = fields.section("install")
    for name, why in _NOT_INSTALLED.items():
        if section.array(name):
            raise BadLavaJob(why, path=section.at(name))
    packages, steps = section.texts("deps"), _lines(section, "steps")
    by_distribution, warnings = {}, []
    for name, value in section.rest().items():
        if name.startswith("deps-"):
            by_distribution[name.removeprefix("deps-")] = Fields({name: value}, section.path).texts(name)
        else:
            warnings.append(f"install.{name} has no effect")
    return Install(packages, by_distribution, steps), warnings


def _unknown(fields: Fields, run: Fields) -> list[str]:
    return [*(f"run.{name} has no effect" for name in run.rest()), *(f"{name} has no effect" for name in fields.rest())]

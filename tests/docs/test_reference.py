"""The reference says what there is, and nothing else: settings, command, URLs, errors, formats, events, states."""

import argparse
import ast
import enum
import importlib
import pkgutil
import re
from collections.abc import Iterator

import click
import pytest
from pages import ROOT, code, reference

import wsgi_app
from wsgi_app import states
from wsgi_app.app import MOUNTS, Application
from wsgi_app.cli.jobs import VERDICTS
from wsgi_app.cli.main import FAILED, REFUSED, UNREACHABLE, WRONG_USE, tackroom
from wsgi_app.config import ENV_PREFIX, Config, settings
from wsgi_app.errors import TackroomError
from wsgi_app.harnesses.local import harness
from wsgi_app.harnesses.local.__main__ import parser
from wsgi_app.indexer.formats import FORMATS
from wsgi_app.protocols.harness.wire import STATUS as HARNESS_STATUS
from wsgi_app.protocols.native.wire import STATUS as NATIVE_STATUS
from wsgi_app.protocols.web import Face, status_of

PACKAGE = ROOT / "wsgi_app"

#: what the page of URLs calls the parts of a rule
PLACEHOLDERS = {
    "<id:recipe>": "R",
    "<id:task>": "T",
    "<id:result>": "N",
    "<id:job>": "J",
    "<rest:name>": "P",
    "<name>": "NAME",
    "<state>": "STATE",
}


def commands(group: click.Group, name: str) -> Iterator[tuple[str, click.Command]]:
    """Yield the subcommands that are not hidden, each with the words that call it; groups only for their members."""
    for word, command in group.commands.items():
        if command.hidden:
            continue
        if isinstance(command, click.Group):
            yield from commands(command, f"{name} {word}")
        else:
            yield f"{name} {word}", command


COMMANDS = dict(commands(tackroom, "tackroom"))


def test_settings() -> None:
    """Every setting is there in its order, with variable, default and meaning; no other is."""
    rows = [(code(row[0]), code(row[1]), code(row[2]), row[3]) for row in reference("settings").rows("Settings")]
    assert rows == [
        (
            [setting.name],
            [ENV_PREFIX + setting.name.upper()],
            [shown] if (shown := _default(setting.default)) else [],
            setting.metadata["doc"],
        )
        for setting in settings()
    ]


def _default(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return " ".join(value) if isinstance(value, tuple) else str(value)


def test_subcommands() -> None:
    """Every subcommand that is not hidden has a section; no other does."""
    assert {heading for heading in reference("command").headings if heading.startswith("tackroom ")} == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_options(name: str) -> None:
    """Every option of a subcommand is in its section; no other is."""
    written = {code(row[0])[0].split()[0] for row in reference("command").rows(name)}
    there = {
        option
        for parameter in COMMANDS[name].params
        if isinstance(parameter, click.Option) and not parameter.hidden
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    assert written == there


def test_exit_statuses() -> None:
    """The command's exit statuses are all there; no other is."""
    written = {int(row[0]) for row in reference("command").rows("Exit statuses")}
    assert written == {0, FAILED, WRONG_USE, UNREACHABLE, REFUSED, 130, *VERDICTS.values()}
    verdicts = {code(row[0])[0]: int(row[1]) for row in reference("states").rows("Verdict")}
    assert verdicts == VERDICTS


def test_harness() -> None:
    """The harness's options and exit statuses are all there; no other is."""
    page = reference("harness")
    (run,) = (action for action in parser()._actions if isinstance(action, argparse._SubParsersAction))
    there = {option for action in run.choices["run"]._actions for option in action.option_strings}
    assert {code(row[0])[0].split()[0] for row in page.rows("Options of the zipapp")} == there - {"-h", "--help"}
    assert {int(row[0]) for row in page.rows("Exit statuses")} == {
        harness.WORKED_THROUGH,
        harness.ENDED_BY_CONTROLLER,
        harness.REFUSED,
        harness.INTERRUPTED,
    }


def test_environment_variables() -> None:
    """Every variable that begins with TACKROOM_ and stands in the code is in the reference; no other is."""
    named = re.compile(rf"\b{ENV_PREFIX}[A-Z][A-Z_]*\b")
    there = {name for path in PACKAGE.rglob("*.py") for name in named.findall(path.read_text(encoding="utf-8"))}
    there |= {ENV_PREFIX + setting.name.upper() for setting in settings()}
    pages = (reference(name) for name in ("command", "settings", "harness"))
    written = {name for page in pages for name in named.findall(page.path.read_text(encoding="utf-8"))}
    # a header of httpd's, as WSGI spells it
    assert written == there - {"TACKROOM_CLIENT"}


def test_urls(application: Application, config: Config) -> None:
    """Every URL rule is there with each of its methods; no other is."""
    rows = [row for row in reference("urls").rows() if row[0].startswith("`")]
    written = [(method, code(row[1])[0]) for row in rows for method in code(row[0])]
    assert sorted(written) == sorted(set(written))
    assert set(written) == set(_routes(application, config))
    assert {row[-1] for row in rows} == {"stable", "unstable"}


def _routes(application: Application, config: Config) -> Iterator[tuple[str, str]]:
    for make in {make for _, make in MOUNTS}:
        face = make(application.gateway, config)
        assert isinstance(face, Face)
        for route in face.routes:
            path = route.rule
            for rule, word in PLACEHOLDERS.items():
                path = path.replace(rule, word)
            assert "<" not in path, f"what does the page of URLs call the parts of {path}?"
            yield from ((method, path) for method in route.methods)


def test_errors() -> None:
    """Every error code is there with the status that a protocol gives it; no other is."""
    for module in pkgutil.walk_packages(wsgi_app.__path__, "wsgi_app."):
        if not module.name.endswith("__main__") and ".migrations" not in module.name:
            importlib.import_module(module.name)
    written = {code(row[0])[0]: int(row[1]) for row in reference("errors").rows() if row[1].isdigit()}
    there = {kind.code: kind for kind in _below(TackroomError)}
    assert set(written) == set(there)
    for name, kind in there.items():
        assert written[name] in (status_of(kind(), HARNESS_STATUS), status_of(kind(), NATIVE_STATUS)), name


def _below(kind: type[TackroomError]) -> Iterator[type[TackroomError]]:
    for subclass in kind.__subclasses__():
        yield subclass
        yield from _below(subclass)


def test_formats() -> None:
    """Every log format has a section; no other does."""
    written = {name for heading in reference("formats").headings for name in code(heading)}
    assert written == {format_.name for format_ in FORMATS if format_.name is not None}


def test_marks() -> None:
    """Every kind of mark that the indexer makes is there; no other is."""
    page = reference("formats")
    written = {name for row in page.rows("`console`") for name in code(row[2])}
    written |= {
        name
        for line in page.lines
        for name in re.findall(r"have the mark `(\w+)`|has the mark `(\w+)`", line)
        for name in name
        if name
    }
    assert written == set(_first_words("indexer", {"Mark", "_Issue"}))


def test_events() -> None:
    """Every topic of which events are written is there; no other is."""
    written = {code(row[0])[0] for row in reference("events").rows()}
    assert written == set(_first_words("core", {"event"}))


def _first_words(package: str, callees: set[str]) -> Iterator[str]:
    """Yield the texts with which these are called in a package."""
    for path in (PACKAGE / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in callees and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
                yield node.args[0].value


@pytest.mark.parametrize(
    "kind",
    [kind for kind in vars(states).values() if isinstance(kind, type) and issubclass(kind, enum.Enum) and list(kind)],
)
def test_states(kind: type[enum.Enum]) -> None:
    """Every value of every state is there, in its order; no other is."""
    written = [code(row[0])[0] for row in reference("states").rows(kind.__name__)]
    there = [value.value for value in kind]
    # the verdicts stand in the order in which they are decided
    assert (sorted(written), sorted(there)) == (sorted(there), sorted(there))
    assert kind is states.Verdict or written == there

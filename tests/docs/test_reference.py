"""Everything public is in the reference, and says what it is."""

import argparse
import ast
import re
from collections.abc import Iterator

import click
import pytest
from pages import ROOT, code, reference
from tackroom_reference import PARTS, command, errors, events, formats, roles, states, urls
from typed import require

from wsgi_app.cli.jobs import UNSETTLED, VERDICTS
from wsgi_app.cli.main import FAILED, tackroom
from wsgi_app.config import ENV_PREFIX, settings
from wsgi_app.core.topics import TOPICS
from wsgi_app.harnesses.local import harness
from wsgi_app.harnesses.local.__main__ import parser

PACKAGE = ROOT / "wsgi_app"

COMMANDS = dict(command.walk(tackroom, "tackroom"))
KINDS = errors.kinds()


def test_settings() -> None:
    """Every setting is on its page, and has a sentence about it."""
    assert [code(row[0])[0] for row in reference("settings").rows()] == [setting.name for setting in settings()]
    for setting in settings():
        assert setting.metadata["doc"].endswith("."), setting.name


def test_variables() -> None:
    """Every variable of the lab controller's role is on its page, with its type and a sentence about it."""
    rows = reference("controller").rows("Variables")
    assert [code(row[0])[0] for row in rows] == list(roles.specified("lab_controller"))
    assert all(row[1] and row[2] and row[3].endswith(".") for row in rows)


def test_units() -> None:
    """Every unit of a lab controller is on its page, and says what it is."""
    described = roles.described("lab_controller")
    assert {code(row[0])[0]: row[1] for row in reference("controller").rows("Units")} == described
    assert all(described.values())


def test_subcommands() -> None:
    """Every subcommand that is not hidden has a section."""
    assert {heading for heading in reference("command").headings if heading.startswith("tackroom ")} == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help(name: str) -> None:
    """A subcommand's help says what it does, what its arguments and each of its options are, and how it is called."""
    shown = COMMANDS[name]
    assert (shown.help or "").strip(), name
    for parameter in shown.params:
        if isinstance(parameter, click.Option):
            assert parameter.help or parameter.hidden, (name, parameter.name)
        else:
            assert isinstance(parameter, click.Argument)
            for word in re.findall(r"\w+", parameter.make_metavar(click.Context(shown))):
                assert re.search(rf"\b{word}", f"{shown.help} {shown.epilog}", re.IGNORECASE), (name, word)


@pytest.mark.parametrize("name", COMMANDS)
def test_examples(name: str) -> None:
    """What a subcommand's help shows as an example can be typed."""
    for example in re.findall(r"(?<![\w'])tackroom [^;\n]+", command.prose(COMMANDS[name].epilog or "")):
        require(example)


def test_groups() -> None:
    """A group of subcommands says what they are about."""
    for group in _groups(tackroom):
        assert (group.help or "").strip(), group.name


def _groups(group: click.Group) -> Iterator[click.Group]:
    yield group
    for member in group.commands.values():
        if isinstance(member, click.Group):
            yield from _groups(member)


def test_exit_statuses() -> None:
    """The command's exit statuses are all on its page, each in words, and so are the variables that it looks at."""
    page = reference("command")
    assert {int(row[0]) for row in page.rows("Exit statuses")} >= {0, FAILED, *VERDICTS.values(), UNSETTLED}
    assert all(row[1] for row in [*page.rows("Exit statuses"), *page.rows("Where it calls")])


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
    put_together = re.compile(r'\bENV_PREFIX \+ "([A-Z][A-Z_]*)"')
    texts = [path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")]
    there = {name for text in texts for name in named.findall(text)}
    there |= {ENV_PREFIX + name for text in texts for name in put_together.findall(text)}
    there |= {ENV_PREFIX + setting.name.upper() for setting in settings()}
    written = {name for page in _with_variables() for name in named.findall(page)}
    # a header of httpd's, as WSGI spells it
    assert written == there - {"TACKROOM_CLIENT"}


def test_other_variables() -> None:
    """Every other variable that the code asks for is there, too, but for those that every program knows."""
    asked = re.compile(r'\bos\.(?:environ(?:\.get\(|\[)|getenv\()"(\w+)"')
    there = {name for path in PACKAGE.rglob("*.py") for name in asked.findall(path.read_text(encoding="utf-8"))}
    assert {"NO_COLOR", "XDG_STATE_HOME"} <= there
    text = "".join(_with_variables())
    assert {name for name in there - {"PATH", "TERM", "HOME"} if not re.search(rf"\b{name}\b", text)} == set()


def _with_variables() -> list[str]:
    return [reference(name).text for name in ("command", "settings", "harness")]


def test_urls() -> None:
    """Every operation of the OpenAPI document is on the page of URLs, and says what it is, for whom, and how stable."""
    there = urls.operations()
    for path, method, said in there:
        assert said["summary"], (method, path)
        assert said["x-access"], (method, path)
        assert said["x-stability"] in ("stable", "unstable"), (method, path)
    rows = [row for row in reference("urls").rows() if row[-1] in ("stable", "unstable")]
    written = [(code(row[1])[0], method.lower()) for row in rows for method in code(row[0])]
    assert sorted(written) == sorted((path, method) for path, method, _ in there)


def test_errors() -> None:
    """Every error has a code of its own, is on its page, and says what it means."""
    codes = [kind.code for kind in KINDS]
    assert len(codes) == len(set(codes))
    assert {code(row[0])[0] for row in reference("errors").rows()} == set(codes)
    for kind in KINDS:
        assert "code" in vars(kind), kind
        assert vars(kind)["__doc__"], kind


def test_formats() -> None:
    """Every log format has a section, and its module a sentence for the table; no other does."""
    described = formats.described()
    page = reference("formats")
    assert {name for heading in page.headings for name in code(heading)} == set(described)
    assert all(described.values()), described


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
    assert written == {name for name, _ in _calls("indexer", {"Mark", "_Issue"})}


def test_events() -> None:
    """Every topic of which events are written is there, with when; no other is."""
    assert [code(row[0])[0] for row in reference("events").rows()] == list(TOPICS)
    assert {topic for topic, _ in _calls("core", {"event"})} == set(TOPICS)
    assert all(topic.when for topic in TOPICS.values())


def test_event_data() -> None:
    """Every name in an event's data is in its topic; no other is."""
    named: dict[str, set[str]] = {topic: set() for topic in TOPICS}
    for topic, call in _calls("core", {"event"}):
        named[topic] |= {keyword.arg for keyword in call.keywords if keyword.arg}
    # the events of recipes, tasks and systems have a core that is always there, and what the caller adds
    always: dict[str, set[str]] = {
        "recipe": {"status", "result", "settled", "system"},
        "task": {"status", "result"},
        "system": set(),
    }
    for topic, names in always.items():
        named[topic] |= names
    for path in (PACKAGE / "core").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and (topic := _called(node).removesuffix("_event")) in always:
                named[topic] |= {keyword.arg for keyword in node.keywords if keyword.arg}
    assert {topic: set(TOPICS[topic].data) for topic in TOPICS} == named


def _calls(package: str, callees: set[str]) -> Iterator[tuple[str, ast.Call]]:
    """Yield the calls of these in a package whose first argument is a text, with that."""
    for path in (PACKAGE / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args or _called(node) not in callees:
                continue
            if isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
                yield node.args[0].value, node


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


@pytest.mark.parametrize("name", states.kinds())
def test_states(name: str) -> None:
    """Every value of every state is there, in its order, with its meaning."""
    kind = states.kinds()[name]
    assert [code(row[0])[0] for row in reference("states").rows(name)] == [value.value for value in kind]
    assert set(states.meanings(kind)) == {value.name for value in kind}


def test_parts() -> None:
    """Everything that can be made from the code is asked for by a page."""
    asked = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "reference").glob("*.md"))
    for part in PARTS:
        assert f"```{{tackroom}} {part}" in asked
    assert events.events() in reference("events").text

"""The page about LAVA's APIs says what there is: methods, fields of answers, words, faults, commands of tests."""

import ast
import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from pages import ROOT, Page, code, reference
from tackroom_reference import calls

from wsgi_app.protocols import native
from wsgi_app.protocols.lava import records, suites, wire, words
from wsgi_app.protocols.rpc import faults
from wsgi_app.states import Cause, ResultValue

PAGE = reference("lava")
README = Page(ROOT / "wsgi_app" / "protocols" / "lava" / "README.md")
SHELL = ROOT / "wsgi_app" / "documents" / "lavajob" / "shell"
#: what no test calls: parts of the commands, and what a test begins with
INNER = {"lava-common-functions", "lava-multi-node", "lava-hello"}


def test_methods() -> None:
    """Every XML-RPC method stands there once, and says what it does."""
    named = [code(row[0])[0] for row in PAGE.rows() if len(row) == 4 and row[2] in _TYPES]
    assert sorted(named) == list(calls.methods())
    assert all(method.help for method in calls.methods().values())


_TYPES = {"int", "boolean", "string", "array", "struct", "base64", "nil"}


@pytest.mark.parametrize(
    ("heading", "method", "shape"),
    [
        ("Jobs", "scheduler.jobs.show", wire.job_shown),
        ("Jobs", "scheduler.jobs.list", wire.job_listed),
        ("Devices, types, workers, tags", "scheduler.devices.show", wire.device_shown),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_fields(heading: str, method: str, shape: Callable[..., Any]) -> None:
    """Every field of an answer is there; no other is."""
    lines = PAGE.section(heading)
    begin = next(place for place, line in enumerate(lines) if line.startswith(f"| `{method}` has"))
    end = lines.index("", begin)
    written = {name for line in lines[begin + 2 : end] for name in code(line.split("|")[1])}
    assert written == _keys(shape)


def _keys(function: Callable[..., Any]) -> set[str]:
    """Return the keys of what a function builds: of its dictionaries, and those that it adds."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(inspect.getsource(function))):
        if isinstance(node, ast.Dict):
            found |= {key.value for key in node.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)}
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            found.add(ast.literal_eval(node.targets[0].slice))
    return found


def test_states() -> None:
    """Every state and health is there: of jobs, of devices, of the worker."""
    text = "\n".join(PAGE.section("States"))
    devices = words.DEVICE_HEALTHS.values()
    workers = words.WORKER_HEALTHS
    assert [word for word in (*words.JOB_STATES, *words.JOB_HEALTHS) if not re.search(rf"\b{word}\b", text)] == []
    assert f"| {', '.join(devices)} |" in text
    assert f"[{', '.join(workers)}]" in text


def test_error_types() -> None:
    """Every cause has the error type that the page says, and so it is in the protocol's own page."""
    for page, heading in ((PAGE, "States"), (README, "What a job is")):
        told = {
            cause: re.split(r"[:,]", row[1])[0]
            for row in page.rows(heading)
            if len(row) == 2
            for cause in code(row[0]) or row[0].split(", ")
            if cause in set(Cause)
        }
        assert told == {cause.value: word for cause, word in words.ERROR_TYPES.items()}


def test_faults() -> None:
    """Every fault is there; no other is."""
    written = {int(row[0]) for row in PAGE.rows("Faults")}
    known = {value for name, value in vars(faults).items() if name.isupper()}
    assert written == known | set(wire.FAULTS.values())


def test_commands() -> None:
    """Every command that comes along with a test is there; no other is."""
    rows = [*PAGE.rows("The test shell"), *PAGE.rows("Several devices")]
    written = {word.split()[0] for row in rows for word in code(row[0])}
    assert written == {path.stem for path in SHELL.glob("lava-*.sh")} - INNER


def test_logs() -> None:
    """The levels that records have, and the parameters that the log's URL takes, are there; no others are."""
    rows = PAGE.rows("Logs")
    (path,) = (item for path, item in _paths().items() if path.endswith("/jobs/{job}/logs/"))
    parameters = {one["name"] for one in path["get"]["parameters"] if one.get("in") == "query"}
    assert {name for row in rows for name in code(row[0])} == parameters | set(records._WORD.values())


def _paths() -> dict[str, Any]:
    text = (ROOT / native.__name__.replace(".", "/") / "openapi.yaml").read_text(encoding="utf-8")
    paths: dict[str, Any] = yaml.safe_load(text)["paths"]
    return paths


def test_results() -> None:
    """Each of our results has the word that the page says; whatever is not named is unknown."""
    (row,) = (row for row in PAGE.rows("Results") if row[0] == "of a result")
    told = {result: word for cell, word in zip(row[1:], suites.WORDS, strict=True) for result in cell.split(", ")}
    assert told == {value.value: suites._WORDS.get(value, suites.UNKNOWN) for value in ResultValue}


def test_differences() -> None:
    """Of whatever the protocol's own page says that we differ from LAVA, its users are told, too."""
    told = {row[0] for row in PAGE.rows("Where we differ from LAVA")}
    assert {row[0] for row in README.rows("Where we differ, and why")} <= told

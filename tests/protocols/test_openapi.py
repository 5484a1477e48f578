"""openapi.yaml is about what there is, and is right in itself; tests/property/test_openapi.py asks a running server."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from attrs import evolve
from openapi_spec_validator import validate
from webtest import TestApp

from wsgi_app import errors, states
from wsgi_app.app import MOUNTS, Application, create_app
from wsgi_app.config import Config
from wsgi_app.core.results import Source
from wsgi_app.core.topics import TOPICS
from wsgi_app.documents import jobjson
from wsgi_app.errors import TackroomError
from wsgi_app.protocols import contest, lava, native
from wsgi_app.protocols.native import wire
from wsgi_app.protocols.web import Face

METHODS = {"get", "post", "put", "patch", "delete", "options"}
#: what a rule calls a number, and a path of ours too
_CONVERTER = re.compile(r"<(?:\w+:)?(\w+)>")

Document = dict[str, Any]


@pytest.fixture(scope="module")
def document() -> Document:
    """The document as it is in the file."""
    text = (Path(native.__file__).parent / "openapi.yaml").read_text(encoding="utf-8")
    loaded: Document = yaml.safe_load(text)
    return loaded


def operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    """Yield path, method and operation."""
    for path, item in document["paths"].items():
        for method in METHODS & item.keys():
            yield path, method.upper(), item[method]


def test_valid(document: Document) -> None:
    """It is OpenAPI 3.1."""
    validate(document)
    assert document["openapi"].startswith("3.1.")


def test_routes(document: Document, application: Application, config: Config) -> None:
    """Every URL rule is there with each of its methods; no other is. ConTest's API has verbs, XML-RPC methods."""
    there = set()
    for make in {make for _, make in MOUNTS} - {contest.make_app, lava.make_app}:
        face = make(application.gateway, config)
        assert isinstance(face, Face)
        there |= {(_CONVERTER.sub(r"{\1}", route.rule), method) for route in face.routes for method in route.methods}
    assert {(path, method) for path, method, _ in operations(document)} == there


def test_what_each_operation_says(document: Document) -> None:
    """Each has a name of its own, a line of what it answers, who may, and whether it stays."""
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert sorted(names) == sorted(set(names))
    for path, method, operation in operations(document):
        assert operation["x-stability"] in ("stable", "unstable"), (method, path)
        assert "\n" not in operation["summary"], (method, path)
        assert operation["x-access"], (method, path)
        assert operation["tags"][0] in {tag["name"] for tag in document["tags"]}, (method, path)


def test_objects_have_names(document: Document) -> None:
    """An object with fields is a schema with a name, or a part of one: generated clients call their classes so."""
    schemas = document["components"].pop("schemas")
    try:
        assert list(_objects(document)) == []
        for name, schema in schemas.items():
            for part in [schema, *schema.get("allOf", [])]:
                below = [value for key, value in part.items() if key != "allOf"]
                assert list(_objects(below)) == [], name
    finally:
        document["components"]["schemas"] = schemas


def _objects(node: object) -> Iterator[Document]:
    """Yield what describes an object's fields."""
    if isinstance(node, list):
        for item in node:
            yield from _objects(item)
    elif isinstance(node, dict):
        if isinstance(node.get("properties"), dict) and "type" in node:
            yield node
        yield from _objects(list(node.values()))


def test_error_codes(document: Document) -> None:
    """Every code that a call can be refused with is there; no other is."""
    _, known = document["components"]["schemas"]["ErrorCode"]["anyOf"]
    assert sorted(known["enum"]) == sorted(kind.code for kind in _below(TackroomError))


def _below(kind: type[TackroomError]) -> Iterator[type[TackroomError]]:
    for subclass in kind.__subclasses__():
        if subclass.__module__ == errors.__name__:
            yield subclass
        yield from _below(subclass)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        *((kind.__name__, list(kind)) for kind in (states.RecipeStatus, states.TaskStatus, states.ResultValue)),
        *((kind.__name__, list(kind)) for kind in (states.Verdict, states.LogState, states.SystemState)),
        *((kind.__name__, list(kind)) for kind in (states.SystemHealth, states.Visibility, Source)),
        ("Topic", list(TOPICS)),
    ],
)
def test_words(document: Document, name: str, values: list[str]) -> None:
    """The states, results and topics are those of the code."""
    assert sorted(document["components"]["schemas"][name]["enum"]) == sorted(map(str, values))


def test_bounds(document: Document) -> None:
    """Numbers that the document repeats are those of the code."""
    parts = document["components"]
    assert parts["schemas"]["Id"]["maximum"] == wire.LARGEST_ID
    assert parts["parameters"]["Limit"]["schema"]["default"] == wire.PAGE
    assert f"{wire.LARGEST_PAGE:,}" in parts["parameters"]["Limit"]["description"]
    assert parts["parameters"]["Timeout"]["schema"]["default"] == wire.WAIT
    assert str(wire.LONGEST_WAIT) in parts["parameters"]["Timeout"]["description"]


def test_job_example(document: Document) -> None:
    """The example of a job is one."""
    content = document["components"]["requestBodies"]["NewJob"]["content"]["application/json"]
    for example in content["examples"].values():
        assert jobjson.parse_job(json.dumps(example["value"]).encode())


def test_served(web: TestApp, document: Document) -> None:
    """It is served as it is, with the prefix as the server's URL, to anyone."""
    answer = web.get("/openapi.yaml", status=200)
    assert answer.content_type == "application/yaml"
    assert yaml.safe_load(answer.body) == document
    assert document["servers"] == [{"url": "/"}]


def test_served_below_a_prefix(config: Config) -> None:
    """Below a path prefix the document says so."""
    application = create_app(evolve(config, prefix="/lab/"))
    try:
        served = yaml.safe_load(TestApp(application).get("/lab/openapi.yaml", status=200).body)
    finally:
        application.gateway.close()
    assert served["servers"] == [{"url": "/lab"}]

"""What jobs carry along: metadata and documents; and numbers that mean a job."""

from typing import Any

import pytest
from webtest import TestApp

from wsgi_app.app import Application
from wsgi_app.core.selection import Reference
from wsgi_app.model import Caller

BODY: dict[str, Any] = {"recipe_sets": [{"recipes": [{"tasks": [{"name": "t", "command": ["true"]}]}]}]}


def document(application: Application, admin: dict[str, str], job: int) -> tuple[str, str]:
    """Return the media type and the text that are kept."""
    found = application.gateway.selections.submitted(Caller(admin["Authorization"], ""), Reference("any", job)).document
    return found.kind, found.text


def test_metadata(web: TestApp, admin: dict[str, str]) -> None:
    """What is noted about a job is answered as it came; lists leave it out."""
    notes: dict[str, Any] = {"build": {"id": 7, "ok": True, "ratio": 0.5}, "list": [None, {}], "ü": "✓", "": ""}
    made = web.post_json("/jobs/", {**BODY, "metadata": notes}, headers=admin, status=201).json
    assert made["metadata"] == web.get(f"/jobs/{made['id']}").json["metadata"] == notes
    assert "metadata" not in web.get("/jobs/").json["jobs"][0]
    again = web.post(f"/jobs/{made['id']}/retry", headers=admin, status=201).json
    assert again["metadata"] == notes


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**BODY, "metadata": []}, "metadata"),
        ({**BODY, "metadata": {"a": "\0"}}, "metadata.a"),
        ({**BODY, "metadata": {"a": {"b": 10**30}}}, "metadata.a.b"),
        ({**BODY, "secrets": []}, "secrets"),
        ({**BODY, "document": None}, "document"),
        (
            {"recipe_sets": [{"recipes": [{"tasks": [{"name": "t", "live": True}]}]}]},
            "recipe_sets[0].recipes[0].tasks[0].live",
        ),
    ],
)
def test_what_is_refused(web: TestApp, admin: dict[str, str], body: dict[str, Any], field: str) -> None:
    """Metadata is an object of what can be kept; what is for other documents is none of a job in JSON."""
    error = web.post_json("/jobs/", body, headers=admin, status=400).json["error"]
    assert error["field"] == field, error


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        ("application/json", b'{"recipe_sets":[ {"recipes": [{"tasks": [{"name": "\xc3\xa4"}]}]}]}\n', None),
        ("application/json", b'\xef\xbb\xbf{"recipe_sets": [{"recipes": [{"tasks": [{"name": "t"}]}]}]}', None),
        ("application/xml", b"<!-- 1 --><job><recipeSet><recipe><task name='t'/></recipe></recipeSet></job>", None),
        (
            "text/xml",
            "<?xml version='1.0' encoding='ISO-8859-1'?><job><whiteboard>ä</whiteboard><recipeSet><recipe>"
            "<task name='t'/></recipe></recipeSet></job>".encode("latin-1"),
            "<?xml version='1.0' encoding='ISO-8859-1'?><job><whiteboard>ä</whiteboard><recipeSet><recipe>"
            "<task name='t'/></recipe></recipeSet></job>",
        ),
        (
            "application/xml",
            "<job><whiteboard>ä</whiteboard><recipeSet><recipe><task name='t'/></recipe></recipeSet></job>".encode(
                "utf-16"
            ),
            "<job><whiteboard>ä</whiteboard><recipeSet><recipe><task name='t'/></recipe></recipeSet></job>",
        ),
    ],
)
def test_documents(
    web: TestApp, admin: dict[str, str], application: Application, kind: str, body: bytes, text: str | None
) -> None:
    """A job is kept as it came, to the last byte; its copies have the same document."""
    made = web.post("/jobs/", body, headers=admin, content_type=kind, status=201).json
    wanted = (kind, body.decode() if text is None else text)
    assert document(application, admin, made["id"]) == wanted
    again = web.post(f"/jobs/{made['id']}/retry", headers=admin, status=201).json
    assert document(application, admin, again["id"]) == wanted


def test_causes(web: TestApp, admin: dict[str, str]) -> None:
    """An aborted recipe says why in one word, and no other does."""
    made = web.post_json("/jobs/", BODY, headers=admin).json
    (recipe,) = made["recipe_sets"][0]["recipes"]
    assert recipe["cause"] is None
    web.post(f"/recipes/{recipe['id']}/status", {"status": "Aborted"}, headers=admin)
    found = web.get(f"/recipes/{recipe['id']}/", headers={"Accept": "application/json"}).json
    assert (found["status"], found["cause"]) == ("Aborted", "admin")


def test_any_number(web: TestApp, admin: dict[str, str]) -> None:
    """The number of anything of a job leads to it, to its results and its summary; it is not enough to cancel it."""
    made = web.post_json("/jobs/", BODY, headers=admin).json
    group = made["recipe_sets"][0]
    recipe = group["recipes"][0]
    for number in (made["id"], group["id"], recipe["id"], recipe["tasks"][0]["id"]):
        assert web.get(f"/jobs/{number}").json["id"] == made["id"]
        assert web.get(f"/jobs/{number}/wait?timeout=0").json["id"] == made["id"]
        assert web.get(f"/jobs/{number}/summary").json["job"] == made["id"]
        assert web.get(f"/jobs/{number}/results").json == {"results": [], "next": None}
    for verb in ("cancel", "retry"):
        web.post(f"/jobs/{group['id']}/{verb}", headers=admin, status=404)
    web.get("/jobs/99", status=404)
    web.get("/jobs/99/wait?timeout=5", status=404)

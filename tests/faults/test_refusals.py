"""A refusal is final for a harness only if it arrives: as itself, whatever the size of what was refused."""

import pytest
from lab import Lab

LARGE = b"x" * (10 << 20)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", "/recipes/{recipe}/tasks/999999/logs/none.log", 404),
        ("PUT", "/recipes/{recipe}/logs/taken/below.log", 409),
        ("DELETE", "/livez", 405),
        ("POST", "/nowhere", 404),
        ("POST", "/jobs/", 415),
    ],
)
def test_a_refusal_of_a_large_body_arrives(lab: Lab, method: str, path: str, status: int) -> None:
    """With bytes unread behind it, httpd answers 502, and a harness would try again for ever."""
    system = f"refused-{method}-{status}"
    lab.job({"name": "one", "command": ["true"]}, system=system)
    recipe = lab.claim(system)
    assert lab.call("PUT", f"/recipes/{recipe['id']}/logs/taken", b"a log", None, recipe["key"]).status == 201
    key = recipe["key"] if method == "PUT" else ""
    assert lab.call(method, path.format(recipe=recipe["id"]), LARGE, None, key).status == status


def test_nobody_moves_the_application_by_a_header(lab: Lab) -> None:
    """gunicorn takes SCRIPT_NAME and PATH_INFO from peers that it trusts; it is to trust nobody."""
    for name in ("SCRIPT_NAME", "PATH_INFO", "Script-Name"):
        assert lab.call("GET", "/livez", None, {name: "/elsewhere"}).status == 200


def test_who_may_not_submit_has_no_document_read(lab: Lab) -> None:
    """A large document costs time and memory: the token comes first."""
    answer = lab.call("POST", "/jobs/", b"{", {"Content-Type": "application/json", "Authorization": ""})
    assert answer.status == 401

"""Whatever comes in, a typed answer goes out: never a 5xx, never a traceback."""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from webtest import TestApp, TestResponse

from wsgi_app.app import create_app
from wsgi_app.config import Config
from wsgi_app.errors import BadRange
from wsgi_app.protocols.harness.upload import parse_content_range

EXAMPLES = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["name", "recipe_sets", "recipes", "tasks", "system", "requires", "tags", "params", "fetch"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)

#: a value somewhere in a job that is otherwise right
PLACES = [
    *((), ("recipe_sets",), ("recipe_sets", 0), ("recipe_sets", 0, "recipes"), ("recipe_sets", 0, "stage")),
    *(("recipe_sets", 0, "recipes", 0, name) for name in ("system", "requires", "role", "max_seconds", "stop_on_fail")),
    *(
        ("recipe_sets", 0, "recipes", 0, "tasks", 0, name)
        for name in ("name", "role", "params", "command", "script", "fetch")
    ),
    *(("name",), ("priority",), ("visibility",)),
]
TAGS = ["job", "recipeSet", "recipe", "task", "hostRequires", "and", "hostname", "tag", "params", "param", "fetch"]
XML: st.SearchStrategy[str] = st.recursive(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
    lambda inner: st.builds(
        lambda tag, name, value, children: f'<{tag} {name}="{value}">{"".join(children)}</{tag}>',
        st.sampled_from([*TAGS, "command", "arg", "script", "whiteboard", "?x", "!--"]),
        st.sampled_from(["name", "value", "url", "priority", "role", "max_seconds", "op", "force", "xmlns"]),
        st.sampled_from(["", "a", "1", "High", "=", "&#x1F600;", "&amp;", "&#0;"]),
        st.lists(inner, max_size=3),
    ),
    max_leaves=15,
)
HEADER = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=60)


class Lab:
    """One application for all examples, a claimed recipe, and the headers of its admin."""

    def __init__(self, data: Path) -> None:
        config = Config(data=data, max_body=5000)
        self.application = create_app(config)
        self.application.gateway.access.issue_admin_token()
        self.web = TestApp(self.application, extra_environ={"REMOTE_ADDR": "127.0.0.1"})
        self.admin = {"Authorization": "Bearer " + config.admin_token.read_text().strip()}
        self.web.post_json("/systems/", {"name": "s"}, headers=self.admin)
        body = {"recipe_sets": [{"recipes": [{"system": "s", "tasks": [{"name": "t"}]}]}]}
        made = self.web.post_json("/jobs/", body, headers=self.admin).json["recipe_sets"][0]["recipes"][0]
        self.recipe, self.task = made["id"], made["tasks"][0]["id"]
        self.key = {"Authorization": "Bearer " + self.web.post("/systems/s/claim", headers=self.admin).json["key"]}

    def call(self, method: str, url: str, body: bytes = b"", **options: Any) -> TestResponse:
        """Make a call whose answer must not be a 5xx; WebTest's lint looks at the rest."""
        answer = self.web.request(url, method=method, body=body, status="*", **options)
        assert answer.status_int < 500, (method, url, body, options, answer)
        assert b"Traceback" not in answer.body
        return answer


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """An application that all examples share."""
    made = Lab(tmp_path_factory.mktemp("any") / "data")
    yield made
    made.application.gateway.close()


@EXAMPLES
@given(st.binary(max_size=200), st.sampled_from(["application/json", "application/xml", "text/xml; charset=x", "a"]))
@example(b"\xff\xfe", "application/json")
@example(b"[" * 4000, "application/json")
@example(b"9" * 4999, "application/json")
@example(b'<?xml version="1.0" encoding="bogus"?><job/>', "application/xml")
@example(b"<a>" * 1500, "application/xml")
def test_any_bytes_as_a_job(lab: Lab, body: bytes, kind: str) -> None:
    """Bytes that are no job are refused as such."""
    answer = lab.call("POST", "/jobs/", body, headers={**lab.admin, "Content-Type": kind})
    assert answer.status_int in (400, 413, 415)


@EXAMPLES
@given(st.sampled_from(PLACES), JSON)
def test_any_value_in_a_job(lab: Lab, place: tuple[Any, ...], value: Any) -> None:
    """Any value anywhere in a job is taken, and reads back in JSON and XML, or is refused with its field."""
    job: Any = {"recipe_sets": [{"recipes": [{"tasks": [{"name": "t"}]}]}]}
    holder = job
    for step in place[:-1]:
        holder = holder[step]
    if place:
        holder[place[-1]] = value
    body = json.dumps(job if place else value).encode()
    answer = lab.call("POST", "/jobs/", body, headers={**lab.admin, "Content-Type": "application/json"})
    if answer.status_int != 201:
        assert answer.status_int in (400, 413)
        assert answer.json["error"]["message"]
        return
    for headers in (lab.admin, {**lab.admin, "Accept": "application/json"}):
        number = answer.json["recipe_sets"][0]["recipes"][0]["id"]
        assert lab.call("GET", f"/recipes/{number}/", headers=headers).status_int == 200
    assert lab.call("GET", f"/jobs/{answer.json['id']}", headers=lab.admin).json == answer.json


@EXAMPLES
@given(XML)
def test_any_elements_as_a_job(lab: Lab, body: str) -> None:
    """Elements in any order make a job or are refused."""
    for text in (body, f"<job><recipeSet><recipe>{body}</recipe></recipeSet></job>"):
        headers = {**lab.admin, "Content-Type": "application/xml"}
        assert lab.call("POST", "/jobs/", text.encode(), headers=headers).status_int in (201, 400, 413)


FORMS = ["status", "tasks/{task}/status", "tasks/{task}/results/", "watchdog"]


@EXAMPLES
@given(
    st.sampled_from(FORMS),
    st.dictionaries(
        st.sampled_from(["status", "seconds", "result", "score", "path", "message", "version"]),
        st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(["Pass", "Running", "1", "-1e9"]),
    ),
    st.binary(max_size=60) | st.none(),
    st.sampled_from(["application/x-www-form-urlencoded", "multipart/form-data; boundary=a", "text/plain", ""]),
)
def test_any_form(lab: Lab, path: str, fields: dict[str, str], raw: bytes | None, kind: str) -> None:
    """Any form is taken or refused, and what was taken reads back."""
    if fields.get("status", "").lower() in ("aborted", "completed"):
        return
    body = urlencode(fields).encode() if raw is None else b"status=x&" + raw
    url = f"/recipes/{lab.recipe}/{path.format(task=lab.task)}"
    lab.call("POST", url, body, headers={**lab.key, "Content-Type": kind})
    lab.call(
        "PATCH",
        f"/recipes/{lab.recipe}/tasks/{lab.task}/",
        b"version=1&" + body,
        headers={**lab.key, "Content-Type": kind},
    )
    for accept in ("application/xml", "application/json"):
        assert lab.call("GET", f"/recipes/{lab.recipe}/", headers={"Accept": accept}).status_int == 200
    assert lab.call("GET", f"/recipes/{lab.recipe}/results").status_int == 200


@EXAMPLES
@given(
    st.binary(min_size=1, max_size=300) | st.text(max_size=20).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
@example(b"a/b")
@example(b"..")
@example(b"x" * 256)
@example(b"\xed\xa0\x80")
def test_any_log_name(lab: Lab, name: bytes) -> None:
    """A log of any name is written and reads back, or is refused; nothing lands outside its recipe."""
    for base in (f"/recipes/{lab.recipe}/logs/", f"/recipes/{lab.recipe}/tasks/{lab.task}/logs/"):
        for environ in ({}, {"RAW_URI": base + quote(name)}):
            put = lab.call("PUT", base + quote(name), name, headers=lab.key, environ=environ)
            got = lab.call("GET", base + quote(name), headers=lab.key, environ=environ)
            assert put.status_int in (201, 204, 400, 403, 404, 405, 409)
            if put.status_int in (201, 204):
                assert got.body == name
    assert lab.call("GET", f"/recipes/{lab.recipe}/logs/", headers={"Accept": "application/atom+xml"}).status_int == 200


@EXAMPLES
@given(HEADER)
@example("bytes 0-0/*")
def test_any_content_range(lab: Lab, text: str) -> None:
    """Any Content-Range is taken or refused."""
    answer = lab.call("PUT", f"/recipes/{lab.recipe}/logs/r", b"x", headers={**lab.key, "Content-Range": text})
    assert answer.status_int in (201, 204, 400, 416)


RANGES = st.builds("bytes {}-{}/{}".format, st.integers(0, 99), st.integers(0, 99), st.integers(0, 99) | st.just("*"))


@settings(max_examples=300)
@given(RANGES | st.text(st.sampled_from("bytes 0123456789-/*\n\u0661"), max_size=20))
@example("bytes 0-0/*\n")
def test_content_range_against_reference(text: str) -> None:
    """A range is what RFC 9110 section 14.4 calls one; whether its numbers make sense is core's to say."""
    found = re.match(r"\A(?i:bytes) (\d+)-(\d+)/(\d+|\*)\Z", text, re.ASCII)
    try:
        span = parse_content_range(text)
    except BadRange:
        assert found is None
        return
    assert found is not None
    assert [span.first, span.last, span.total] == [None if part == "*" else int(part) for part in found.groups()]


SECRETS = st.binary(max_size=40).map(lambda data: "Basic " + base64.b64encode(data).decode())
SCHEMES = st.builds("{} {}".format, st.sampled_from(["Basic", "Bearer", "Token", "Digest", "bearer"]), HEADER)


@EXAMPLES
@given(HEADER | SECRETS | SCHEMES)
@example("Basic")
@example("Bearer ")
@example("Basic /w==")
def test_any_authorization(lab: Lab, text: str) -> None:
    """Any credentials but the right ones are refused where some are needed, and do no harm where not."""
    headers = {"Authorization": text}
    for method, url, body in (
        ("POST", "/jobs/", b"{}"),
        ("PUT", f"/recipes/{lab.recipe}/logs/secret", b"x"),
        ("POST", f"/recipes/{lab.recipe}/tasks/{lab.task}/status", b"status=Running"),
        ("POST", "/systems/s/claim", b""),
        ("POST", f"/recipes/{lab.recipe}/key", b""),
    ):
        kind = "application/json" if url == "/jobs/" else "application/x-www-form-urlencoded"
        answer = lab.call(method, url, body, headers={**headers, "Content-Type": kind})
        assert answer.status_int in (400, 401, 403)
    assert lab.call("GET", f"/recipes/{lab.recipe}/", headers=headers).status_int == 200


@EXAMPLES
@given(st.sampled_from(["/jobs/", "/events", "/systems/", "/jobs/1/results", "/recipes/3/log-index"]), HEADER, HEADER)
def test_any_query(lab: Lab, path: str, name: str, value: str) -> None:
    """Any query and any Accept are taken or refused."""
    for field in ("limit", "after", "state", "owner", "topic", name):
        url = f"{path}?{quote(field, safe='')}={quote(value.encode('latin-1'))}"
        assert lab.call("GET", url, headers={"Accept": value}).status_int in (200, 400)
    lab.call("GET", f"/recipes/{lab.recipe}/", headers={"Accept": value, "Host": "x", "Range": name})

"""Filters of the lists, and queries and bodies that are refused."""

from collections.abc import Callable
from typing import Any

import pytest
from webtest import TestApp

from wsgi_app.app import Application
from wsgi_app.model import LogAddress, ParsedResult
from wsgi_app.states import ResultValue
from wsgi_app.store import results

Headers = dict[str, str]


@pytest.fixture
def ran(web: TestApp, admin: Headers, system: str, application: Application) -> dict[str, int]:
    """Ids of a job, its recipe and tasks: the harness reported Pass and Fail of the first, a log of the second Warn."""
    job = {"recipe_sets": [{"recipes": [{"system": system, "tasks": [{"name": "a"}, {"name": "b"}]}]}]}
    web.post_json("/jobs/", job, headers=admin, status=201)
    recipe = web.post(f"/systems/{system}/claim", headers=admin, status=200).json
    first, second = (task["id"] for task in recipe["tasks"])
    for value in ("Pass", "Fail"):
        web.post(f"/recipes/{recipe['id']}/tasks/{first}/results/", {"result": value}, headers=admin, status=201)
    key = {"Authorization": f"Bearer {recipe['key']}"}
    web.put(f"/recipes/{recipe['id']}/tasks/{second}/logs/b.log", b"x", headers=key, status=201)
    with application.gateway.results._ground.change() as change:
        address = LogAddress(recipe["id"], second, None, "b.log")
        results.replace_parsed(change.tx, address, [ParsedResult("/b", ResultValue.WARN, 1)], change.now)
    return {"job": recipe["job"], "recipe": recipe["id"], "first": first, "second": second}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["Pass", "Fail", "Warn"]),
        ("result=Fail", ["Fail"]),
        ("result=Fail&result=Warn", ["Fail", "Warn"]),
        ("source=harness", ["Pass", "Fail"]),
        ("source=log", ["Warn"]),
        ("source=log&source=harness", ["Pass", "Fail", "Warn"]),
        ("result=Pass&source=log", []),
        ("task={first}", ["Pass", "Fail"]),
        ("task={second}", ["Warn"]),
        ("task=0", ["Pass", "Fail", "Warn"]),
        ("task=99999999999999999999", []),
    ],
)
def test_results(web: TestApp, ran: dict[str, int], query: str, expected: list[str]) -> None:
    """Results of a job and of a recipe are filtered by value, source and task, all of which must fit."""
    for url in (f"/jobs/{ran['job']}/results", f"/recipes/{ran['recipe']}/results"):
        found = web.get(f"{url}?{query.format(**ran)}").json["results"]
        assert [result["result"] for result in found] == expected


def test_filtered_pages(web: TestApp, ran: dict[str, int]) -> None:
    """`next` keeps the filters."""
    url = f"/recipes/{ran['recipe']}/results"
    page = web.get(f"{url}?limit=1&source=harness&result=Pass&result=Fail").json
    assert [result["result"] for result in page["results"]] == ["Pass"]
    following = web.get(url + page["next"]).json
    assert [result["result"] for result in following["results"]] == ["Fail"]
    assert web.get(url + following["next"]).json == {"results": [], "next": None}


def test_jobs(web: TestApp, admin: Headers, submit: Callable[..., Any], user: Callable[..., Headers]) -> None:
    """Jobs are filtered by state, one or several, and by owner."""
    first, second = submit()["id"], submit(headers=user("bob", "submit"))["id"]
    web.post(f"/jobs/{first}/cancel", headers=admin, status=204)

    def listed(query: str) -> list[int]:
        return [job["id"] for job in web.get(f"/jobs/?{query}").json["jobs"]]

    assert listed("state=Cancelled") == [first]
    assert listed("state=Cancelled&state=Queued") == [second, first]
    assert listed("state=Running") == []
    assert listed("owner=bob") == [second]
    assert listed("owner=bob&state=Cancelled") == []


def test_my_jobs(web: TestApp, submit: Callable[..., Any], user: Callable[..., Headers]) -> None:
    """A token's user finds their own jobs without saying who they are; without a token nobody is anybody."""
    bob = user("bob", "submit")
    submit()
    mine = submit(headers=bob)["id"]
    assert [job["id"] for job in web.get("/jobs/?mine=1", headers=bob).json["jobs"]] == [mine]
    assert len(web.get("/jobs/?mine=0", headers=bob).json["jobs"]) == 2
    assert web.get("/jobs/?mine=1&owner=admin", headers=bob).json["jobs"] == []
    assert web.get("/jobs/?mine=1", status=401).json["error"]["code"] == "auth.required"


def test_logs_and_systems(web: TestApp, admin: Headers, ran: dict[str, int]) -> None:
    """Logs are filtered by state, systems by health."""
    url = f"/recipes/{ran['recipe']}/log-index"
    assert [log["path"] for log in web.get(f"{url}?state=growing").json["logs"]] == [
        f"tasks/{ran['second']}/logs/b.log"
    ]
    assert web.get(f"{url}?state=finished&state=damaged").json == {"logs": [], "next": None}
    web.post_json("/systems/", {"name": "broken", "health": "bad"}, headers=admin, status=201)
    assert [system["name"] for system in web.get("/systems/?health=bad").json["systems"]] == ["broken"]
    both = web.get("/systems/?health=bad&health=unknown").json["systems"]
    assert [system["name"] for system in both] == ["alpha", "broken"]


LISTS = ["/jobs/", "/jobs/{job}/results", "/recipes/{recipe}/results", "/recipes/{recipe}/log-index"]
LISTS += ["/recipes/{recipe}/sync/", "/queue", "/systems/", "/events", "/tokens/"]


@pytest.mark.parametrize("url", LISTS)
def test_wrong_numbers(web: TestApp, admin: Headers, ran: dict[str, int], url: str) -> None:
    """A limit is a whole number from 0 on, said once; larger ones are brought down to what a page may have."""
    url = url.format(**ran)
    for text in ("x", "-1", "", "1.0", "+1", "0x1", "1e3", "%D9%A3", "1&limit=2"):
        error = web.get(f"{url}?limit={text}", headers=admin, status=400).json["error"]
        assert (error["code"], error["field"]) == ("input.invalid", "limit")
    for text in ("0", "1", "1000000", "9" * 3000):
        web.get(f"{url}?limit={text}", headers=admin, status=200)


@pytest.mark.parametrize(
    ("url", "field"),
    [
        ("/jobs/?state=Sleeping", "state"),
        ("/jobs/?state=queued", "state"),
        ("/jobs/?state=Queued&state=", "state"),
        ("/jobs/?owner=a&owner=b", "owner"),
        ("/jobs/?owner=%00", "owner"),
        ("/jobs/?after=-1", "after"),
        ("/jobs/{job}/results?result=Bad", "result"),
        ("/jobs/{job}/results?source=me", "source"),
        ("/jobs/{job}/results?task=x", "task"),
        ("/jobs/{job}/wait?timeout=-1", "timeout"),
        ("/jobs/{job}/wait?timeout=soon", "timeout"),
        ("/recipes/{recipe}/log-index?state=open", "state"),
        ("/recipes/{recipe}/sync/READY?any=yes", "any"),
        ("/recipes/{recipe}/sync/READY?any=", "any"),
        ("/systems/?health=well", "health"),
        ("/systems/?after=a&after=b", "after"),
        ("/queue?after=1", "after"),
        ("/queue?job=x", "job"),
        ("/events?topic=weather", "topic"),
    ],
)
def test_wrong_queries(web: TestApp, admin: Headers, ran: dict[str, int], url: str, field: str) -> None:
    """What a filter does not know is 400 and named, never passed over."""
    error = web.get(url.format(**ran), headers=admin, status=400).json["error"]
    assert (error["code"], error["field"]) == ("input.invalid", field)


@pytest.mark.parametrize("url", ["/jobs/{}", "/jobs/{}/summary", "/recipes/{}/results", "/recipes/{}/log-index"])
def test_ids_out_of_range(web: TestApp, url: str) -> None:
    """An id beyond all ids is not found, as one that is none."""
    for number in ("2147483647", "2147483648", "9999999999", "99999999999999999999", "0", "01", "-1", "x"):
        web.get(url.format(number), status=404)


JOB = b'{"recipe_sets":[{"recipes":[{"tasks":[{"name":"t"}]}]}]}'


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", None),
        (b"null", None),
        (b'{"name":"a","name":"b"}', "name"),
        (JOB.replace(b'"t"', b'"t","name":"u"'), "name"),
        (JOB.replace(b'"t"', rb'"a\u0000"'), "recipe_sets[0].recipes[0].tasks[0].name"),
        (JOB.replace(b'"t"', b'"t","params":{"a":Infinity}'), None),
        (JOB.replace(b'"t"', b'"t","params":{"a":NaN}'), None),
        (b'{"priority":1e999,' + JOB[1:], None),
        (b'{"priority":5.5,' + JOB[1:], "priority"),
        (b'{"priority":' + b"9" * 5000 + b"," + JOB[1:], None),
        (b'{"priority":' + b"9" * 30 + b"," + JOB[1:], "priority"),
        (b'{"name":' + b"[" * 100_000 + b"]" * 100_000 + b"}", None),
        (JOB.decode().encode("utf-16"), None),
        (JOB.replace(b'"t"', b'"\xfc"'), None),
        (JOB + b"x", None),
    ],
)
def test_wrong_json(web: TestApp, admin: Headers, body: bytes, field: str | None) -> None:
    """JSON is UTF-8, has each name once in an object, no other numbers than JSON's, and text that can be run."""
    headers = {**admin, "Content-Type": "application/json"}
    error = web.post("/jobs/", body, headers=headers, status=400).json["error"]
    assert error["code"] == "document.invalid"
    assert error["field"] == field


def test_right_json(web: TestApp, admin: Headers) -> None:
    """A byte order mark is passed over, and a whole number is one however it is written."""
    for body in (b"\xef\xbb\xbf" + JOB, b'{"priority":5.0e1,' + JOB[1:]):
        job = web.post("/jobs/", body, headers={**admin, "Content-Type": "application/json"}, status=201).json
        assert job["priority"] == 50


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1"]
)
@pytest.mark.parametrize(("method", "url"), [("POST", "/jobs/"), ("POST", "/systems/"), ("POST", "/tokens/")])
def test_wrong_types(web: TestApp, admin: Headers, method: str, url: str, kind: str) -> None:
    """A body that does not say that it is JSON in UTF-8 is 415."""
    answer = web.request(url, method=method, body=b"{}", headers={**admin, "Content-Type": kind}, status=415)
    assert answer.json["error"]["code"] == "http.unsupported-media-type"


@pytest.mark.parametrize("path", ["/jobs/", "/systems/", "/tokens/"])
def test_half_a_pair_in_a_name(web: TestApp, admin: Headers, path: str) -> None:
    """A field's name that no text can hold is refused, and the refusal can be sent."""
    headers = {**admin, "Content-Type": "application/json"}
    error = web.post(path, rb'{"name":"a","\ud800":1}', headers=headers, status=400).json["error"]
    assert error["code"] == "document.invalid"
    assert "surrogate" in error["message"]


@pytest.mark.parametrize("path", ["/jobs/", "/systems/", "/tokens/"])
def test_encoded_body(web: TestApp, admin: Headers, path: str) -> None:
    """A body that is compressed is refused as such, not read as if it were not."""
    headers = {**admin, "Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert "Content-Encoding" in web.post(path, b"{}", headers=headers, status=415).json["error"]["message"]


def test_results_of_a_job_alone(web: TestApp, admin: Headers, ran: dict[str, int], system: str) -> None:
    """A job's results are those of its recipes, and of no other job's."""
    web.post(f"/jobs/{ran['job']}/cancel", headers=admin, status=204)
    job = {"recipe_sets": [{"recipes": [{"system": system, "tasks": [{"name": "c"}]}]}]}
    other = web.post_json("/jobs/", job, headers=admin, status=201).json["id"]
    recipe = web.post(f"/systems/{system}/claim", headers=admin, status=200).json
    url = f"/recipes/{recipe['id']}/tasks/{recipe['tasks'][0]['id']}/results/"
    web.post(url, {"result": "Skip"}, headers=admin, status=201)
    assert [one["result"] for one in web.get(f"/jobs/{other}/results").json["results"]] == ["Skip"]
    assert [one["result"] for one in web.get(f"/jobs/{ran['job']}/results").json["results"]] == ["Pass", "Fail", "Warn"]

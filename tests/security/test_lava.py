"""LAVA's door: what is private stays so on each of its URLs and in each of its methods, and nothing sent breaks it."""

import base64
import json
import re
import xmlrpc.client
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml
from attrs import frozen
from cast import Cast, basic
from lab import Answer, Lab
from waiting import until

DOCUMENT = Path(__file__).resolve().parents[2] / "wsgi_app" / "protocols" / "native" / "openapi.yaml"
API = "/api/v0.2/"
XML = {"Content-Type": "text/xml"}
#: what only its owner and admins may read; the last is a secret of the job
MARKS = ("hidden-name", "hidden-note", "hidden-step", "hidden-case", "hidden-line", "hidden-secret")
SECRET = MARKS[-1]

JOB = """\
job_name: hidden-name
visibility: personal
device_type: {type}
timeouts: {{job: {{minutes: 5}}}}
metadata: {{note: hidden-note}}
secrets: {{PASSWORD: hidden-secret}}
{more}
actions:
- test:
    {roles}
    definitions:
    - name: smoke
      from: inline
      path: smoke.yaml
      repository:
        metadata: {{format: Lava-Test Test Definition 1.0, name: smoke}}
        run: {{steps: [echo hidden-step]}}
"""
GROUP = "protocols: {lava-multinode: {roles: {a: {count: 1, device_type: %s}, b: {count: 1, device_type: %s}}}}"
LOG = b"""\
hidden-line and hidden-secret
<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=hidden-case RESULT=fail>
<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=of-hidden-secret RESULT=pass>
"""


@frozen
class Private:
    """A private job of two recipes that run; their ids and keys."""

    recipes: tuple[int, int]
    tasks: tuple[int, int]
    job: int
    keys: tuple[str, str]
    system: str
    type: str

    @property
    def ids(self) -> list[str]:
        """All that its first recipe is called."""
        first = self.recipes[0]
        return [f"{first}", f"R:{first}", f"J:{self.job}", f"T:{self.tasks[0]}", f"{first}.0", f"{first}.1"]


def call(lab: Lab, who: Mapping[str, str], method: str, *params: Any) -> Answer:
    """Make an XML-RPC call with these credentials."""
    body = xmlrpc.client.dumps(params, method, allow_none=True).encode()
    return lab.call("POST", "/RPC2", body, {**XML, "Authorization": "", **who})


def answered(answer: Answer) -> Any:
    """Return what an XML-RPC call was answered. Raises `xmlrpc.client.Fault`."""
    assert answer.status == 200, answer
    return xmlrpc.client.loads(answer.body, use_builtin_types=True)[0][0]


def fault(answer: Answer) -> int:
    """Return the number of the fault that a call was answered with, 0 for none."""
    try:
        answered(answer)
    except xmlrpc.client.Fault as found:
        return found.faultCode
    return 0


@pytest.fixture(scope="module")
def alice(cast: Cast) -> dict[str, str]:
    """The owner."""
    return _user(cast, "alice", "read", "submit")


def _user(cast: Cast, name: str, *scopes: str) -> dict[str, str]:
    token = cast.token(name, *scopes)["Authorization"].removeprefix("Bearer ")
    return {"Authorization": basic(name, token)}


@pytest.fixture(scope="module")
def private(lab: Lab, cast: Cast, alice: dict[str, str]) -> Private:
    """A private job of hers, at work."""
    kind = cast.name("type")
    systems = [cast.system(), cast.system()]
    for name in systems:
        lab.call("PATCH", f"/systems/{name}", json.dumps({"type": kind}).encode(), {"Content-Type": "application/json"})
    text = JOB.format(type=kind, more=GROUP % (kind, kind), roles="role: [a, b]").replace(
        f"device_type: {kind}\n", "", 1
    )
    numbers = answered(call(lab, alice, "scheduler.jobs.submit", text))
    assert len(numbers) == 2
    claims = [lab.call("POST", f"/systems/{name}/claim") for name in systems]
    claims = [lab.call("POST", f"/systems/{name}/claim") for name in systems]
    recipes = sorted((claim.json for claim in claims), key=lambda recipe: int(recipe["id"]))
    for recipe in recipes:
        place, key = f"/recipes/{recipe['id']}/tasks/{recipe['tasks'][0]['id']}/", recipe["key"]
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        assert lab.call("POST", place + "status", b"status=Running", form, key).status == 204
        assert lab.call("PUT", place + "logs/taskout.log", LOG, key=key).status in (201, 204)
        form_body = b"result=Fail&path=/hidden-case&message=about+hidden-secret"
        assert lab.call("POST", place + "results/", form_body, form, key).status == 201
    return Private(
        tuple(recipe["id"] for recipe in recipes),
        tuple(recipe["tasks"][0]["id"] for recipe in recipes),
        recipes[0]["job"],
        tuple(recipe["key"] for recipe in recipes),
        recipes[0]["system"],
        kind,
    )


@pytest.fixture(scope="module")
def outsiders(cast: Cast, alice: dict[str, str], private: Private) -> dict[str, dict[str, str]]:
    """Who may not read it: with credentials for the REST API, and for XML-RPC where that takes them."""
    neighbour = cast.running(alice, visibility="private")
    return {
        "a stranger": {},
        "another user": _user(cast, "bob", "read", "submit"),
        "her own, that may not read": _user(cast, "alice", "submit"),
        "the key of another recipe": {"Authorization": basic(str(neighbour.recipe), neighbour.key)},
        "the key of its peer": {"Authorization": basic(str(private.recipes[1]), private.keys[1])},
        "the key of its system": {"Authorization": basic("x", _key(cast.system_key(private.system)))},
        "a guess": {"Authorization": "Token " + "x" * 43},
    }


def _key(header: Mapping[str, str]) -> str:
    return header["Authorization"].removeprefix("Bearer ")


@cache
def documented() -> dict[str, Any]:
    """Return the paths of the OpenAPI document."""
    found: dict[str, Any] = yaml.load(DOCUMENT.read_text(), Loader=yaml.CSafeLoader)["paths"]
    return found


def places(private: Private) -> Iterator[str]:
    """Yield the URLs of all that LAVA's clients read of a job."""
    values = {
        "suite": str(private.tasks[0]),
        "suite_name": "0_smoke",
        "case": "hidden-case",
        "test": str(private.tasks[0]),
        "testcase": str(private.tasks[0]),
    }
    for path, operations in documented().items():
        if "get" not in operations or "/cancel/" in path:
            continue
        if not path.startswith((f"{API}jobs/{{job}}/", "/results/", "/scheduler/job/")):
            continue
        wait = "?timeout=0" if path.endswith("/wait/") else ""
        yield path.format(job=private.recipes[0], **values) + wait


#: methods about one job, and what they want besides its id
OF_A_JOB: dict[str, tuple[str, ...]] = {
    **{f"scheduler.jobs.{name}": () for name in ("show", "definition", "configuration", "logs", "logs_count")},
    **{f"scheduler.{name}": () for name in ("job_details", "job_state", "job_health", "job_output")},
    **{f"results.get_testjob_{name}": () for name in ("results_yaml", "results_csv", "metadata")},
    **{f"results.get_testjob_suites_list_{kind}": () for kind in ("yaml", "csv")},
    **{f"results.get_testsuite_results_{kind}": ("0_smoke",) for kind in ("yaml", "csv", "count")},
    **{f"results.get_testcase_results_{kind}": ("0_smoke", "hidden-case") for kind in ("yaml", "csv")},
}
TELL_DEFINITIONS = ("scheduler.jobs.definition", "scheduler.jobs.configuration", "scheduler.job_details")
CHANGES = ("scheduler.jobs.cancel", "scheduler.cancel_job", "scheduler.jobs.resubmit", "scheduler.resubmit_job")


def words_of(answer: Answer) -> list[str]:
    """Return which of the hidden words an answer has, also where it has them in base64."""
    text = answer.body.decode("utf-8", "replace")
    for part in re.findall(r"<base64>\s*([A-Za-z0-9+/=\s]+)</base64>", text):
        text += base64.b64decode("".join(part.split())).decode("utf-8", "replace")
    return [mark for mark in MARKS if mark in text]


def test_nothing_tells_of_a_private_job(lab: Lab, private: Private, outsiders: dict[str, dict[str, str]]) -> None:
    """Each URL and each method refuses all who may not read a job, by whatever number, and says no word of it."""
    methods = set(answered(call(lab, {}, "system.listMethods")))
    assert set(OF_A_JOB) <= methods
    assert set(CHANGES) <= methods
    found = list(places(private))
    assert len(found) > 35
    for who, headers in outsiders.items():
        for place in found:
            answer = lab.call("GET", place, headers={"Authorization": "", **headers})
            assert (answer.status, words_of(answer)) == (403, []), (who, place, answer)
        if not headers.get("Authorization", "Basic").startswith("Basic"):
            continue
        for name in (*OF_A_JOB, *CHANGES):
            for number in private.ids if who == "another user" else private.ids[:1]:
                answer = call(lab, headers, name, number, *OF_A_JOB.get(name, ()))
                assert (fault(answer) in (401, 403), words_of(answer)) == (True, []), (who, name, answer)


def test_the_key_of_a_recipe_reads_no_definition(lab: Lab, private: Private) -> None:
    """A harness reads its recipe's log and results; what was submitted tells of others' parts, and of all secrets."""
    key = {"Authorization": f"Bearer {private.keys[0]}"}
    told = {place: lab.call("GET", place, headers=key) for place in places(private)}
    assert not [place for place, answer in told.items() if {SECRET, "hidden-step"} & set(words_of(answer))]
    assert {place for place, answer in told.items() if answer.status == 403} == {
        f"{API}jobs/{private.recipes[0]}/",
        f"{API}jobs/{private.recipes[0]}/definition/",
        *(
            f"/scheduler/job/{private.recipes[0]}/{name}"
            for name in ("definition", "definition/plain", "configuration", "job_data")
        ),
    }


#: lists, and what would tell of a job by being filtered
LISTS = (
    f"{API}jobs/?limit=1000",
    *(f"{API}jobs/?definition__{name}=hidden-step" for name in ("contains", "icontains")),
    f"{API}jobs/?original_definition__startswith=job_name",
    f"{API}jobs/?metadata__note=hidden-note",
    f"{API}jobs/?metadata__has_key=note",
    f"{API}jobs/?description=hidden-name&ordering=description",
    f"{API}devices/?limit=1000",
    "/jobs/?limit=1000",
    "/queue",
    "/events/?topics=job&limit=1000",
)


def test_no_list_tells_of_a_private_job(
    lab: Lab, private: Private, alice: dict[str, str], outsiders: dict[str, dict[str, str]]
) -> None:
    """Who may not read a job finds it in no list, by no filter, and on no device; who may finds it."""
    for who in ("a stranger", "another user", "her own, that may not read"):
        headers = {"Authorization": "", **outsiders[who]}
        for place in LISTS:
            answer = lab.call("GET", place, headers=headers)
            assert (answer.status, words_of(answer)) == (200, []), (who, place, answer)
            assert str(private.recipes[0]) not in re.findall(r'"current_job": ?"?([0-9]+)', answer.body.decode())
        of_type = f"{API}jobs/?requested_device_type={private.type}"
        assert lab.call("GET", of_type, headers=headers).json["count"] == 0
        for name, params in (
            ("scheduler.jobs.list", (None, None, 0, 100, 0, True)),
            ("scheduler.all_jobs", ()),
            ("scheduler.get_recent_jobs_for_device", (private.system, 100)),
            ("scheduler.get_recent_jobs_for_device_type", (private.type, 100)),
        ):
            assert not words_of(call(lab, headers, name, *params)), (who, name)
        assert answered(call(lab, headers, "scheduler.devices.show", private.system))["current_job"] is None
        views = answered(call(lab, headers, "system.user_can_view_jobs", "alice", [private.recipes[0]]))
        assert not any(views.values())
    assert lab.call("GET", f"{API}jobs/?definition__contains=hidden-step", headers=alice).json["count"] >= 2


def test_a_secret_is_masked(lab: Lab, private: Private, alice: dict[str, str]) -> None:
    """A job's secrets stand in its definition, for its owner, and in no log, result or report that tells of them."""
    shown = []
    for place in places(private):
        answer = lab.call("GET", place, headers=alice)
        assert answer.status in (200, 404), (place, answer)
        if SECRET in words_of(answer):
            shown.append(place)
    first = private.recipes[0]
    assert sorted(shown) == [
        f"{API}jobs/{first}/",
        f"{API}jobs/{first}/definition/",
        f"/scheduler/job/{first}/definition",
        f"/scheduler/job/{first}/definition/plain",
    ]
    for name in OF_A_JOB:
        answer = call(lab, alice, name, first, *OF_A_JOB[name])
        assert fault(answer) == 0
        told = SECRET in words_of(answer)
        assert told is (name in TELL_DEFINITIONS), (name, answer)
    assert "[MASKED]" in lab.call("GET", f"/scheduler/job/{first}/log_file/plain", headers=alice).body.decode()


def test_nobody_changes_what_is_not_theirs(lab: Lab, cast: Cast, alice: dict[str, str]) -> None:
    """Another's public job, a device and the lab are changed by no stranger, user, read-only token or harness's key."""
    mine = cast.running(alice)
    host = answered(call(lab, {}, "scheduler.workers.list"))[0]
    health = json.dumps({"health": "Maintenance"}).encode()
    batch = json.dumps({"job_ids": [mine.recipe, f"J:{mine.job}"]}).encode()
    watched = (f"/jobs/{mine.job}", f"/systems/{mine.system}", "/lab", "/jobs/?limit=1")
    before = [lab.call("GET", place).body for place in watched]
    for headers in (
        {},
        _user(cast, "bob", "read", "submit"),
        _user(cast, "alice", "read"),
        {"Authorization": basic(str(mine.recipe), mine.key)},
    ):
        for name, params in (
            ("scheduler.jobs.cancel", (mine.recipe,)),
            ("scheduler.cancel_job", (str(mine.recipe),)),
            ("scheduler.devices.update", (mine.system, None, None, None, None, "BAD")),
            ("scheduler.devices.tags.add", (mine.system, "more")),
            ("scheduler.devices.tags.delete", (mine.system, "more")),
            ("scheduler.workers.update", (host, "mine", "RETIRED", 1)),
        ):
            assert fault(call(lab, headers, name, *params)) in (401, 403), (headers, name)
        sent = {"Authorization": "", "Content-Type": "application/json", **headers}
        for method, place, body in (
            ("GET", f"jobs/{mine.recipe}/cancel", None),
            ("POST", f"jobs/{mine.recipe}/cancel/", None),
            ("POST", f"devices/{mine.system}/set_health/", health),
            ("POST", f"workers/{host}/set_health/", health),
        ):
            assert lab.call(method, API + place, body, sent).status == 403, (headers, place)
        answer = lab.call("POST", API + "jobs/batch_cancel/", batch, sent)
        assert answer.status == 403 or answer.json["job_ids"] == [], answer
        assert lab.call("HEAD", f"{API}jobs/{mine.recipe}/cancel/", headers=sent).status == 405
    for headers in ({}, _user(cast, "alice", "read"), {"Authorization": basic(str(mine.recipe), mine.key)}):
        for name, params in (("submit", ("x: 1",)), ("validate", ("x: 1",)), ("resubmit", (mine.recipe,))):
            assert fault(call(lab, headers, f"scheduler.jobs.{name}", *params)) in (401, 403), (headers, name)
    assert [lab.call("GET", place).body for place in watched] == before


def test_a_token_in_a_url_is_in_no_log(lab: Lab, private: Private, cast: Cast) -> None:
    """`?user=&token=`, as older scripts have it, opens what its token opens, and is written down nowhere."""
    token = _key(cast.token("alice", "read"))
    place = f"/results/{private.recipes[0]}/csv?user=alice&token={token}"
    assert lab.call("GET", place, headers={"Authorization": ""}).status == 200
    for other in (f"/results/{private.recipes[0]}/none/csv", f"/scheduler/job/{private.recipes[0]}/none", "/results/x"):
        answer = lab.call("GET", f"{other}?user=alice&token={token}", headers={"Authorization": ""})
        assert (answer.status, token.encode() in answer.body) == (404, False)
    logs = [lab.said, *(path for path in (lab.data / "run").rglob("*") if path.is_file())]
    until(lambda: any(b"/csv" in path.read_bytes() for path in logs), "the call in the access log", 20)
    assert not [path for path in logs if token.encode() in path.read_bytes()]


MARKUP = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}\r\nX: 1\u202e"


def test_pages_show_markup_as_text(lab: Lab, cast: Cast) -> None:
    """What jobs, tests and results are called is text on the pages; nothing is loaded or run there."""
    system = cast.system()
    recipe = {"system": system, "tasks": [{"name": MARKUP, "command": ["true"]}]}
    lab.post("/jobs/", {"name": MARKUP, "metadata": {MARKUP: MARKUP}, "recipe_sets": [{"recipes": [recipe]}]})
    given = lab.claim(system)
    place = f"/recipes/{given['id']}/tasks/{given['tasks'][0]['id']}/"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = urlencode({"result": "Fail", "path": MARKUP, "message": MARKUP}).encode()
    assert lab.call("POST", place + "results/", body, form, given["key"]).status == 201
    case = lab.call("GET", f"{API}jobs/{given['id']}/tests/").json["results"][-1]["id"]
    for page in (f"/scheduler/job/{given['id']}", f"/results/{given['id']}", f"/results/testcase/{case}"):
        answer = lab.call("GET", page)
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/html")
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
        assert b"&lt;script&gt;" in answer.body
        assert b"{{7*7}}" in answer.body
        assert not re.search(rb"<(?:script|img|iframe|link|form)", answer.body)

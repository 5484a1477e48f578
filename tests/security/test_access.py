"""Every operation of the OpenAPI document with every kind of caller, and what outsiders can tell of a private job."""

import hashlib
import http.client
import json
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from attrs import field, frozen
from cast import JSON, Cast, Running, basic, job_of
from lab import Answer, Lab
from raw import ask
from waiting import until

DOCUMENT = Path(__file__).resolve().parents[2] / "wsgi_app" / "protocols" / "native" / "openapi.yaml"
#: what differs from call to call
VARYING = ("Date", "X-Request-Id")
METHODS = ("get", "put", "post", "patch", "delete", "options")
CHALLENGE = bytes(16)
MAIL = "bob@example.org"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}

#: whose credentials are none: made up, void, or for something else
VOID = ("nonsense", "expired", "revoked", "rotated", "other key", "system key", "other system key")
KEYS = ("key", "basic key")
STRANGERS = ("eve reads", "eve submits", "gateway")

#: what a kind of access answers to whom; `ok` is all that is neither 401, 403 nor 404
_TOKEN_NEEDED = {"anonymous": 401, **dict.fromkeys((*VOID, *KEYS), 401)}
_SUBMIT = {**_TOKEN_NEEDED, "eve reads": 403, "gateway": 403, "bob reads": 403}
_OWNER = {**_SUBMIT, "eve submits": 403}
_READER = {"anonymous": 401, **dict.fromkeys((*VOID, *KEYS, *STRANGERS), 403)}
_HARNESS = {"anonymous": 401, **dict.fromkeys((*VOID, *STRANGERS, "bob reads", "bob"), 403)}
#: by `x-access` of a private job's operations; who is not named is let in
TABLE: dict[str, dict[str, int]] = {
    "anyone": {},
    "whoever knows the path": {},
    "anyone; private ones for owner and admin": dict.fromkeys((*VOID, *KEYS), 401),
    "anyone; of private jobs owner and admin": dict.fromkeys((*VOID, *KEYS), 401),
    "scope `submit` (or anyone: `anonymous_submit`)": _SUBMIT,
    "scope `submit`, and may read it": _OWNER,
    "owner, admin": _OWNER,
    "owner, admin (of what nobody owns, anyone: `anonymous_submit`)": _OWNER,
    "who may read it": _READER,
    "who may read the job": {who: status for who, status in _READER.items() if who not in KEYS},
    "key": _HARNESS,
    "admin": {**_OWNER, "bob": 403},
    "scope `workers`": {**{who: status for who, status in _OWNER.items() if who != "gateway"}, "bob": 403},
    "the system's key, admin": {
        **{who: status for who, status in _OWNER.items() if who != "system key"},
        "bob": 403,
    },
    "anyone with a token: own ones; admin: all": _TOKEN_NEEDED,
    "scope `submit`": _SUBMIT,
    "scope `read`: of own jobs; admin: all": {**_TOKEN_NEEDED, "gateway": 403},
    "scope `read`: of own jobs; admin; others are told 404": {
        **_TOKEN_NEEDED,
        "eve reads": 404,
        "eve submits": 404,
        "gateway": 403,
    },
    "scope `submit`: of own jobs; admin; others are told 404": {**_SUBMIT, "eve submits": 404},
    "scope `read`: that user; admin": {**_TOKEN_NEEDED, **dict.fromkeys(STRANGERS, 403)},
    "scope `submit`: that user; admin": _OWNER,
    "scope `submit`: for themselves, and no more than that token may; admin: any": _SUBMIT,
    "whose it is, with a token that may as much; admin; others are told 404": {
        **_TOKEN_NEEDED,
        "eve reads": 404,
        "eve submits": 404,
        "gateway": 404,
        "bob reads": 403,
    },
}


#: they have nothing for anybody
EMPTY = ("getJobData",)


@frozen
class Operation:
    """One operation of the document."""

    id: str
    method: str
    path: str
    access: str

    @property
    def of_a_log(self) -> bool:
        """Whether it writes a log, which only the gate allows."""
        return self.method in ("put", "post") and "/logs/" in self.path

    @property
    def of_lava(self) -> bool:
        """Whether clients of LAVA call it: who is not known is told 403 there, as who may not."""
        return self.path.startswith(("/api/", "/results/", "/scheduler/"))

    def expected(self, who: str) -> int | None:
        """What it answers a caller; None: let in."""
        if self.id == "cancelLavaJobs":
            # it names those that are not cancelled
            return 403 if who in ("anonymous", *KEYS) else None
        if self.of_lava:
            return 403 if TABLE[self.access].get(who) in (401, 403) else None
        return 403 if self.of_a_log and who == "admin" else TABLE[self.access].get(who)


def operations() -> Iterator[Operation]:
    """Read the document."""
    paths = yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))["paths"]
    for path, item in paths.items():
        for method in METHODS:
            if method in item:
                yield Operation(item[method]["operationId"], method, path, item[method]["x-access"])


@frozen
class Scene:
    """A private job of bob's, and everybody who may come along, by what they send."""

    lab: Lab
    cast: Cast
    bobs: Running
    spare: str
    #: another one, with a worker
    worker: str
    callers: Mapping[str, dict[str, str]]
    #: what stands in the path of the archives
    secret: str
    connection: http.client.HTTPConnection = field()

    def call(self, operation: Operation, who: str) -> int:
        """Make a valid call and return the answer's status."""
        body, headers = self._body(operation)
        self.connection.request(
            operation.method.upper(), self._target(operation, who), body, {**headers, **self.callers[who]}
        )
        response = self.connection.getresponse()
        response.read()
        return response.status

    def _target(self, operation: Operation, who: str) -> str:
        values = {
            "job": self.bobs.recipe if operation.of_lava else self.bobs.job,
            "recipe": self.bobs.recipe,
            "suite": self.bobs.task,
            "suite_name": "lava",
            "case": "job",
            "test": self.bobs.result,
            "task": self.bobs.task,
            "result": self.bobs.result,
            "state": "there",
            "secret": self.secret,
            "user": "bob",
            "name": "private.log" if "/logs/" in operation.path else self.spare,
        }
        if operation.path.startswith("/workers/"):
            values["name"] = self.worker
        elif "/workers/" in operation.path:
            values["name"] = socket.gethostname()
        if operation.id == "removeWorker":
            values["name"] = self.cast.name("worker")
            self.lab.post("/workers/", {"name": values["name"]})
        if operation.id == "claim":
            values["name"] = self.bobs.system
        if operation.id == "removeSystem":
            values["name"] = self.cast.system()
        if operation.id == "revokeToken":
            values["token"] = self._token()
        if "{delivery}" in operation.path:
            values["delivery"] = self._delivery()
        if operation.id in ("getAddress", "removeAddress"):
            body = json.dumps({"email": MAIL}).encode()
            self.lab.call("PUT", "/users/bob/address", body, {**JSON, **self.cast.admin})
        return operation.path.format(**values) + "?timeout=0"

    def _delivery(self) -> int:
        body = json.dumps({"method": "email", "target": MAIL}).encode()
        number: int = self.lab.call("POST", "/deliveries/test", body, {**JSON, **self.callers["bob"]}).json["id"]
        return number

    def _response(self) -> str:
        """Return what the worker answers; with another password, since that is void which somebody was told."""
        password = self.lab.post(f"/workers/{self.worker}/password", {})["password"]
        key = hashlib.md5(password.encode(), usedforsecurity=False).digest()
        return hashlib.md5(key + CHALLENGE, usedforsecurity=False).hexdigest()

    def _token(self) -> int:
        value = {"name": "to be revoked", "user": "bob", "scopes": ["submit"]}
        number: int = self.lab.post("/tokens/", value)["id"]
        return number

    def _body(self, operation: Operation) -> tuple[bytes | None, dict[str, str]]:
        documents: dict[str, Any] = {
            "addSystem": {"name": self.cast.name("added")},
            "addWorker": {"name": self.cast.name("hired")},
            "admitWorker": {"name": self.worker, "challenge": CHALLENGE.hex(), "response": self._response()},
            "callRoll": {"gateway": "0123456789abcdef", "sequence": 1, "workers": []},
            "changeWorker": {"detach": False},
            "changeLab": {"health": "active"},
            "changeSystem": {"reason": "asked"},
            "testDelivery": {"method": "email", "target": MAIL},
            "putAddress": {"email": MAIL},
            "createToken": {"name": "asked", "scopes": ["submit"]},
            "patchTask": {"name": "renamed"},
            "reachSyncState": None,
            "submitLavaJob": {"definition": "job_name: incomplete"},
            "validateLavaJob": {"definition": "job_name: incomplete"},
            "cancelLavaJobs": {"job_ids": [self.bobs.recipe]},
            "setLavaDeviceHealth": {"health": "Good"},
            "setLavaWorkerHealth": {"health": "Active"},
        }
        forms = {
            "setWatchdog": b"seconds=1000",
            "abortRecipe": b"status=Aborted",
            "setTaskStatus": b"status=Running",
            "reportResult": b"result=Pass",
        }
        if operation.id in ("submitJob", "validateJob"):
            return job_of(self.spare), JSON
        if operation.id in forms:
            return forms[operation.id], FORM
        if operation.id in documents or (operation.of_a_log and operation.method == "post"):
            return json.dumps(documents.get(operation.id, {"size": 13})).encode(), JSON
        return (b"a word" if operation.method == "put" else None), {}


def everybody(lab: Lab, cast: Cast, bobs: Running) -> dict[str, dict[str, str]]:
    """Return what each kind of caller sends."""
    brief = cast.token("bob", "read", "submit", seconds=0.5)
    revoked = cast.token("bob", "read", "submit")
    number = max(token["id"] for token in lab.call("GET", "/tokens/?limit=1000").json["tokens"])
    assert lab.call("DELETE", f"/tokens/{number}").status == 204
    until(lambda: lab.call("GET", "/tokens/", headers=brief).status == 401, "a token to expire")
    return {
        "anonymous": {},
        "nonsense": {"Authorization": "Bearer nonsense"},
        "expired": brief,
        "revoked": revoked,
        "rotated": rotated(lab, bobs),
        "other key": cast.running().bearer,
        "system key": cast.system_key(bobs.system),
        "other system key": cast.system_key(cast.system()),
        "eve reads": cast.token("eve", "read"),
        "eve submits": cast.token("eve", "read", "submit"),
        "key": {"Authorization": f"Bearer {lab.post(f'/recipes/{bobs.recipe}/key', {})['key']}"},
        "basic key": {"Authorization": basic(str(bobs.recipe), lab.post(f"/recipes/{bobs.recipe}/key", {})["key"])},
        "bob reads": cast.token("bob", "read"),
        "bob": cast.token("bob", "read", "submit"),
        "gateway": cast.token("workers", "workers"),
        "admin": cast.admin,
    }


def rotated(lab: Lab, bobs: Running) -> dict[str, str]:
    """Return the header of a key of the recipe that was valid once."""
    old = lab.post(f"/recipes/{bobs.recipe}/key", {})["key"]
    lab.post(f"/recipes/{bobs.recipe}/key?rotate=1", {})
    return {"Authorization": f"Bearer {old}"}


@pytest.fixture(scope="module")
def scene(lab: Lab, cast: Cast) -> Iterator[Scene]:
    """A private job and everybody."""
    bobs = cast.running(cast.token("bob", "read", "submit"), visibility="private")
    for place in (f"tasks/{bobs.task}/logs/", f"tasks/{bobs.task}/results/{bobs.result}/logs/"):
        cast.ask("PUT", f"{bobs.url}{place}private.log", b"secret words\n", bobs.bearer)
    connection = http.client.HTTPConnection("127.0.0.1", lab.port, timeout=30)
    document = lab.call("GET", bobs.url, headers={"Accept": "application/xml"}).body
    found = re.search(rb"/archive/([^/]+)/task\.tar\.gz", document)
    assert found is not None
    # its type and its only tag are called as it is: one name is that of all three
    spare = cast.system()
    lab.call("PATCH", f"/systems/{spare}", json.dumps({"type": spare, "tags": [spare]}).encode(), JSON)
    worker = cast.name("worker")
    lab.post("/workers/", {"name": worker})
    made = Scene(lab, cast, bobs, spare, worker, everybody(lab, cast, bobs), found[1].decode(), connection)
    yield made
    made.connection.close()


def test_every_operation_with_every_caller(scene: Scene, lab: Lab) -> None:
    """Who is to be refused is refused as the table says, changing nothing; everybody else is let in."""
    wrong = []
    found = list(operations())
    assert {operation.access for operation in found} == set(TABLE)
    before = state(lab, scene.bobs)
    asked = [(operation, who) for operation in found for who in scene.callers]
    refused = [(operation, who) for operation, who in asked if operation.expected(who) is not None]
    for operation, who in refused:
        status = scene.call(operation, who)
        if status != operation.expected(who):
            wrong.append((operation.id, who, status, operation.expected(who)))
    assert wrong == []
    assert state(lab, scene.bobs) == before
    for operation, who in asked:
        if operation.expected(who) is not None or operation.id in EMPTY:
            continue
        if (status := scene.call(operation, who)) in (401, 403, 404):
            wrong.append((operation.id, who, status, None))
    assert wrong == []


def state(lab: Lab, bobs: Running) -> Any:
    """Return what a refused call could have changed: the recipe, its logs and keys, the newest job event."""
    logs = lab.data / "logs" / "recipes" / str(bobs.recipe)
    return (
        re.sub(rb'"watchdog":[0-9]+', b"", lab.call("GET", f"/jobs/{bobs.job}").body),
        {str(path): path.read_bytes() for path in logs.rglob("*") if path.is_file()},
        sorted(path.name for path in (lab.data / "gate" / str(bobs.recipe)).iterdir()),
        lab.call("GET", "/jobs/?limit=1").json,
        lab.call("GET", f"/recipes/{bobs.recipe}/results").json,
        lab.call("GET", f"/recipes/{bobs.recipe}/sync/").json,
    )


OUTSIDERS: dict[str, Callable[[Cast, Running], dict[str, str]]] = {
    "anonymous": lambda cast, bobs: {},
    "nonsense": lambda cast, bobs: {"Authorization": "Bearer nonsense"},
    "eve": lambda cast, bobs: cast.token("eve", "read", "submit"),
    "other key": lambda cast, bobs: cast.running().bearer,
    "system key": lambda cast, bobs: cast.system_key(bobs.system),
}


@pytest.mark.parametrize("who", list(OUTSIDERS))
def test_outsiders_cannot_tell_what_a_private_recipe_has(lab: Lab, cast: Cast, who: str) -> None:
    """Whether a log, task or result is there or not: the same answer, byte for byte, whatever the method."""
    bobs = cast.running(cast.token("bob", "read", "submit"), visibility="private")
    headers = OUTSIDERS[who](cast, bobs)
    pairs = [
        ("logs/private.log", "logs/missing.log"),
        (f"tasks/{bobs.task}/logs/taskout.log", f"tasks/{bobs.task}/logs/missing.log"),
        (f"tasks/{bobs.task}/logs/", "tasks/1999999/logs/"),
        (f"tasks/{bobs.task}/results/{bobs.result}/logs/", f"tasks/{bobs.task}/results/1999999/logs/"),
        (f"tasks/{bobs.task}/status", "tasks/1999999/status"),
        ("results?after=0", "results?after=1000"),
        ("log-index?state=growing", "log-index?state=damaged"),
    ]
    for there, missing in pairs:
        for method in ("GET", "HEAD", "PUT", "POST", "DELETE"):
            body = b"status=Running" if method in ("PUT", "POST") else None
            answers = [ask(lab, method, bobs.url + path, {**FORM, **headers}, body) for path in (there, missing)]
            assert told(answers[0]) == told(answers[1]), (method, there)
            assert answers[0].status in ((401, 405) if who == "anonymous" else (403, 405)), (method, there)
            for answer in answers:
                assert b"private.log" not in answer.body


def told(answer: Answer) -> Any:
    """Return what an answer says."""
    return answer.status, {name: value for name, value in answer.headers.items() if name not in VARYING}, answer.body


def newest(lab: Lab) -> int:
    """Return the id of the last event."""
    after = 0
    while events := lab.call("GET", f"/events?limit=1000&after={after}").json["events"]:
        after = events[-1]["id"]
    return after


@pytest.mark.parametrize("who", list(OUTSIDERS))
def test_no_list_shows_a_private_job(lab: Lab, cast: Cast, who: str) -> None:
    """Jobs by any filter, the queue, events, tokens: whatever outsiders are shown, it is not in it."""
    owner = cast.name("owner")
    token = cast.token(owner, "read", "submit")
    after = newest(lab)
    bobs = cast.running(token, visibility="private")
    waiting = cast.ask("POST", "/jobs/", job_of(bobs.system, "private"), {**JSON, **token}).json["id"]
    headers = OUTSIDERS[who](cast, bobs)
    lists = [
        f"/jobs/?owner={owner}&limit=1000",
        "/jobs/?state=Running&limit=1000",
        f"/jobs/?after={waiting + 1}",
        "/jobs/?limit=1000",
        "/queue?limit=1000",
        f"/queue?job={waiting}",
        f"/events?limit=1000&after={after}",
        "/tokens/?limit=1000",
        f"/tokens/?user={owner}",
    ]
    own = {bobs.job, bobs.recipe, bobs.task, bobs.result, waiting}
    for path in lists:
        answer = ask(lab, "GET", path, headers)
        assert answer.status in (200, 401), path
        if answer.status == 200:
            [found] = [value for name, value in answer.json.items() if name != "next"]
            assert not own & {item.get("job", item.get("id")) for item in found if not {"topic", "user"} & set(item)}, (
                path
            )
            assert not own & {event["data"].get("job") for event in found if "topic" in event}, path
            assert owner.encode() not in answer.body.replace(f"owner={owner}".encode(), b""), path
    mine = ask(lab, "GET", f"/jobs/?owner={owner}", token).json["jobs"]
    assert [job["id"] for job in mine] == [waiting, bobs.job]


def test_what_is_private_is_private_to_its_peers_keys_only(lab: Lab, cast: Cast) -> None:
    """A recipe's key reads its own recipe; neither the job, nor the other recipes of a job, nor the owner's others."""
    owner = cast.token("bob", "read", "submit")
    mine, others = (cast.running(owner, visibility="private") for _ in range(2))
    for headers in (mine.bearer, mine.basic):
        assert ask(lab, "GET", mine.url + "logs/private.log", headers).status == 200
        for path in (f"/jobs/{mine.job}", others.url, others.url + "logs/private.log", f"/jobs/{others.job}/results"):
            assert ask(lab, "GET", path, headers).status == 403, path

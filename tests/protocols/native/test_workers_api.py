"""Workers and their gateways' roll calls over the native API."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from attrs import field, frozen
from dbrows import rows
from waiting import until
from webtest import TestApp

from wsgi_app.app import Application, create_app
from wsgi_app.config import Config

Headers = dict[str, str]
CHALLENGE = b"sixteen bytes of"


def response(password: str, challenge: bytes = CHALLENGE) -> str:
    """What a worker of that password answers."""
    key = hashlib.md5(password.encode(), usedforsecurity=False).digest()
    return hashlib.md5(key + challenge, usedforsecurity=False).hexdigest()


def present(name: str, **said: Any) -> dict[str, Any]:
    """A worker of a roll call."""
    return {"name": name, "version": "4.3.0", "address": "192.0.2.9", "heard": 0, "detach": False, **said}


@frozen
class Fleet:
    """A gateway that calls the roll."""

    web: TestApp
    headers: Headers
    pool: ThreadPoolExecutor
    database: Path
    gateway: str = "0123456789abcdef"
    _sequence: list[int] = field(factory=lambda: [0])

    def call(self, *workers: Mapping[str, Any], wait: int = 0, sequence: int | None = None) -> Any:
        """Call the roll and return the orders, or the error."""
        if sequence is None:
            self._sequence[0] += 1
            sequence = self._sequence[0]
        value = {"gateway": self.gateway, "sequence": sequence, "workers": list(workers)}
        url = f"/workers/roll-call?wait={wait}"
        return self.web.post_json(url, value, headers=self.headers, expect_errors=True).json

    def waiting(self, *workers: Mapping[str, Any]) -> Future[Any]:
        """Call it in a thread that waits for what is to change."""
        sequence = self._sequence[0] + 1
        called = self.pool.submit(self.call, *workers, wait=30)
        until(lambda: called.done() or self._newest() >= sequence, "the roll call to be noted")
        return called

    def _newest(self) -> int:
        found = [row["sequence"] for row in rows(self.database)["gateways"] if row["id"] == self.gateway]
        return found[0] if found else 0


QUIET: dict[str, Any] = {"start": [], "stop": [], "shutdown": [], "drop": [], "detach": {}}


@pytest.fixture
def gateway_token(application: Application, config: Config) -> Headers:
    """What a gateway sends."""
    application.gateway.access.issue_workers_token()
    return {"Authorization": f"Bearer {config.workers_token.read_text().strip()}"}


@pytest.fixture
def fleet(application: Application, config: Config, web: TestApp, gateway_token: Headers) -> Iterator[Fleet]:
    """A gateway."""
    pool = ThreadPoolExecutor(8)
    yield Fleet(web, gateway_token, pool, config.database)
    application.gateway.send_home()
    pool.shutdown()


@pytest.fixture
def hire(web: TestApp, admin: Headers) -> Callable[..., str]:
    """Add a worker, and return its password."""

    def hired(name: str, **values: Any) -> str:
        password: str = web.post_json("/workers/", {"name": name, **values}, headers=admin, status=201).json["password"]
        return password

    return hired


def test_life(web: TestApp, admin: Headers) -> None:
    """A worker is added with its system, read, listed, changed, given another password, and forgotten."""
    made = web.post_json("/workers/", {"name": "m1", "type": "x86", "detach": True}, headers=admin, status=201)
    assert made.headers["Location"] == "/workers/m1"
    created = dict(made.json)
    password = created.pop("password")
    assert len(bytes.fromhex(password)) == 16
    value = {"name": "m1", "state": "offline", "health": "unknown", "online": False, "version": None, "address": None}
    value |= {"connected": None, "last_seen": None, "recipe": None, "detach": True, "leaving": False}
    assert created == value
    assert web.get("/workers/m1").json == value
    assert web.get("/workers/").json == {"workers": [value], "next": None}
    system = web.get("/systems/m1").json
    assert (system["type"], system["worker"]) == ("x86", {"online": False, "version": None})
    assert web.get("/systems/").json["systems"] == [system]
    error = web.post_json("/workers/", {"name": "m1"}, headers=admin, status=409).json["error"]
    assert error["code"] == "worker.exists"
    assert web.patch_json("/workers/m1", {"detach": False}, headers=admin).json == {**value, "detach": False}
    assert web.patch_json("/workers/m1", {}, headers=admin).json == {**value, "detach": False}
    fresh = web.post("/workers/m1/password", headers=admin, status=201).json
    assert (fresh["name"], fresh["password"] != password) == ("m1", True)
    web.post("/workers/m1/shutdown", headers=admin, status=204)
    assert web.get("/workers/m1").json["leaving"] is False, "it is not connected"
    web.delete("/workers/m1", headers=admin, status=204)
    assert web.get("/workers/m1", status=404).json["error"]["code"] == "worker.unknown"
    assert web.get("/systems/m1").json["worker"] is None
    for method, path in (("PATCH", "m1"), ("DELETE", "m1"), ("POST", "m1/password"), ("POST", "m1/shutdown")):
        call: Any = {"PATCH": web.patch_json, "DELETE": web.delete, "POST": web.post}[method]
        body: tuple[Any, ...] = ({},) if method == "PATCH" else ()
        assert call(f"/workers/{path}", *body, headers=admin, status=404).json["error"]["code"] == "worker.unknown"


def test_of_a_system_that_is_there(web: TestApp, admin: Headers, system: str, hire: Callable[..., str]) -> None:
    """A system gets a worker as it is; who says what else it should be is told to change it by itself."""
    wrong = {"name": system, "type": "x86"}
    assert web.post_json("/workers/", wrong, headers=admin, status=409).json["error"]["code"] == "system.exists"
    web.get(f"/workers/{system}", status=404)
    hire(system, detach=True)
    assert web.get(f"/workers/{system}").json["detach"] is True
    web.delete(f"/systems/{system}", headers=admin, status=204)
    web.get(f"/workers/{system}", status=404)
    hire(system)


def test_pages(web: TestApp, hire: Callable[..., str]) -> None:
    """Workers come by name, in pages."""
    for name in ("c", "a", "b"):
        hire(name)
    first = web.get("/workers/?limit=2").json
    assert [worker["name"] for worker in first["workers"]] == ["a", "b"]
    second = web.get("/workers/" + first["next"]).json
    assert ([worker["name"] for worker in second["workers"]], second["next"]) == (["c"], None)


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({}, "name"),
        ({"name": "a/b"}, "name"),
        ({"name": "a", "detach": 1}, "detach"),
        ({"name": "a", "colour": "red"}, "colour"),
        ({"name": "a", "address": "host"}, "address"),
    ],
)
def test_wrong_worker(web: TestApp, admin: Headers, value: Any, field: str) -> None:
    """A wrong worker is 400 and the answer names the field; there is no system then."""
    assert web.post_json("/workers/", value, headers=admin, status=400).json["error"]["field"] == field
    assert web.get("/systems/").json["systems"] == []


def test_wrong_change(web: TestApp, admin: Headers, hire: Callable[..., str]) -> None:
    """Only `detach` is a worker's own."""
    hire("m1")
    for value, name in (({"health": "bad"}, "health"), ({"detach": None}, "detach")):
        assert web.patch_json("/workers/m1", value, headers=admin, status=400).json["error"]["field"] == name


def test_login(web: TestApp, admin: Headers, gateway_token: Headers, hire: Callable[..., str]) -> None:
    """Who answers the challenge with the password of that worker is let in; an old password is void."""

    def ask(name: str, answer: str, status: int) -> Any:
        value = {"name": name, "challenge": CHALLENGE.hex(), "response": answer}
        return web.post_json("/workers/login", value, headers=gateway_token, status=status).json

    first, second = hire("m1", detach=True), hire("m2")
    assert ask("m1", response(first), 200) == {"name": "m1", "detach": True}
    assert ask("m2", response(second), 200) == {"name": "m2", "detach": False}
    for name, answer in (
        ("m1", response(second)),
        ("m1", response(first, b"another challenge")),
        ("m1", response(first)[:-2]),
        ("m3", response(first)),
        ("m3", hashlib.md5(bytes(16) + CHALLENGE, usedforsecurity=False).hexdigest()),
    ):
        assert ask(name, answer, 403)["error"]["code"] == "auth.worker-refused"
    fresh = web.post("/workers/m1/password", headers=admin).json["password"]
    ask("m1", response(first), 403)
    ask("m1", response(fresh), 200)


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"name": 1}, "name"),
        ({"name": ""}, "name"),
        ({"challenge": "0"}, "challenge"),
        ({"challenge": "00" * 7}, "challenge"),
        ({"challenge": "00" * 257}, "challenge"),
        ({"response": "xy"}, "response"),
        ({"response": None}, "response"),
        ({"more": 1}, "more"),
    ],
)
def test_wrong_login(web: TestApp, gateway_token: Headers, value: Any, field: str) -> None:
    """A wrong login is 400 and the answer names the field."""
    whole = {"name": "m1", "challenge": CHALLENGE.hex(), "response": "00" * 16, **value}
    error = web.post_json("/workers/login", whole, headers=gateway_token, status=400).json["error"]
    assert error["field"] == field


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"gateway": "XYZ"}, "gateway"),
        ({"gateway": "ab"}, "gateway"),
        ({"sequence": -1}, "sequence"),
        ({"sequence": True}, "sequence"),
        ({"sequence": 2**53 + 1}, "sequence"),
        ({"workers": {}}, "workers"),
        ({"workers": [present("m1")] * 5001}, "workers"),
        ({"workers": ["m1"]}, "workers[0]"),
        ({"workers": [present("m1"), present("m1")]}, "workers[1].name"),
        ({"workers": [present("x" * 256)]}, "workers[0].name"),
        ({"workers": [present("m1", version=1)]}, "workers[0].version"),
        ({"workers": [present("m1", version="a\0")]}, "workers[0].version"),
        ({"workers": [present("m1", address="")]}, "workers[0].address"),
        ({"workers": [present("m1", heard=-1)]}, "workers[0].heard"),
        ({"workers": [present("m1", heard="1")]}, "workers[0].heard"),
        ({"workers": [present("m1", heard=None)]}, "workers[0].heard"),
        ({"workers": [present("m1", recipe=1.5)]}, "workers[0].recipe"),
        ({"workers": [present("m1", recipe=2**31)]}, "workers[0].recipe"),
        ({"workers": [present("m1", leaving=None)]}, "workers[0].leaving"),
        ({"workers": [present("m1", stopping=0)]}, "workers[0].stopping"),
        ({"workers": [present("m1", detach="no")]}, "workers[0].detach"),
        ({"workers": [present("m1", more=1)]}, "workers[0].more"),
        ({"more": 1}, "more"),
    ],
)
def test_wrong_roll_call(web: TestApp, gateway_token: Headers, value: Any, field: str) -> None:
    """A wrong roll call is 400 and the answer names the field."""
    whole = {"gateway": "0123456789abcdef", "sequence": 1, "workers": [], **value}
    error = web.post_json("/workers/roll-call", whole, headers=gateway_token, status=400).json["error"]
    assert error["field"] == field


def test_come_and_go(web: TestApp, fleet: Fleet, hire: Callable[..., str]) -> None:
    """Who is in a roll call is online and idle; who is not in the next one is neither. Events tell."""
    hire("m1")
    assert fleet.call(present("m1", heard=2.5)) == QUIET
    worker = web.get("/workers/m1").json
    said = {name: worker[name] for name in ("state", "online", "version", "address")}
    assert said == {"state": "idle", "online": True, "version": "4.3.0", "address": "192.0.2.9"}
    assert worker["last_seen"] < worker["connected"]
    system = web.get("/systems/m1").json
    assert (system["state"], system["worker"]) == ("idle", {"online": True, "version": "4.3.0"})
    assert system["last_seen"] == worker["last_seen"]
    assert fleet.call(present("m1", heard=100)) == QUIET
    assert web.get("/workers/m1").json["last_seen"] == worker["last_seen"], "never backwards"
    assert fleet.call() == QUIET
    gone = web.get("/workers/m1").json
    assert (gone["state"], gone["online"], gone["version"]) == ("offline", False, "4.3.0")
    told = [event["data"] for event in web.get("/events?topic=system").json["events"]][1:]
    assert [(data["state"], data["worker"]["online"]) for data in told] == [("idle", True), ("offline", False)]


def test_work(web: TestApp, admin: Headers, fleet: Fleet, submit: Callable[..., Any], hire: Callable[..., str]) -> None:
    """A recipe is started at once where somebody waits; again, with one more key, until it is in hand."""
    hire("m1")
    hire("m2")
    called = fleet.waiting(present("m1"), present("m2"))
    job = submit(system="m2")
    recipe = job["recipe_sets"][0]["recipes"][0]
    orders = called.result(10)
    (start,) = orders["start"]
    assert (start["id"], start["system"], {**orders, "start": []}) == (recipe["id"], "m2", QUIET)
    again = fleet.call(present("m1"), present("m2"))["start"][0]
    assert again["key"] != start["key"]
    task = f"/recipes/{recipe['id']}/tasks/{recipe['tasks'][0]['id']}"
    for key in (start["key"], again["key"]):
        web.put(f"{task}/logs/a", b"x", headers={"Authorization": f"Bearer {key}"})
    mine = {"Authorization": f"Bearer {start['key']}"}
    assert fleet.call(present("m1"), present("m2", recipe=recipe["id"])) == QUIET
    web.post(f"{task}/status", {"status": "Running"}, headers=mine)
    web.post(f"{task}/status", {"status": "Completed"}, headers=mine)
    # its logs may be on their way: nothing to stop, and nothing new for it
    later = submit(system="m2")
    assert fleet.call(present("m1"), present("m2", recipe=recipe["id"])) == QUIET
    assert web.get("/systems/m2").json["recipe"] is None
    (start,) = fleet.call(present("m1"), present("m2"))["start"]
    assert start["job"] == later["id"]


def test_cancelled(
    web: TestApp, admin: Headers, fleet: Fleet, submit: Callable[..., Any], hire: Callable[..., str]
) -> None:
    """A recipe that ends otherwise is to be stopped, which is said until the gateway knows it."""
    hire("m1")
    job = submit(system="m1")
    (start,) = fleet.call(present("m1"))["start"]
    called = fleet.waiting(present("m1", recipe=start["id"]))
    web.post(f"/jobs/{job['id']}/cancel", headers=admin)
    stop = {"worker": "m1", "recipe": start["id"], "status": "Cancelled", "reason": None}
    assert called.result(10) == {**QUIET, "stop": [stop]}
    assert fleet.call(present("m1", recipe=start["id"]))["stop"] == [stop]
    assert fleet.call(present("m1", recipe=start["id"], stopping=True)) == QUIET
    assert fleet.call(present("m1", recipe=start["id"] + 1000))["stop"][0]["status"] is None, "there is none"


def test_another_systems_recipe(fleet: Fleet, submit: Callable[..., Any], hire: Callable[..., str]) -> None:
    """A gateway that has another system's recipe in hand is told to stop it; the other one goes on."""
    hire("m1")
    hire("m2")
    submit(system="m1")
    (start,) = fleet.call(present("m1"), present("m2"))["start"]
    orders = fleet.call(present("m1", recipe=start["id"]), present("m2", recipe=start["id"]))
    stop = {"worker": "m2", "recipe": start["id"], "status": "Waiting", "reason": "it is of system m1"}
    assert orders == {**QUIET, "stop": [stop]}


def test_a_set_waits_for_all(fleet: Fleet, web: TestApp, admin: Headers, hire: Callable[..., str]) -> None:
    """The recipes of a set start together, once each has a worker that is there."""
    hire("m1")
    hire("m2")
    recipes = [{"system": name, "tasks": [{"name": "t"}]} for name in ("m1", "m2")]
    web.post_json("/jobs/", {"recipe_sets": [{"recipes": recipes}]}, headers=admin, status=201)
    assert fleet.call(present("m1")) == QUIET
    orders = fleet.call(present("m1"), present("m2"))
    assert sorted(start["system"] for start in orders["start"]) == ["m1", "m2"]


def test_not_while_it_leaves_or_is_drained(
    web: TestApp, admin: Headers, fleet: Fleet, submit: Callable[..., Any], hire: Callable[..., str]
) -> None:
    """Nothing is given to who wants to go, nor to a system in maintenance; then it is, to who waits."""
    hire("m1")
    submit(system="m1")
    assert fleet.call(present("m1", leaving=True)) == QUIET
    leaving = web.get("/workers/m1").json
    assert (leaving["state"], leaving["online"], leaving["leaving"]) == ("offline", True, True)
    web.patch_json("/systems/m1", {"health": "maintenance"}, headers=admin)
    called = fleet.waiting(present("m1"))
    with pytest.raises(TimeoutError):
        called.result(0.3)
    web.patch_json("/systems/m1", {"health": "good"}, headers=admin)
    assert len(called.result(10)["start"]) == 1


def test_shutdown(
    web: TestApp, admin: Headers, fleet: Fleet, submit: Callable[..., Any], hire: Callable[..., str]
) -> None:
    """Who is to shut down is told when it is free, gets nothing more, and is as before when it comes back."""
    hire("m1")
    submit(system="m1")
    (start,) = fleet.call(present("m1"))["start"]
    assert fleet.call(present("m1", recipe=start["id"])) == QUIET
    web.post("/workers/m1/shutdown", headers=admin, status=204)
    assert web.get("/workers/m1").json["leaving"] is True
    assert fleet.call(present("m1", recipe=start["id"])) == QUIET
    web.post(f"/recipes/{start['id']}/status", {"status": "Aborted"}, headers=admin)
    submit(system="m1")
    assert fleet.call(present("m1")) == {**QUIET, "shutdown": ["m1"]}
    assert fleet.call(present("m1", leaving=True)) == QUIET
    assert fleet.call() == QUIET
    assert len(fleet.call(present("m1"))["start"]) == 1


def test_shutdown_wakes(web: TestApp, admin: Headers, fleet: Fleet, hire: Callable[..., str]) -> None:
    """Whoever waits is told of a shutdown, a change of `detach` and a removal at once."""
    hire("m1")
    hire("m2")
    hire("m3")
    fleet.call(present("m1"), present("m2"), present("m3"))
    called = fleet.waiting(present("m1"), present("m2"), present("m3"))
    web.post("/workers/m1/shutdown", headers=admin)
    assert called.result(10) == {**QUIET, "shutdown": ["m1"]}
    called = fleet.waiting(present("m2"), present("m3"))
    web.patch_json("/workers/m2", {"detach": True}, headers=admin)
    assert called.result(10) == {**QUIET, "detach": {"m2": True}}
    called = fleet.waiting(present("m2", detach=True), present("m3"))
    web.delete("/workers/m3", headers=admin)
    assert called.result(10) == {**QUIET, "drop": ["m3"]}
    orders = fleet.call({"name": "m1", "heard": 0}, {"name": "m2", "heard": 0})
    assert orders["detach"] == {"m1": False, "m2": True}, "who does not say what he takes it for is told"


def test_who_is_not_known_is_dropped(web: TestApp, admin: Headers, fleet: Fleet, hire: Callable[..., str]) -> None:
    """A name that is no worker's, and one that is connected at another gateway, is dropped: it is there once."""
    hire("m1")
    web.post_json("/systems/", {"name": "s"}, headers=admin)
    assert fleet.call(present("nobody"), present("s"), present("m1")) == {**QUIET, "drop": ["nobody", "s"]}
    other = Fleet(fleet.web, fleet.headers, fleet.pool, fleet.database, "f" * 16)
    assert other.call(present("m1")) == {**QUIET, "drop": ["m1"]}
    fleet.call()
    assert other.call(present("m1")) == QUIET
    assert web.get("/systems/s").json["state"] == "offline"


def test_the_newest_counts(fleet: Fleet, hire: Callable[..., str]) -> None:
    """A newer call ends an older one, with nothing; an older one that comes late is refused; a repeated one is not."""
    hire("m1")
    called = fleet.waiting(present("m1"))
    newest = fleet.waiting(present("m1"))
    assert called.result(10) == QUIET
    assert not newest.done()
    error = fleet.call(sequence=1)["error"]
    assert (error["code"], error["message"].endswith('"sequence": 2')) == ("roll-call.stale", True)
    assert fleet.call(present("m1"), sequence=2) == QUIET


def test_other_processes(
    config: Config, fleet: Fleet, admin: Headers, gateway_token: Headers, hire: Callable[..., str]
) -> None:
    """A call that waits in one process is ended by a newer one in another, and told of what happens there."""
    hire("m1")
    other = create_app(config)
    web = TestApp(other)
    called = fleet.waiting(present("m1"))
    value = {"gateway": fleet.gateway, "sequence": 2, "workers": [present("m1")]}
    assert web.post_json("/workers/roll-call", value, headers=gateway_token).json == QUIET
    assert called.result(10) == QUIET
    fleet._sequence[0] = 2
    called = fleet.waiting(present("m1"))
    web.patch_json("/workers/m1", {"detach": True}, headers=admin)
    assert called.result(10)["detach"] == {"m1": True}
    other.gateway.close()


def test_cheap_when_nothing_changes(config: Config, fleet: Fleet, hire: Callable[..., str]) -> None:
    """A roll call that says nothing new writes no rows of workers and systems."""
    names = [f"m{number}" for number in range(20)]
    for name in names:
        hire(name)
    fleet.call(*map(present, names), wait=0)
    before = _rows(config)
    for _ in range(3):
        assert fleet.call(*(present(name, heard=0) for name in names)) == QUIET
    assert _rows(config) == before


def _rows(config: Config) -> Any:
    found = rows(config.database)
    return found["workers"], found["systems"]


def test_crowd(fleet: Fleet, web: TestApp, admin: Headers, hire: Callable[..., str]) -> None:
    """Of many that could start, an answer has 50; the next has the others."""
    names = [f"m{number:02}" for number in range(60)]
    for name in names:
        hire(name)
    recipes = [{"recipes": [{"system": name, "tasks": [{"name": "t"}]}]} for name in names]
    web.post_json("/jobs/", {"recipe_sets": recipes}, headers=admin, status=201)
    first = {start["system"]: start["id"] for start in fleet.call(*map(present, names))["start"]}
    assert len(first) == 50
    orders = fleet.call(*(present(name, recipe=first.get(name)) for name in names))
    assert sorted([*first, *(start["system"] for start in orders["start"])]) == names


def test_scopes(web: TestApp, admin: Headers, user: Callable[..., Headers], gateway_token: Headers) -> None:
    """The scope `workers` is needed to answer for workers, and is good for nothing else."""
    call = {"gateway": "0123456789abcdef", "sequence": 1, "workers": []}
    web.post_json("/workers/roll-call", call, status=401)
    web.post_json("/workers/roll-call", call, headers=user("ann", "read", "submit"), status=403)
    web.post_json("/workers/roll-call", call, headers=admin, status=200)
    web.post_json("/workers/", {"name": "m1"}, headers=gateway_token, status=403)
    web.post_json("/jobs/", {"recipe_sets": []}, headers=gateway_token, status=403)
    made = {"name": "other gateway", "user": "workers", "scopes": ["workers"]}
    token = web.post_json("/tokens/", made, headers=admin, status=201).json["token"]
    web.post_json("/workers/roll-call", call, headers={"Authorization": f"Bearer {token}"}, status=200)


def test_counted(web: TestApp, fleet: Fleet, submit: Any, hire: Callable[..., str]) -> None:
    """The figures tell of workers."""
    for name in ("m1", "m2", "m3"):
        hire(name)
    submit(system="m1")
    (start,) = fleet.call(present("m1"), present("m2"))["start"]
    fleet.call(present("m1", recipe=start["id"]), present("m2"))
    lines = [line for line in web.get("/metrics").text.splitlines() if line.startswith("tackroom_workers{")]
    assert [[*line.split('"')[1::2], line.split()[-1]] for line in lines] == [
        ["idle", "1.0"],
        ["busy", "1.0"],
        ["offline", "1.0"],
    ]

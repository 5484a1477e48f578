"""Deliveries and addresses over the native API: listed, shown, sent once more, tried out."""

from collections.abc import Callable
from typing import Any

import pytest
from webtest import TestApp

from wsgi_app.app import Application
from wsgi_app.notification import Ended, Outcome

Headers = dict[str, str]
SECRET = "the-secret"
NOTIFY = {
    "criteria": {"status": "finished"},
    "recipients": [{"method": "email", "user": "ann"}, {"method": "irc", "handle": "bob", "server": "irc.example.org"}],
    "callbacks": [{"url": "http://ci.example.org/{ID}", "token": SECRET, "header": "X-Token", "dataset": "all"}],
    "compare": {"blacklist": ["lava"], "base": {"name_begins": "nightly", "metadata": {"branch": "main"}}},
}


@pytest.fixture
def told(web: TestApp, admin: Headers, application: Application, submit: Callable[..., Any]) -> Any:
    """A job that was cancelled, and whoever it tells is to be told."""
    job = submit(job={"name": "boot", "notify": NOTIFY})
    web.post(f"/jobs/{job['id']}/cancel", headers=admin, status=204)
    application.gateway.recipes.close_logs()
    while application.gateway.notices.decide():
        pass
    return job


def test_listed_and_shown(web: TestApp, admin: Headers, told: Any, application: Application) -> None:
    """Newest first, by what is asked for; each with what came of it, and without its token."""
    page = web.get("/deliveries/", headers=admin).json
    assert [one["method"] for one in page["deliveries"]] == ["callback", "irc", "email"]
    assert page["next"] is None
    hook, irc, mail = page["deliveries"]
    assert (irc["target"], irc["state"], irc["callback"]) == ("bob@irc.example.org", "waiting", None)
    assert (mail["target"], mail["user"], mail["state"], mail["due"]) == ("ann", "ann", "failed", None)
    assert mail["reason"] == "where user ann gets mail is not known: tackroom notify address"
    assert hook["callback"] == {"method": "POST", "header": "X-Token", "dataset": "all", "content_type": "json"}
    assert (hook["job"], hook["transition"], hook["test"]) == (told["id"], "finished", False)
    assert SECRET not in web.get("/deliveries/", headers=admin).text
    for asked, count in (
        ("state=failed", 1),
        ("method=irc&method=email", 2),
        (f"job={told['id']}", 3),
        ("job=7777", 0),
    ):
        assert len(web.get(f"/deliveries/?{asked}", headers=admin).json["deliveries"]) == count
    first = web.get("/deliveries/?limit=2", headers=admin).json
    rest = web.get(f"/deliveries/{first['next']}", headers=admin).json
    assert [one["id"] for one in first["deliveries"] + rest["deliveries"]] == [hook["id"], irc["id"], mail["id"]]
    ended = Ended(hook["id"], 1_700_000_000.0, 0.25, Outcome.REFUSED, "404 Not Found", 404)
    application.gateway.deliveries.ended([ended])
    shown = web.get(f"/deliveries/{hook['id']}", headers=admin).json
    assert shown["log"] == [
        {
            "number": 1,
            "began": "2023-11-14T22:13:20.000Z",
            "seconds": 0.25,
            "outcome": "refused",
            "status": 404,
            "reason": "404 Not Found",
        }
    ]
    assert (shown["state"], shown["status"], shown["attempts"]) == ("failed", 404, 1)
    assert SECRET not in str(shown)


def test_sent_once_more(web: TestApp, admin: Headers, told: Any, application: Application) -> None:
    """What is over is; what waits, and what has nowhere to go, is not."""
    hook, _, mail = web.get("/deliveries/", headers=admin).json["deliveries"]
    waiting = web.post(f"/deliveries/{hook['id']}/redeliver", headers=admin, status=409).json
    assert waiting["error"]["code"] == "delivery.waiting"
    assert (
        web.post(f"/deliveries/{mail['id']}/redeliver", headers=admin, status=409).json["error"]["code"] == "conflict"
    )
    application.gateway.deliveries.ended([Ended(hook["id"], 1.0, 0.1, Outcome.DELIVERED, None, 200)])
    made = web.post(f"/deliveries/{hook['id']}/redeliver", headers=admin, status=201)
    assert made.json["copy_of"] == hook["id"]
    assert made.json["key"] == hook["key"] + "-r1"
    assert web.get(made.headers["Location"], headers=admin).json["log"] == []
    assert web.post("/deliveries/4711/redeliver", headers=admin, status=404).json["error"]["code"] == "delivery.unknown"


def test_tried_out(web: TestApp, admin: Headers) -> None:
    """A test of each method; what could not be sent is refused with its field."""
    for value in (
        {"method": "email", "target": "ann@example.org"},
        {"method": "irc", "target": "ann@irc.example.org"},
        {
            "method": "callback",
            "target": "http://h/",
            "callback": {"method": "GET", "token": SECRET, "dataset": "logs"},
        },
    ):
        made = web.post_json("/deliveries/test", value, headers=admin, status=201).json
        assert (made["test"], made["transition"], made["state"], made["job"]) == (True, None, "waiting", None)
        assert SECRET not in str(made)
    for refused, field in (
        ({"method": "fax", "target": "1"}, "method"),
        ({"method": "email", "target": "ann"}, "target"),
        ({"method": "email", "target": "a@b", "callback": {}}, "callback"),
        ({"method": "callback", "target": "ftp://h/"}, "callback.url"),
        ({"method": "callback", "target": "http://h/", "callback": {"dataset": "x"}}, "callback.dataset"),
        ({"method": "callback", "target": "http://h/", "callback": {"header": "Host"}}, "callback.header"),
        ({"method": "email"}, "target"),
        ({"method": "email", "target": "a@b", "odd": 1}, "odd"),
    ):
        error = web.post_json("/deliveries/test", refused, headers=admin, status=400).json["error"]
        assert error["field"] == field


def test_whose_they_are(web: TestApp, told: Any, user: Callable[..., Headers], admin: Headers) -> None:
    """Others are told nothing of them."""
    number = web.get("/deliveries/", headers=admin).json["deliveries"][0]["id"]
    ann = user("ann", "read", "submit")
    assert web.get("/deliveries/", headers=ann).json["deliveries"] == []
    web.get(f"/deliveries/{number}", headers=ann, status=404)
    web.get("/deliveries/", status=401)
    web.get(f"/deliveries/{number}", status=401)
    web.get("/deliveries/", headers=user("bob", "submit"), status=403)


def test_addresses(web: TestApp, admin: Headers, user: Callable[..., Headers]) -> None:
    """One's own, or as an admin anybody's; nobody else reads them."""
    ann, bob = user("ann", "read", "submit"), user("bob", "read", "submit")
    assert web.get("/users/ann/address", headers=ann, status=404).json["error"]["code"] == "address.unknown"
    value = {"email": "ann@example.org", "irc_handle": "ann", "irc_server": "irc.example.org:6697"}
    assert web.put_json("/users/ann/address", value, headers=ann).json == {"user": "ann", **value}
    assert web.get("/users/ann/address", headers=admin).json == {"user": "ann", **value}
    for status, headers in ((403, bob), (401, None)):
        web.get("/users/ann/address", headers=headers, status=status)
        web.put_json("/users/ann/address", value, headers=headers, status=status)
        web.delete("/users/ann/address", headers=headers, status=status)
    less = web.put_json("/users/ann/address", {"email": "a@example.org"}, headers=admin).json
    assert less == {"user": "ann", "email": "a@example.org", "irc_handle": None, "irc_server": None}
    for name, bad in (("email", "x\r\ny@z"), ("irc_handle", "a b"), ("irc_server", "h/x"), ("odd", "x")):
        assert web.put_json("/users/ann/address", {name: bad}, headers=ann, status=400).json["error"]["field"] == name
    web.delete("/users/ann/address", headers=ann, status=204)
    web.delete("/users/ann/address", headers=ann, status=404)


def test_notify_of_json_jobs(web: TestApp, admin: Headers, submit: Callable[..., Any]) -> None:
    """What of it is wrong is told with its place, and nothing is stored."""
    for changed, field in (
        ({"criteria": {"status": "complete"}}, "notify.criteria.status"),
        ({"criteria": {"status": "all", "others": {"name": "x"}}}, "notify.criteria.others"),
        ({"criteria": {"status": "finished", "others": {}}}, "notify.criteria.others"),
        ({"criteria": {"status": "finished", "others": {"colour": "red"}}}, "notify.criteria.others"),
        ({"callbacks": [{"url": "http://h/", "method": "PUT"}]}, "notify.callbacks[0].method"),
        ({"callbacks": [{"url": "file:///x"}]}, "notify.callbacks[0].url"),
        ({"recipients": [{"method": "email"}]}, "notify.recipients[0]"),
        ({"odd": 1}, "notify.odd"),
    ):
        value = {"recipe_sets": [{"recipes": [{"tasks": [{"name": "t"}]}]}], "notify": {**NOTIFY, **changed}}
        assert web.post_json("/jobs/", value, headers=admin, status=400).json["error"]["field"] == field
    assert web.get("/jobs/", headers=admin).json["jobs"] == []


def test_owner_of_a_system(web: TestApp, admin: Headers, system: str) -> None:
    """Whose machine it is, is said and shown."""
    assert web.get(f"/systems/{system}").json["owner"] is None
    assert web.patch_json(f"/systems/{system}", {"owner": "ann"}, headers=admin).json["owner"] == "ann"
    assert web.patch_json(f"/systems/{system}", {"owner": None}, headers=admin).json["owner"] is None

"""PUTs that end at every sort of byte: what was acknowledged stays, and the retry makes the log whole."""

import hashlib
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from acting import Acting
from cuts import ENDINGS, PLACES, Put
from lab import Lab
from waiting import until

OLD = b"what is acknowledged\n" * 3000
NEW = bytes(range(256)) * 400
NUMBERS = itertools.count()

pytestmark = pytest.mark.parametrize("ending", ENDINGS)


@pytest.fixture(scope="module")
def acting(lab: Lab) -> Iterator[Acting]:
    """A recipe whose task runs."""
    made = Acting(lab, "one", system="torn").claim()
    made.status(0, "Running")
    yield made


def new_path(acting: Acting, deep: bool = False) -> str:
    """The path of a log that is not there yet, in a directory of its own if `deep`."""
    number = next(NUMBERS)
    return f"/recipes/{acting.recipe}/tasks/{acting.tasks[0]}/logs/{f'{number}/' if deep else ''}{number}.log"


def send_again(lab: Lab, put: Put) -> int:
    """Send a PUT until it is answered anything but 503, and return the status."""
    return until(lambda: (said := put.whole(lab)) != 503 and said, "an answer")


def no_leftovers(lab: Lab, path: str) -> None:
    """Wait until no upload into the log's directory is under way any more."""
    directory = (lab.data / "logs" / path.strip("/")).parent
    until(lambda: not list(directory.glob(".davfs.tmp*")), "the end of the torn upload")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("ranged", [True, False], ids=["range", "whole"])
def test_first(lab: Lab, acting: Acting, place: str, ending: str, ranged: bool) -> None:
    """A new log is not there, or holds a beginning of what came; after the retry it is whole and stays so."""
    put = Put(new_path(acting, deep=True), acting.key, NEW, 0 if ranged else None)
    status = put.cut(lab, place, ending)
    assert (status is not None and status < 300) == (ending == "half" and place == "before the answer")
    found = lab.call("GET", put.path)
    if found.status == 200:
        assert NEW.startswith(found.body)
        assert ranged or found.body in (b"", NEW)
    else:
        assert found.status == 404
    # while the torn one still lies about, a whole one may be asked to come again
    assert send_again(lab, put) in (201, 204)
    assert lab.call("GET", put.path).body == NEW
    no_leftovers(lab, put.path)
    assert lab.call("GET", put.path).body == NEW


@pytest.mark.parametrize("place", PLACES)
def test_range(lab: Lab, acting: Acting, place: str, ending: str) -> None:
    """What was acknowledged before a torn range is untouched, and behind it is a beginning of what came."""
    path = new_path(acting)
    assert Put(path, acting.key, OLD, 0).whole(lab) == 201
    put = Put(path, acting.key, NEW, len(OLD))
    status = put.cut(lab, place, ending)
    assert (status is not None and status < 300) == (ending == "half" and place == "before the answer")
    found = lab.call("GET", path).body
    assert found.startswith(OLD)
    assert NEW.startswith(found[len(OLD) :])
    assert put.whole(lab) == 204
    assert lab.call("GET", path).body == OLD + NEW


@pytest.mark.parametrize("place", PLACES)
def test_replacement(lab: Lab, acting: Acting, place: str, ending: str) -> None:
    """A log that is replaced as a whole is the old one or the new one at any time, never anything between."""
    path = new_path(acting, deep=True)
    assert Put(path, acting.key, OLD).whole(lab) == 201
    put = Put(path, acting.key, NEW)
    status = put.cut(lab, place, ending)
    assert (status is not None and status < 300) == (ending == "half" and place == "before the answer")
    assert lab.call("GET", path).body in (OLD, NEW)
    no_leftovers(lab, path)
    assert lab.call("GET", path).body in ((OLD, NEW) if place == "before the answer" else (OLD,))
    assert put.whole(lab) == 204
    assert lab.call("GET", path).body == NEW


def test_what_was_torn_settles(lab: Lab, ending: str) -> None:
    """Torn and sent again, every log is indexed as it is; torn and never sent again, it is what came, or nothing."""
    acting = Acting(lab, "one", system=f"torn-{ending}").claim()
    acting.status(0, "Running")
    base = f"/recipes/{acting.recipe}/tasks/{acting.tasks[0]}/logs/"
    for place in PLACES:
        for kind, first in (("range", 0), ("whole", None)):
            put = Put(f"{base}{kind}-again/{place.replace(' ', '-')}", acting.key, NEW, first)
            put.cut(lab, place, ending)
            send_again(lab, put)
            Put(f"{base}{kind}-left/{place.replace(' ', '-')}", acting.key, NEW, first).cut(lab, place, ending)
    acting.status(0, "Completed")
    job = lab.settled(acting.job)
    assert not job["recipe_sets"][0]["recipes"][0]["late"]
    found = lab.call("GET", f"/recipes/{acting.recipe}/log-index?limit=1000").json["logs"]
    logs: dict[str, Any] = {log["path"].split("/logs/")[1]: log for log in found}
    assert {log["state"] for log in found} == {"finished"}
    again = [log for name, log in logs.items() if "-again/" in name]
    assert [log["sha256"] for log in again] == [hashlib.sha256(NEW).hexdigest()] * 2 * len(PLACES)
    for name, log in logs.items():
        if "-left/" in name:
            body = lab.call("GET", base + name).body
            assert NEW.startswith(body)
            assert (log["size"], log["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())
            assert not name.startswith("whole") or len(body) == len(NEW)

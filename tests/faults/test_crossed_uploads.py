"""Uploads of one log that cross: late, out of order, repeated, overlapping, two at a time, and after the end."""

import hashlib
import itertools
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from acting import Acting
from cuts import Put
from lab import Lab
from uploads import half_upload
from waiting import until

TAP = b"TAP version 13\n1..2\nok 1 - a\nnot ok 2 - b\n"
CHUNK = 5000
BODY = b"".join(b"line %06d of a log that comes in pieces\n" % number for number in range(1500))
NUMBERS = itertools.count()


@pytest.fixture
def acting(lab: Lab) -> Iterator[Acting]:
    """A recipe whose first task runs."""
    made = Acting(lab, "one", "two", system=f"crossed-{next(NUMBERS)}").claim()
    made.status(0, "Running")
    yield made


def log_path(acting: Acting, name: str) -> str:
    """The path of a log of the first task."""
    return f"/recipes/{acting.recipe}/tasks/{acting.tasks[0]}/logs/{name}"


def pieces(acting: Acting, name: str, body: bytes = BODY) -> list[Put]:
    """A log in ranges."""
    path = log_path(acting, name)
    return [Put(path, acting.key, body[first : first + CHUNK], first) for first in range(0, len(body), CHUNK)]


def known(acting: Acting) -> dict[str, Any]:
    """What is known of the recipe's logs, by name."""
    found = acting.lab.call("GET", f"/recipes/{acting.recipe}/log-index?limit=1000").json["logs"]
    return {log["path"].split("/logs/")[1]: log for log in found}


def finished(acting: Acting, *names: str) -> dict[str, Any]:
    """What is known of the logs once these are finished."""

    def ready() -> dict[str, Any]:
        found = known(acting)
        return found if all(name in found and found[name]["state"] == "finished" for name in names) else {}

    return until(ready, f"{names} finished")


def results(acting: Acting) -> list[tuple[str, str]]:
    """Path and result of what was found in logs."""
    found = acting.lab.call("GET", f"/recipes/{acting.recipe}/results?limit=1000").json["results"]
    return [(result["path"], result["result"]) for result in found if result["source"] == "log"]


def digest(body: bytes) -> str:
    """The fingerprint of a log."""
    return hashlib.sha256(body).hexdigest()


def test_ranges_in_any_order(acting: Acting) -> None:
    """Backwards, repeated, overlapping: acknowledged bytes are where they belong, and the log is indexed as it is."""
    lab = acting.lab
    backwards = pieces(acting, "backwards")[::-1]
    repeated = [put for put in pieces(acting, "repeated") for _ in range(2)]
    path = log_path(acting, "overlapping")
    overlapping = [Put(path, acting.key, BODY[first : first + 9000], first) for first in range(0, len(BODY), CHUNK)]
    for puts in (backwards, repeated, overlapping):
        assert [put.whole(lab) for put in puts] == [201] + [204] * (len(puts) - 1)
        assert lab.call("GET", puts[0].path).body == BODY
    acting.status(0, "Completed")
    found = finished(acting, "backwards", "repeated", "overlapping")
    assert {log["sha256"] for log in found.values()} == {digest(BODY)}
    assert [log["marks"] for log in found.values()] == [[], [], []]


def test_a_hole_is_shown(acting: Acting) -> None:
    """A range that never came is told by a mark at its line; bytes that came stay where they are."""
    lab = acting.lab
    puts = pieces(acting, "holed")
    for put in (*puts[:2], *puts[3:]):
        assert put.whole(lab) in (201, 204)
    acting.status(0, "Completed")
    log = finished(acting, "holed")["holed"]
    assert [(mark["kind"], mark["line"]) for mark in log["marks"]] == [("hole", BODY[: 2 * CHUNK].count(b"\n") + 1)]
    expected = BODY[: 2 * CHUNK] + bytes(CHUNK) + BODY[3 * CHUNK :]
    assert lab.call("GET", puts[0].path).body == expected
    assert log["sha256"] == digest(expected)


def test_a_body_as_long_as_it_is(lab: Lab, acting: Acting) -> None:
    """A total smaller than the range is refused; a larger one, as in a log that grows, is taken and not waited for."""
    path = log_path(acting, "total")
    for existing in (False, True):
        for total, status in (("9", 400), ("0", 400), ("11", 204 if existing else 201), ("1000000", 204)):
            headers = {"Content-Range": f"bytes 0-9/{total}"}
            assert lab.call("PUT", path, b"0123456789", headers, acting.key).status == status
    assert lab.call("GET", path).body == b"0123456789"
    assert lab.call("PUT", log_path(acting, "empty"), b"", None, acting.key).status == 201
    assert lab.call("PUT", log_path(acting, "shorter"), BODY, None, acting.key).status == 201
    assert lab.call("PUT", log_path(acting, "shorter"), b"short\n", None, acting.key).status == 204
    acting.status(0, "Completed")
    found = finished(acting, "total", "empty", "shorter")
    assert {name: (log["size"], log["lines"]) for name, log in found.items()} == {
        "total": (10, 1),
        "empty": (0, 0),
        "shorter": (6, 1),
    }


def test_a_body_that_is_not_its_range(lab: Lab, acting: Acting) -> None:
    """A new log refuses it. mod_dav_fs does not look: it writes what came where the range begins, and nothing else."""
    path = log_path(acting, "odd")
    for body in (b"12345678", b"123456789abc"):
        assert lab.call("PUT", path, body, {"Content-Range": "bytes 2-11/*"}, acting.key).status == 400
    assert lab.call("GET", path).status == 404
    assert lab.call("PUT", path, b"." * 20, None, acting.key).status == 201
    for body in (b"12345678", b"123456789abc"):
        before = lab.call("GET", path).body
        status = lab.call("PUT", path, body, {"Content-Range": "bytes 2-11/*"}, acting.key).status
        assert status == (204 if lab.front == "apache" else 400)
        after = before[:2] + body + before[2 + len(body) :]
        assert lab.call("GET", path).body == (after if lab.front == "apache" else before)


@pytest.mark.parametrize("first", [True, False], ids=["first", "later"])
def test_a_stalled_range_comes_late(lab: Lab, acting: Acting, first: bool) -> None:
    """Its retry and more were acknowledged meanwhile: what comes late is the same bytes once more, no harm."""
    puts = pieces(acting, "stalled")
    before, stalled, after = ([], puts[0], puts[1:]) if first else (puts[:3], puts[3], puts[4:])
    for put in before:
        assert put.whole(lab) in (201, 204)
    span = stalled.headers["Content-Range"]
    with half_upload(lab, stalled.path, stalled.key, len(stalled.body), span) as upload:
        upload.send(stalled.body[:1000])
        for put in (stalled, *after):
            assert put.whole(lab) in (201, 204)
        assert lab.call("GET", stalled.path).body == BODY
        upload.send(stalled.body[1000:])
        assert upload.status() in (201, 204)
    assert lab.call("GET", stalled.path).body == BODY
    acting.status(0, "Completed")
    assert finished(acting, "stalled")["stalled"]["sha256"] == digest(BODY)


def test_two_clients_on_one_log(lab: Lab, acting: Acting) -> None:
    """They take turns at random, from the first byte on: every range that was acknowledged is there."""
    for round_ in range(5):
        name = f"shared-{round_}"
        puts = pieces(acting, name)
        ready = threading.Barrier(2)
        statuses: list[int] = []

        def upload(share: list[Put], ready: threading.Barrier = ready, said: list[int] = statuses) -> None:
            ready.wait(10)
            said.extend(put.whole(lab) for put in share)

        threads = [threading.Thread(target=upload, args=(puts[number::2],)) for number in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(statuses) == len(puts)
        assert set(statuses) <= {201, 204}
        assert lab.call("GET", puts[0].path).body == BODY
    assert set(known(acting)) >= {f"shared-{round_}" for round_ in range(5)}


def test_whole_against_ranged(lab: Lab, acting: Acting) -> None:
    """Two at once: the log is the whole one, with the last range where it came later; nothing else, never half."""
    path = log_path(acting, "both")
    whole = b"W" * 40000
    assert Put(path, acting.key, whole).whole(lab) == 201
    stop = threading.Event()
    troubles: list[object] = []

    def replace() -> None:
        while not stop.is_set():
            if (status := Put(path, acting.key, whole).whole(lab)) != 204:
                troubles.append(status)

    thread = threading.Thread(target=replace)
    thread.start()
    for number in range(60):
        put = Put(path, acting.key, b"r" * 1000, (number % 40) * 1000)
        assert put.whole(lab) == 204
        found = lab.call("GET", path).body
        assert len(found) == len(whole)
        assert set(found) <= set(b"Wr")
        # never more than the ranges since the last replacement, and each of them whole
        assert all(found[place : place + 1000] in (b"W" * 1000, b"r" * 1000) for place in range(0, 40000, 1000))
    stop.set()
    thread.join()
    assert not troubles
    assert Put(path, acting.key, b"end", 40000).whole(lab) == 204
    assert lab.call("GET", path).body.endswith(b"end")


def test_after_its_task_a_log_stays(lab: Lab, acting: Acting) -> None:
    """Finished, it is refused with 409, ranged, whole or new; text, fingerprint and results are as they were."""
    path = log_path(acting, "report.tap")
    assert Put(path, acting.key, TAP).whole(lab) == 201
    acting.status(0, "Completed")
    before = finished(acting, "report.tap")["report.tap"]
    found = results(acting)
    assert [result for _, result in found] == ["Pass", "Fail"]
    acting.status(1, "Running")
    for put in (
        Put(path, acting.key, TAP.replace(b"not ok", b"ok")),
        Put(path, acting.key, b"ok 3 - more\n", len(TAP)),
        Put(log_path(acting, "other.tap"), acting.key, TAP),
    ):
        assert put.whole(lab) == 409
    acting.status(1, "Completed")
    assert lab.settled(acting.job)["verdict"] == "fail"
    assert Put(path, acting.key, b"x" * 10, len(TAP)).whole(lab) == 409
    assert lab.call("GET", path).body == TAP
    assert finished(acting, "report.tap")["report.tap"] == before
    assert results(acting) == found


def test_replaced_after_it_was_read(lab: Lab, acting: Acting) -> None:
    """A declared log that was read too early and is replaced before the end: its results are the new ones, once."""
    path = log_path(acting, "report.tap")
    declared = {"sha256": digest(TAP.replace(b"not ok", b"ok"))}
    head = {"Content-Type": "application/json"}
    assert lab.call("POST", path, json.dumps(declared).encode(), head, acting.key).status == 201
    assert Put(path, acting.key, TAP).whole(lab) == 201
    until(lambda: known(acting)["report.tap"]["sha256"] == digest(TAP), "a look at it")
    assert Put(path, acting.key, TAP.replace(b"not ok", b"ok")).whole(lab) == 204
    log = finished(acting, "report.tap")["report.tap"]
    assert log["sha256"] == declared["sha256"]
    assert results(acting) == [("/a", "Pass"), ("/b", "Pass")]
    acting.status(0, "Completed")
    acting.run(1)
    assert lab.settled(acting.job)["verdict"] == "pass"
    assert results(acting) == [("/a", "Pass"), ("/b", "Pass")]


def test_what_somebody_changed_by_hand(lab: Lab, acting: Acting) -> None:
    """A file that grows after it was settled, not through us: what was told stands, and `index rebuild` tells of it."""
    path = log_path(acting, "report.tap")
    assert Put(path, acting.key, TAP).whole(lab) == 201
    acting.status(0, "Completed")
    acting.run(1)
    assert lab.settled(acting.job)["verdict"] == "fail"
    before = known(acting)["report.tap"]
    with (lab.data / "logs" / path.strip("/")).open("ab") as file:
        file.write(b"not ok 3 - by hand\n")
    assert known(acting)["report.tap"] == before
    said = lab.command("index", "rebuild", str(acting.recipe)).stdout
    assert f"tasks/{acting.tasks[0]}/logs/report.tap: size, sha256" in said
    assert "1 of them changed" in said
    assert len(results(acting)) == 4
    assert lab.call("GET", f"/jobs/{acting.job}").json["verdict"] == "fail"
    assert "0 of them changed" in lab.command("index", "rebuild", str(acting.recipe)).stdout

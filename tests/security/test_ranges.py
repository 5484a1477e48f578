"""Ranges: thousands of them, beyond all ends, and logs that are nearly all hole."""

import time

import pytest
from cast import Cast, Running
from exchange import exchange
from lab import Lab, running_lab
from waiting import until

LARGEST = 4 << 30


@pytest.fixture(scope="module")
def running(lab: Lab, cast: Cast) -> Running:
    """A recipe that has a log of ten bytes and one of some megabytes."""
    made = cast.running()
    for name, body in (("ten.log", b"0123456789"), ("large.log", b"x" * 3_000_000)):
        assert lab.call("PUT", f"{made.url}logs/{name}", body, key=made.key).status == 201
    return made


@pytest.mark.parametrize(
    "ranges",
    [
        "0-," * 2000 + "0-",
        "0-0," * 1900 + "0-0",
        ",".join(f"{n}-" for n in range(1300)),
        ",".join(["-1"] * 2600),
        "," * 7000,
        ",".join(f"{n}-{n}" for n in range(0, 1500, 2)),
    ],
    ids=["all", "the first byte", "rests", "the last byte", "none", "many bytes"],
)
def test_thousands_of_ranges(lab: Lab, running: Running, ranges: str) -> None:
    """A list of ranges is no way to make much out of little: the answer is about the log's size, or the log."""
    began = time.monotonic()
    request = f"GET {running.url}logs/large.log HTTP/1.1\r\nHost: lab\r\nRange: bytes={ranges}\r\n\r\n"
    said = exchange(lab.port, request.encode(), seconds=30)
    assert said.statuses and said.statuses[0] in (200, 206, 416), said.text[:300]
    assert len(said.text) < 3_500_000
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("first", [10, 1 << 31, 1 << 32, (1 << 63) - 2, (1 << 63) - 1])
def test_reading_beyond_the_end(lab: Lab, running: Running, first: int) -> None:
    """There is nothing, however far beyond: 416."""
    answer = lab.call("GET", f"{running.url}logs/ten.log", headers={"Range": f"bytes={first}-"})
    assert answer.status == 416
    assert b"0123456789" not in answer.body


@pytest.mark.parametrize(
    "asked", ["18446744073709551616-", "0-18446744073709551616", "-18446744073709551616", "9" * 5000 + "-"]
)
def test_reading_ranges_that_no_number_holds(lab: Lab, running: Running, asked: str) -> None:
    """Whether they are taken for ranges or passed over: what comes is the log, or 416."""
    answer = lab.call("GET", f"{running.url}logs/ten.log", headers={"Range": f"bytes={asked}"})
    assert answer.status in (200, 206, 416)
    if answer.status != 416:
        assert answer.body == b"0123456789"


@pytest.mark.parametrize("number", [LARGEST, (1 << 63) - 2, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, 1 << 64, 10**999])
@pytest.mark.parametrize("name", ["ten.log", "new.log"])
def test_writing_beyond_the_largest_log(lab: Lab, running: Running, name: str, number: int) -> None:
    """A range that ends there, or that is all there, or that wraps round, is refused, and nothing is written."""
    for content_range in (f"bytes {number}-{number}/*", f"bytes 0-{number}/*", f"bytes {number}-{number}/{number + 1}"):
        answer = lab.call("PUT", f"{running.url}logs/{name}", b"x", {"Content-Range": content_range}, key=running.key)
        # a total that no number holds is none
        assert answer.status in ((416, 400) if content_range.endswith(str(number + 1)) else (416,)), content_range
    answer = lab.call(
        "PUT", f"{running.url}logs/{name}", b"x", {"Content-Range": f"bytes {number}-0/*"}, key=running.key
    )
    assert answer.status == 400
    place = lab.data / "logs" / running.url[1:] / "logs"
    assert (place / "ten.log").read_bytes() == b"0123456789"
    assert not (place / "new.log").exists() or (place / "new.log").stat().st_size == 0


def test_logs_that_are_all_hole() -> None:
    """A byte at the largest offset costs a block of disk, and as much of the recipe's share as it seems to be."""
    with running_lab("apache", TACKROOM_MAX_LOG=str(8 << 20), TACKROOM_MAX_RECIPE_BYTES=str(10 << 20)) as lab:
        running = Cast(lab).running()
        last = (8 << 20) - 1
        head = {"Content-Range": f"bytes {last}-{last}/*"}

        def another(number: int) -> int:
            # the second makes it large: the first is only a little
            path = f"{running.url}logs/{number}.log"
            status = lab.call("PUT", path, b"x", key=running.key).status
            return status if status != 201 else lab.call("PUT", path, b"x", head, key=running.key).status

        numbers = iter(range(1000))
        statuses = until(lambda: (status := another(next(numbers))) != 204 and [status], "the recipe to be full", 30)
        assert statuses == [403]
        place = lab.data / "logs" / running.url[1:] / "logs"
        assert sum(path.stat().st_blocks * 512 for path in place.iterdir()) < 1 << 20
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        path = f"{running.url}tasks/{running.task}/status"
        assert lab.call("POST", path, b"status=Completed", form, key=running.key).status == 204
        # the indexer gets through them, and tells of the holes
        lab.settled(running.job, 60)
        logs = lab.call("GET", f"{running.url}log-index?limit=1000").json["logs"]
        assert all(log["state"] == "finished" and log["size"] == last + 1 for log in logs if log["size"] > 100), logs
        assert {mark["kind"] for log in logs for mark in log["marks"] if log["size"] > 100} == {"hole"}

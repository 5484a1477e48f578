"""The publisher ends, as it should or not: readers come back and have lost nothing."""

import os
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest
from lab import Lab, running_lab
from listener import Listener, add_system, listening, set_health, wait_for_publisher
from waiting import until
from websockets.exceptions import InvalidStatus


@pytest.fixture(params=["none", "apache"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A lab whose publisher may die."""
    with running_lab(request.param) as lab:
        wait_for_publisher(lab)
        yield lab


def again(lab: Lab, query: str) -> tuple[AbstractContextManager[Listener], Listener]:
    """Come as often as it takes until somebody is there."""

    def come() -> tuple[AbstractContextManager[Listener], Listener] | None:
        place = listening(lab, query)
        try:
            return place, place.__enter__()
        except (OSError, EOFError, InvalidStatus):
            return None

    found = until(come, "the next publisher", 30)
    assert found is not None
    return found


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_53_nothing_is_lost_and_nothing_told_twice(lab: Lab, number: signal.Signals) -> None:
    """A reader that comes back behind the last message that it has is told the rest, by the next publisher."""
    add_system(lab, "killed")
    with listening(lab, "?topics=device") as reader:
        set_health(lab, "killed", "bad")
        reader.until("device", device="killed", health="Bad")
        heard = list(reader.heard)
        os.kill(lab.pids("wsgi_app.cli publisher")[0], number)
        if number == signal.SIGTERM:
            assert reader.closed() == 1001
        set_health(lab, "killed", "good")
        set_health(lab, "killed", "maintenance")
    place, reader = again(lab, f"?topics=device&since={heard[-1].uuid}")
    try:
        add_system(lab, "end")
        reader.until("device", device="end")
        told = [one.data["health"] for one in reader.heard if one.data["device"] == "killed"]
        assert told == ["Good", "Maintenance"]
        uuids = [one.uuid for one in (*heard, *reader.heard)]
        assert len(set(uuids)) == len(uuids)
    finally:
        place.__exit__(None, None, None)


def test_without_a_publisher_it_is_said_when_to_come_again(lab: Lab) -> None:
    """503 with Retry-After, and everything else goes on; a stopped one is found out."""
    (publisher, *_) = lab.pids("wsgi_app.cli publisher")
    os.kill(publisher, signal.SIGKILL)
    with pytest.raises(InvalidStatus) as refused, listening(lab):
        pass
    answer = refused.value.response
    # 502: it had begun to take the call
    assert answer.status_code in (502, 503)
    assert answer.status_code == 502 or int(answer.headers["Retry-After"]) > 0
    add_system(lab, "meanwhile")
    place, reader = again(lab, "")
    try:
        reader.until("device", device="meanwhile")
    finally:
        place.__exit__(None, None, None)

"""Log files are put aside under load: no line is lost, none is counted twice, no upload notices."""

import re
import signal
import threading
from collections.abc import Iterator

import pytest
from lab import Lab, running_lab
from prometheus_client.parser import text_string_to_metric_families
from waiting import until

SENDERS = 4
PUTS = 120
PIECE = b"0123456789"


@pytest.fixture(params=["apache", "none"])
def rotated(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A Tackroom of each kind."""
    with running_lab(request.param) as made:
        yield made


def figure(lab: Lab, name: str) -> float:
    """Read one figure without labels."""
    text = lab.call("GET", "/metrics").body.decode()
    return next(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    )


def test_rotation_by_signal(rotated: Lab) -> None:
    """Renamed three times under four senders: each upload's line, by the id in its answer, is in one of the files."""
    lab = rotated
    job = lab.job({"name": "t"}, system="rotated")
    recipe = lab.claim("rotated")
    path = f"/recipes/{recipe['id']}/tasks/{job['recipe_sets'][0]['recipes'][0]['tasks'][0]['id']}/logs/log"
    ids: list[str] = []
    third = threading.Barrier(SENDERS + 1)

    def send(sender: int) -> None:
        for number in range(PUTS):
            if number % (PUTS // 4) == PUTS // 8:
                third.wait(60)
            first = number * len(PIECE)
            span = {"Content-Range": f"bytes {first}-{first + len(PIECE) - 1}/*"}
            answer = lab.call("PUT", f"{path}-{sender}", PIECE, span, recipe["key"])
            assert answer.status in (201, 204), answer
            ids.append(answer.headers["X-Request-Id"])

    threads = [threading.Thread(target=send, args=(sender,)) for sender in range(SENDERS)]
    for thread in threads:
        thread.start()
    run = lab.data / "run"
    names = ["access.log.1", "access.log-20261122", "access.log.3"]
    assert lab.process is not None
    for name in names:
        third.wait(60)
        (run / "access.log").rename(run / name)
        lab.process.send_signal(signal.SIGUSR1)
        until((run / "access.log").exists, "a new access log")
    third.wait(60)
    for thread in threads:
        thread.join()
    assert len(ids) == len(set(ids)) == SENDERS * PUTS

    def found() -> list[str]:
        lines = [line for name in ("access.log", *names) for line in (run / name).read_text().splitlines()]
        return [match[1] for line in lines if (match := re.search(r" id=(\S+) .* PUT 20[14] ", line))]

    # a line is written when its answer has been sent
    until(lambda: len(found()) >= len(ids), "the last lines")
    assert sorted(found()) == sorted(ids)
    until(lambda: figure(lab, "tackroom_logs_puts_total") == len(ids), "the count of uploads")
    assert figure(lab, "tackroom_logs_received_bytes_total") == len(ids) * len(PIECE)
    # and so they stay, when the process that counts has died
    lab.stop()
    lab.start()
    assert figure(lab, "tackroom_logs_puts_total") == len(ids)

"""What the journal says and the database does not: a message arrives once, or its delivery says why it did not."""

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from certificates import make_authority
from corelab import CoreLab
from couriering import at_work, log, over, sending_lab
from receiver import PRIVATE, Receiver, receiving
from waiting import until

from wsgi_app.notification import Callback, Delivery, DeliveryState, Draft, Ended, Method, Moment, Order, Outcome
from wsgi_app.services.publisher.journal import Entry, Journal
from wsgi_app.store.deliveries import insert_drafts


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[CoreLab]:
    """A core whose callbacks may go to this machine."""
    with sending_lab(tmp_path, callback_private=(PRIVATE,)) as lab:
        yield lab


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver."""
    with receiving() as receiver:
        yield receiver


def order(lab: CoreLab, receiver: Receiver, path: str = "/") -> Delivery:
    """Make a delivery."""
    url = receiver.url(path)
    return lab.gateway.deliveries.test(lab.admin, Method.CALLBACK, url, Callback(url))


def note(lab: CoreLab, key: str, **values: Any) -> None:
    """Write a line into the journal, as an earlier process has."""
    line = {"key": key, "attempt": 1, "began": time.time(), **values}
    with lab.config.journal.open("a") as file:
        file.write(json.dumps(line) + "\n")


def test_62_begun_and_never_ended(lab: CoreLab, receiver: Receiver) -> None:
    """Whether it arrived nobody knows: it is failed, with the reason, and no later process sends it again."""
    delivery = order(lab, receiver)
    note(lab, delivery.key)
    for _ in range(2):
        with at_work(lab):
            (found,) = over(lab, delivery)
    assert (found.state, found.attempts) == (DeliveryState.FAILED, 1)
    assert "whether it arrived is not known" in (found.reason or "")
    assert not receiver.got


def test_62_ended_and_never_noted(lab: CoreLab, receiver: Receiver) -> None:
    """It was delivered, or refused: the journal knows, and the database learns it."""
    delivered, refused = order(lab, receiver), order(lab, receiver)
    note(lab, delivered.key, outcome="delivered", seconds=0.5, status=202, reason=None)
    note(lab, refused.key, outcome="refused", seconds=0.5, status=404, reason="it answered 404")
    with at_work(lab):
        first, second = over(lab, delivered, refused)
    assert (first.state, first.status, first.attempts) == (DeliveryState.DELIVERED, 202, 1)
    assert (second.state, second.reason) == (DeliveryState.FAILED, "it answered 404")
    assert not receiver.got


def test_62_failed_and_never_noted(lab: CoreLab, receiver: Receiver) -> None:
    """An attempt that failed counts, and the next one is made."""
    delivery = order(lab, receiver)
    note(lab, delivery.key, outcome="failed", seconds=0.5, status=503, reason="it answered 503")
    with at_work(lab):
        over(lab, delivery)
    assert [(one.outcome, one.status) for one in log(lab, delivery)] == [
        (Outcome.FAILED, 503),
        (Outcome.DELIVERED, 200),
    ]
    assert len(receiver.got) == 1


def test_62_a_database_that_has_forgotten(lab: CoreLab, receiver: Receiver) -> None:
    """A key that was sent before its delivery was made is of a database that came back older than it was."""
    with at_work(lab):
        over(lab, order(lab, receiver))
        delivery = order(lab, receiver)
        over(lab, delivery)
    forgotten = order(lab, receiver)
    note(lab, forgotten.key, began=time.time() - 3600, outcome="delivered", seconds=0.1, status=200, reason=None)
    open_too = order(lab, receiver)
    note(lab, open_too.key, began=time.time() - 3600)
    with at_work(lab):
        found = over(lab, forgotten, open_too)
    assert {one.state for one in found} == {DeliveryState.FAILED}
    assert all("before the database was restored" in (one.reason or "") for one in found)
    assert len(receiver.got) == 2


def test_62_a_journal_that_is_gone(lab: CoreLab, receiver: Receiver) -> None:
    """What waits in a database of which something was sent already may have been sent, too."""
    with at_work(lab):
        over(lab, order(lab, receiver))
    waiting = order(lab, receiver)
    lab.config.journal.unlink()
    with at_work(lab):
        (found,) = over(lab, waiting)
        assert "deliveries.journal is gone" in (found.reason or "")
        # what comes from now on is known
        (next_one,) = over(lab, order(lab, receiver))
    assert next_one.state is DeliveryState.DELIVERED
    assert len(receiver.got) == 2


def test_62_no_answer_is_not_known(lab: CoreLab, receiver: Receiver) -> None:
    """A request that went out whole, and a connection that was closed without a word: it is not sent again."""

    def hang_up(_: object) -> None:
        raise ConnectionResetError

    receiver.meanwhile = hang_up
    delivery = order(lab, receiver)
    with at_work(lab):
        (found,) = over(lab, delivery)
    assert "whether it took the message is not known" in (found.reason or "")
    assert [one.outcome for one in log(lab, delivery)] == [Outcome.UNKNOWN]
    assert len(receiver.got) == 1


def test_one_that_is_slow_keeps_no_other_waiting(lab: CoreLab, receiver: Receiver) -> None:
    """Many for a receiver that does not answer: those for others go out meanwhile."""
    answer = threading.Event()
    receiver.meanwhile = lambda _: (answer.wait(20), None)[1]
    slow = [order(lab, receiver) for _ in range(30)]
    try:
        with receiving() as other, at_work(lab):
            receiver.wait(1)
            over(lab, order(lab, other))
            assert len(other.got) == 1
            answer.set()
            over(lab, *slow)
    finally:
        answer.set()
    assert set(receiver.keys().values()) == {1}
    assert len(receiver.keys()) == 30


def test_a_disk_that_is_full_sends_nothing(lab: CoreLab, receiver: Receiver) -> None:
    """What cannot be noted before is not sent; it is when there is room again."""
    full = os.open("/dev/full", os.O_WRONLY)
    with at_work(lab):
        over(lab, order(lab, receiver))
        descriptor = opened(lab.config.journal)
        kept = os.dup(descriptor)
        os.dup2(full, descriptor)
        delivery = order(lab, receiver)
        until(lambda: receiver.connected > 1, "an attempt")
        assert len(receiver.got) == 1
        os.dup2(kept, descriptor)
        (found,) = over(lab, delivery)
    for one in (full, kept):
        os.close(one)
    assert (found.state, len(receiver.got)) == (DeliveryState.DELIVERED, 2)


def opened(path: Path) -> int:
    """Return this process's descriptor of a file."""
    for one in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            if one.readlink() == path:
                return int(one.name)
    raise AssertionError(f"{path} is not open")


def test_a_torn_line_and_what_follows(lab: CoreLab, receiver: Receiver) -> None:
    """A line that was not written whole stands for nothing that was sent."""
    delivery = order(lab, receiver)
    lab.config.journal.write_text(f'{{"key": "{delivery.key}", "atte')
    with at_work(lab):
        (found,) = over(lab, delivery)
    assert (found.state, len(receiver.got)) == (DeliveryState.DELIVERED, 1)
    journal = Journal(lab.config.journal)
    entry = journal.entry(delivery.key)
    journal.close()
    assert entry is not None
    assert (entry.outcome, entry.status) == (Outcome.DELIVERED, 200)


def test_the_journal_keeps_what_counts(lab: CoreLab, receiver: Receiver) -> None:
    """It is written anew with the last of each key, and many may write at once."""
    journal = Journal(lab.config.journal)
    ordered = [order(lab, receiver) for _ in range(20)]

    def write(delivery: Delivery) -> None:
        for number in range(10):
            journal.begun(evolve(delivery, attempts=number), 1.0)
            journal.ended(delivery.key, number + 1, Ended(delivery.id, 1.0, 0.1, Outcome.FAILED, "no", 500))

    threads = [threading.Thread(target=write, args=(delivery,)) for delivery in ordered]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close()
    assert len(lab.config.journal.read_text().splitlines()) == 400
    again = Journal(lab.config.journal)
    assert again.entry(ordered[0].key) == Entry(1.0, 10, Outcome.FAILED, 0.1, 500, "no")
    assert again.unended() == []
    again.close()
    assert len(lab.config.journal.read_text().splitlines()) == 20


def test_tls_is_verified(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A receiver is who it says; of one that nobody vouches for, nothing is told, and it is tried again."""
    authority = make_authority(tmp_path_factory.mktemp("ca"))
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    right, wrong = authority.issue("right"), authority.issue("wrong", ["DNS:elsewhere.example"])
    with sending_lab(tmp_path, callback_private=(PRIVATE,)) as lab, at_work(lab):
        with receiving(certificate=right) as receiver:
            (found,) = over(lab, order(lab, receiver))
            assert (found.state, len(receiver.got)) == (DeliveryState.DELIVERED, 1)
        with receiving(certificate=wrong) as receiver:
            made = order(lab, receiver)
            (attempt, *_) = until(lambda: log(lab, made), "an attempt")
            assert "the certificate of 127.0.0.1 is not trusted" in (attempt.reason or "")
            assert not receiver.got
            assert lab.gateway.deliveries.get(lab.admin, made.id).state is DeliveryState.WAITING


@pytest.mark.parametrize(
    ("answer", "outcome", "words"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", Outcome.UNKNOWN, "is no HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000, Outcome.UNKNOWN, "too long"),
        (b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", Outcome.DELIVERED, ""),
        (b"HTTP/1.0 200\n\nok", Outcome.DELIVERED, ""),
        (b"HTTP/1.1 404 \xff\x1b[31m\r\n\r\n\x00\xff<b>no</b>" + b"x" * 100_000, Outcome.REFUSED, "answered 404"),
        (b"HTTP/1.1 429 Slow\r\nRetry-After: 99999999999999999999\r\n\r\n", Outcome.FAILED, "answered 429 Slow"),
    ],
)
def test_any_answer(lab: CoreLab, answer: bytes, outcome: Outcome, words: str) -> None:
    """Whatever it says, it has ended one way or the other, and the reason can be shown."""
    with socket.create_server(("127.0.0.1", 0)) as listener, at_work(lab):
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        made = lab.gateway.deliveries.test(lab.admin, Method.CALLBACK, url, Callback(url))
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            with suppress(OSError):
                connection.sendall(answer)
        attempt = until(lambda: log(lab, made), "an attempt")[0]
        assert attempt.outcome is outcome
        assert words in (attempt.reason or "")
        assert (attempt.reason or "").isprintable()
        assert len(attempt.reason or "") < 600


def test_a_handshake_has_an_end(tmp_path: Path) -> None:
    """Who says a byte now and then holds nobody for long."""
    over_now = threading.Event()

    def drip(listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=one, args=(connection,), daemon=True).start()

    def one(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            # a long record, byte by byte
            for byte in b"\x16\x03\x03\x40\x00" + bytes(100):
                connection.sendall(bytes([byte]))
                if over_now.wait(0.5):
                    return

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=drip, args=(listening,), daemon=True).start()
        url = f"https://127.0.0.1:{listening.getsockname()[1]}/"
        with sending_lab(tmp_path, callback_private=(PRIVATE,)) as lab, at_work(lab):
            made = lab.gateway.deliveries.test(lab.admin, Method.CALLBACK, url, Callback(url))
            (attempt, *_) = until(lambda: log(lab, made), "an attempt", 20)
            over_now.set()
        listening.shutdown(socket.SHUT_RDWR)
    assert attempt.outcome is Outcome.FAILED
    assert "took too long" in (attempt.reason or "")
    assert attempt.seconds < 10


def test_one_that_is_down_fills_no_desk(lab: CoreLab, receiver: Receiver) -> None:
    """More wait for it than are looked at together, and for longer than what goes to another one."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        drafts = [
            Draft(
                f"tr-{n}", None, None, "admin", Moment.FINISHED, Method.CALLBACK, url, Order(Callback(url), test=True)
            )
            for n in range(1500)
        ]
        with lab.gateway._ground.change() as change:
            insert_drafts(change.tx, drafts, change.now - 60)
        other = order(lab, receiver)
        with at_work(lab):
            (found,) = over(lab, other)
    assert found.state is DeliveryState.DELIVERED

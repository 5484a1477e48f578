"""The protocol's checklist, 1 to 13: logins and connections of stock workers, each test by its number."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from buildbotworker import VERSIONS, buildbot_worker
from certificates import make_authority
from twisted.cred.credentials import Anonymous
from twisted.spread import pb
from waiting import until
from workersdoor import Told, WorkersDoor, workers_door

from wsgi_app.harnesses.buildbot.pb import Limits, prepare
from wsgi_app.harnesses.buildbot.transport import Lost

PASSWORD = "open sesame"


@pytest.fixture
def door() -> Iterator[WorkersDoor]:
    """A door that is less patient than the true one; it knows worker w1."""
    with workers_door(Limits(login_seconds=1.0, duplicate=1.0, silent=1.0, patience=2.0)) as made:
        made.passwords["w1"] = PASSWORD
        yield made


@pytest.mark.parametrize("version", VERSIONS)
def test_01_right_password(door: WorkersDoor, tmp_path: Path, version: str) -> None:
    with buildbot_worker(version, tmp_path / "w", door.port, "w1", PASSWORD) as process:
        about = door.worker("w1").about
        assert about.version == version
        assert about.shell >= (3, 0)
        assert not about.old
        assert "uploadFile" in about.commands
        assert about.basedir == str(process.directory)
        assert about.address.startswith("127.0.0.1:")
        assert about.cpus
        assert about.cpus >= 1
        assert "do not tell" not in repr(about)
        process.says("worker is ready")
        assert (process.directory / "slot0").is_dir()


def test_02_03_wrong_password_and_unknown_name(door: WorkersDoor, tmp_path: Path) -> None:
    with (
        buildbot_worker("4.3.0", tmp_path / "w1", door.port, "w1", "wrong") as wrong,
        buildbot_worker("4.3.0", tmp_path / "w2", door.port, "w2", PASSWORD) as unknown,
    ):
        texts = []
        for process in (wrong, unknown):
            process.says("unauthorized login")
            assert process.runs
            texts.append(next(line[25:] for line in process.log().splitlines() if "unauthorized login" in line))
        assert texts[0] == texts[1]
        # put right, both are let in on their own
        door.passwords.update(w1="wrong", w2=PASSWORD)
        door.worker("w1")
        door.worker("w2")


def test_04_anonymous(door: WorkersDoor) -> None:
    async def login() -> str:
        factory = pb.PBClientFactory()
        factory.noisy = False
        connector = prepare(asyncio.get_running_loop()).connectTCP("127.0.0.1", door.port, factory)
        answer = factory.login(Anonymous()).addCallbacks(lambda _: "let in", lambda failure: str(failure.type))
        try:
            return str(await answer.asFuture(asyncio.get_running_loop()))
        finally:
            connector.disconnect()

    assert "UnauthorizedLogin" in door.do(login())


def test_05_storage_failure(door: WorkersDoor, tmp_path: Path) -> None:
    door.broken = True
    with buildbot_worker("4.3.0", tmp_path / "w", door.port, "w1", PASSWORD) as process:
        until(lambda: any("OSError" in line for line in door.said), "the trouble")
        door.broken = False
        door.worker("w1")
        assert process.runs


def test_06_a_second_one_of_the_same_name(door: WorkersDoor, tmp_path: Path) -> None:
    with buildbot_worker("4.3.0", tmp_path / "one", door.port, "w1", PASSWORD):
        first = door.worker("w1")
        told = Told()
        running = door.start(first, ["sh", "-c", "read x; echo $x"], told, initial_stdin="unharmed\n")
        sleeping = door.start(first, ["sleep", "60"], Told(), "side0")
        with buildbot_worker("4.3.0", tmp_path / "two", door.port, "w1", PASSWORD) as second:
            second.says("unauthorized login")
            assert second.runs
        assert door.do(running.ended()).rc == 0
        assert told.all("stdout") == b"unharmed\n"
        assert not first.gone.is_set()
        door.do(sleeping.interrupt("enough"))
        assert door.do(sleeping.ended()).rc == -1


def test_07_a_second_one_while_the_first_is_frozen(tmp_path: Path) -> None:
    with workers_door(Limits(duplicate=1.0)) as door:  # its own ping is too slow for this
        door.passwords["w1"] = PASSWORD
        with buildbot_worker("4.3.0", tmp_path / "one", door.port, "w1", PASSWORD) as frozen:
            running = door.start(door.worker("w1"), ["sleep", "60"], Told())
            frozen.freeze()
            begun = time.monotonic()
            with buildbot_worker("4.3.0", tmp_path / "two", door.port, "w1", PASSWORD) as second:
                with pytest.raises(Lost):
                    door.do(running.ended())
                worker = door.worker("w1", after=1)
                assert worker.about.basedir == str(second.directory)
                assert time.monotonic() - begun < 10
                assert door.run(worker, ["true"]).rc == 0


@pytest.mark.parametrize(
    "said",
    [b"", b"GET / HTTP/1.1\r\nHost: lab\r\n\r\n", os.urandom(500), b"\x00" * 1_000_000, b"\x01\x80" * 200_000],
    ids=["nothing", "http", "garbage", "megabyte", "lists"],
)
def test_08_09_who_does_not_log_in(door: WorkersDoor, said: bytes) -> None:
    with socket.create_connection(("127.0.0.1", door.port), timeout=5) as client:
        begun = time.monotonic()
        try:
            client.sendall(said)
            while client.recv(65536):
                pass
        except ConnectionError:
            pass
        assert time.monotonic() - begun < 4


def test_10_keepalive(tmp_path: Path) -> None:
    with workers_door(Limits(silent=600)) as door:
        door.passwords["w1"] = PASSWORD
        with buildbot_worker("4.3.0", tmp_path / "w", door.port, "w1", PASSWORD, "--keepalive=1") as process:
            worker = door.worker("w1")
            heard = worker.heard
            until(lambda: worker.heard > heard + 0.5, "a sign of life")
            process.says("Master replied to keepalive")


def test_11_dead_peer(door: WorkersDoor, tmp_path: Path) -> None:
    with buildbot_worker("4.3.0", tmp_path / "w", door.port, "w1", PASSWORD) as process:
        worker = door.worker("w1")
        running = door.start(worker, ["sleep", "60"], Told())
        process.freeze()
        with pytest.raises(Lost):
            door.do(running.ended(), 10)
        assert worker.gone.is_set()
        process.thaw()
        assert door.run(door.worker("w1", after=1), ["true"]).rc == 0


def test_12_the_gateway_begins_anew(door: WorkersDoor, tmp_path: Path) -> None:
    with buildbot_worker("4.3.0", tmp_path / "w", door.port, "w1", PASSWORD) as process:
        running = door.start(door.worker("w1"), ["sleep", "60"], Told())
        port = door.port
        door.shut()
        with pytest.raises(Lost):
            door.do(running.ended())
        door.open(port)
        assert door.run(door.worker("w1", after=1), ["true"]).rc == 0
        assert process.runs


@pytest.mark.parametrize(
    ("version", "how"),
    [("4.3.0", "--connection-string=tls:host=localhost:port={port}:trustRoots={roots}"), ("3.7.0", "--use-tls")],
)
def test_13_tls(door: WorkersDoor, tmp_path: Path, version: str, how: str) -> None:
    place = tmp_path / "ca"
    place.mkdir()
    authority = make_authority(place)
    shown = authority.issue("door")
    port = door.open_tls(str(shown.certificate), str(shown.key))
    trusted = tmp_path / "trusted"
    trusted.mkdir()
    (trusted / "ca.pem").write_bytes(authority.certificate.read_bytes())
    # 3.7.0 cannot be told whom to trust: it goes by the system's roots
    environ = {"SSL_CERT_FILE": str(trusted / "ca.pem")} if how == "--use-tls" else {}
    option = how.format(port=port, roots=trusted)
    with buildbot_worker(version, tmp_path / "w", port, "w1", PASSWORD, option, environ=environ):
        told = Told()
        assert door.run(door.worker("w1"), "yes encrypted | head -n 50000", told).rc == 0
        assert len(told.all("stdout")) == 500_000

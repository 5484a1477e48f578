"""The duty that publishes by ZMQ, and what becomes of it where it cannot."""

import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq
from attrs import evolve
from corelab import CoreLab, core_lab
from lab import free_port
from waiting import until

from wsgi_app.config import Config, load
from wsgi_app.errors import Invalid, Unavailable
from wsgi_app.protocols.lava.configuration import event_socket
from wsgi_app.protocols.lava.events import Messages
from wsgi_app.services.publisher.service import duties
from wsgi_app.services.publisher.zmqout import Outlet, ZmqOut
from wsgi_app.states import LabHealth


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[CoreLab]:
    """A fresh core."""
    with core_lab(tmp_path) as made:
        yield made


@pytest.fixture
def listen() -> str:
    """Where nobody listens."""
    return f"tcp://127.0.0.1:{free_port()}"


def change(lab: CoreLab, *healths: LabHealth) -> None:
    """Give the lab one health after the other: a message each."""
    for health in healths:
        lab.gateway.lab.change(lab.admin, health=health)


def run(duty: ZmqOut, listen: str, wanted: int) -> list[str]:
    """Let a duty publish so many messages to one who came before it, and end it; return the healths that came."""
    stop, context, came = threading.Event(), zmq.Context(), []
    subscriber = context.socket(zmq.SUB)
    subscriber.setsockopt(zmq.LINGER, 0)
    subscriber.setsockopt(zmq.RECONNECT_IVL, 20)
    subscriber.subscribe("org.lavasoftware.worker")
    subscriber.connect(listen)
    thread = threading.Thread(target=duty.run, args=(stop,))
    thread.start()

    def heard() -> bool:
        while subscriber.poll(0):
            came.append(subscriber.recv_multipart()[4].decode())
        return len(came) >= wanted

    try:
        until(heard, f"{wanted} messages")
    finally:
        stop.set()
        thread.join(10)
        subscriber.close()
        context.term()
    assert not thread.is_alive()
    return [word for text in came for word in ("Active", "Maintenance", "Retired") if f'"{word}"' in text]


def test_it_goes_on_where_the_last_one_ended(lab: CoreLab, listen: str) -> None:
    """The first begins with what happens from then on; each further one with what the one before did not publish."""
    config = evolve(lab.config, zmq_listen=listen)
    change(lab, LabHealth.RETIRED)
    lab.gateway.positions.move("zmq", lab.gateway.positions.begin("zmq"))
    change(lab, LabHealth.MAINTENANCE)
    assert run(ZmqOut(lab.gateway, config), listen, 1) == ["Maintenance"]
    change(lab, LabHealth.ACTIVE, LabHealth.RETIRED)
    duty = ZmqOut(lab.gateway, config)
    assert run(duty, listen, 2) == ["Active", "Retired"]
    assert duty.said() == {"zmq": {"listen": listen, "published": 2}}


def test_a_restored_database(lab: CoreLab) -> None:
    """A position that is still to come counts as the newest event; a reader that is new has seen all there is."""
    change(lab, LabHealth.RETIRED)
    newest = lab.gateway.feed.latest()
    assert lab.gateway.positions.begin("new") == newest
    lab.gateway.positions.move("old", newest + 1000)
    assert lab.gateway.positions.begin("old") == newest


def test_where_it_cannot_listen(lab: CoreLab, listen: str) -> None:
    """An address that is taken is said; the duty is tried again by whoever runs it."""
    host, port = listen.removeprefix("tcp://").split(":")
    with socket.create_server((host, int(port))), pytest.raises(Unavailable, match=f"{listen}: Address already in use"):
        ZmqOut(lab.gateway, evolve(lab.config, zmq_listen=listen)).run(threading.Event())


def test_nobody_holds_it_up(lab: CoreLab, listen: str) -> None:
    """Who subscribes and takes nothing loses messages: publishing waits for nobody, and keeps a bounded number."""
    change(lab, LabHealth.RETIRED)
    messages = Messages(lab.gateway, lab.config).of(lab.gateway.feed.after(0, 10)) * 1000
    outlet, context = Outlet(listen), zmq.Context()
    reader = context.socket(zmq.SUB)
    try:
        reader.setsockopt(zmq.LINGER, 0)
        reader.setsockopt(zmq.RCVHWM, 1)
        reader.subscribe("")
        reader.connect(listen)
        outlet.wait(threading.Event(), 10)
        for _ in range(100):
            assert outlet.publish(messages) == 1000
    finally:
        reader.close()
        context.term()
        outlet.close()


def test_without_pyzmq(lab: CoreLab, listen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the extra is not installed, everything else is as it was, and the publisher says what is lacking."""
    monkeypatch.setitem(sys.modules, "zmq", None)
    monkeypatch.delitem(sys.modules, "wsgi_app.services.publisher.zmqout", raising=False)
    there = {duty.name for duty in duties(lab.gateway, lab.config)}
    assert "zmq" not in there
    (lacking,) = [duty for duty in duties(lab.gateway, evolve(lab.config, zmq_listen=listen)) if duty.name == "zmq"]
    with pytest.raises(Unavailable, match=r"tackroom\[zmq\]"):
        lacking.run(threading.Event())
    assert lacking.said() == {}


@pytest.mark.parametrize(
    ("listen", "told"),
    [
        ("", ""),
        ("tcp://*:5500", "tcp://*:5500"),
        ("tcp://0.0.0.0:5500", "tcp://*:5500"),
        ("tcp://[::]:5500", "tcp://*:5500"),
        ("tcp://lab.example.org:5500", "tcp://lab.example.org:5500"),
    ],
)
def test_the_address_that_is_told(listen: str, told: str) -> None:
    """Nobody can connect to all addresses: clients put the server's name for the star."""
    assert event_socket(Config(zmq_listen=listen)) == told


@pytest.mark.parametrize("listen", ["5500", "ipc:///tmp/x", "tcp://", "tcp://host", "tcp://a b:5", "tcp://*:5500 "])
def test_addresses_that_are_none(listen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are refused before anything starts."""
    monkeypatch.setenv("TACKROOM_ZMQ_LISTEN", listen)
    with pytest.raises(Invalid, match="zmq_listen"):
        load()

"""Who has subscribed to everything that is published by ZMQ."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import zmq
from attrs import define, field
from lab import Lab
from waiting import until


@define
class Subscriber:
    """What it has heard, oldest first: the five frames of each message."""

    socket: "zmq.SyncSocket"
    heard: list[tuple[str, ...]] = field(factory=list)

    def hear(self) -> list[tuple[str, ...]]:
        """Return all that came so far."""
        while self.socket.poll(0):
            self.heard.append(tuple(frame.decode() for frame in self.socket.recv_multipart()))
        return self.heard

    def has(self, kind: str, **wanted: object) -> bool:
        """Whether there was a message of this kind that says so."""
        return any(
            topic == f"org.lavasoftware.{kind}" and wanted.items() <= json.loads(data).items()
            for topic, _, _, _, data in self.hear()
        )

    def wait(self, kind: str, **wanted: object) -> None:
        """Wait for such a message."""
        until(lambda: self.has(kind, **wanted), f"a message of {wanted}")


@contextmanager
def subscribed(listen: str, knock: Callable[[], object]) -> Iterator[Subscriber]:
    """One that hears already: `knock` makes something to hear."""
    context = zmq.Context()
    socket = context.socket(zmq.SUB)
    try:
        socket.setsockopt(zmq.LINGER, 0)
        socket.subscribe("")
        socket.connect(listen)
        subscriber = Subscriber(socket)
        until(lambda: knock() is None or subscriber.hear(), "the first message")
        yield subscriber
    finally:
        socket.close()
        context.term()


def knocking(lab: Lab, system: str) -> Callable[[], object]:
    """Return what gives a system another health with each call, good at last."""

    def knock() -> bool:
        for health in ("bad", "good"):
            value = json.dumps({"health": health}).encode()
            answer = lab.call("PATCH", f"/systems/{system}", value, {"Content-Type": "application/json"})
            assert answer.status == 200, answer
        return True

    return knock

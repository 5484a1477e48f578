"""A courier in this process, over a core, and deliveries for it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import evolve
from corelab import CoreLab, core_lab
from waiting import until

from wsgi_app.core.gateway import open_gateway
from wsgi_app.notification import Attempt, Delivery, DeliveryState
from wsgi_app.services.publisher.courier import Courier


@contextmanager
def sending_lab(place: Path, **settings: Any) -> Iterator[CoreLab]:
    """A core with these settings, which tries again at once."""
    with core_lab(place) as found:
        config = evolve(found.config, delivery_retry_seconds=0.05, **settings)
        gateway = open_gateway(config)
        gateway.access.make_callback_key()
        try:
            yield evolve(found, config=config, gateway=gateway)
        finally:
            gateway.close()


@contextmanager
def at_work(lab: CoreLab) -> Iterator[Courier]:
    """A courier that sends."""
    courier, stop, failed = Courier(lab.gateway, lab.config), threading.Event(), []

    def run() -> None:
        try:
            courier.run(stop)
        except Exception as error:  # noqa: BLE001 - it is raised below
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield courier
    finally:
        stop.set()
        thread.join(10)
        assert not thread.is_alive()
    if failed:
        raise failed[0]


def over(lab: CoreLab, *ordered: Delivery) -> list[Delivery]:
    """Return deliveries as they are when none of them waits any more."""

    def done() -> Any:
        found = [lab.gateway.deliveries.get(lab.admin, one.id) for one in ordered]
        return found if all(one.state is not DeliveryState.WAITING for one in found) else None

    found: list[Delivery] = until(done, "the deliveries are over")
    return found


def log(lab: CoreLab, delivery: Delivery) -> list[Attempt]:
    """Return the attempts at a delivery."""
    return lab.gateway.deliveries.attempts(lab.admin, delivery.id)

"""Callbacks a second: through queue, journal and address checks, beside eight threads that only send the same requests.

One receiver in this process answers both, each request on a connection of its own.
"""

import http.client
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from figure import Figure
from lab import Lab, running_lab
from listener import wait_for_publisher
from receiver import PRIVATE, Receiver, receiving
from sampling import Sampler, of_lab
from scale import Scale
from stopping import stopped
from waiting import until

#: how many the publisher sends at once
TOGETHER = 8
BODY = b'{"id": 1, "status": 2, "status_string": "complete"}'


def measure(scale: Scale) -> Iterator[Figure]:
    """Yield callbacks a second, ours and bare, and what our processes use meanwhile."""
    count = scale.of(1000, 20)
    with running_lab("none", TACKROOM_CALLBACK_PRIVATE=PRIVATE) as lab, receiving() as receiver:
        wait_for_publisher(lab)
        sampler = Sampler(of_lab(lab))
        pairs = []
        for _ in range(scale.of(3, 1)):
            with sampler:
                rate = _ours(lab, receiver, count)
            pairs.append((rate, _bare(receiver, count)))
        ours, bare = map(statistics.median, zip(*pairs, strict=True))
        yield Figure("callbacks a second, ours / bare", ours, bare, unit="/s")
        yield from (figure for figure in sampler.figures("callbacks") if "publisher" in figure.figure)


def _ours(lab: Lab, receiver: Receiver, count: int) -> float:
    """Queue them while the publisher stands still, so that only sending is measured."""
    before = len(receiver.got)
    with stopped(lab, "wsgi_app.cli publisher"), ThreadPoolExecutor(TOGETHER) as pool:
        asked = {"method": "callback", "target": receiver.url()}
        list(pool.map(lambda _: lab.post("/deliveries/test", asked), range(count)))
    began = time.monotonic()
    until(lambda: len(receiver.got) - before >= count, "all callbacks", 300)
    return count / (time.monotonic() - began)


def _bare(receiver: Receiver, count: int) -> float:
    began = time.monotonic()
    with ThreadPoolExecutor(TOGETHER) as pool:
        list(pool.map(lambda _: _post(receiver), range(count)))
    return count / (time.monotonic() - began)


def _post(receiver: Receiver) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=30)
    connection.request("POST", "/", BODY, {"Content-Type": "application/json", "webhook-id": "bare"})
    assert connection.getresponse().status == 200
    connection.close()

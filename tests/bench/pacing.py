"""PUTs to existing logs at an even rate, and how long it takes until the logs are listed with their new size.

Python may make this load: what counts is that it comes evenly, and 500 a second are a fraction of what it can send.
"""

import json
import threading
import time
from collections.abc import Sequence
from http.client import HTTPConnection
from itertools import count
from typing import Any

from attrs import define, field, frozen
from fleet.crowd import running
from lab import Lab

#: connections that send
SENDERS = 4
#: every so manieth PUT is looked for in the list
SAMPLE = 25
#: seconds between two looks at all that are looked for
LOOK_SECONDS = 0.005
CHUNK = b"[   12.345678] usb 1-1: new high-speed USB device number 2\n" * 10


@frozen
class Paced:
    """How it went."""

    #: PUTs a second
    rate: float
    #: milliseconds from the answer to a PUT to the list that has its size, in order
    listed: Sequence[float]


@define
class _Log:
    #: below `/recipes/`
    path: str
    recipe: int
    key: str
    size: int = 0


@define
class Pace:
    """Logs of a lab that grow."""

    lab: Lab
    logs: list[_Log] = field(factory=list)
    #: sampled logs that are not listed yet: their size, and when the answer came
    _awaited: dict[int, tuple[int, float]] = field(factory=dict)
    _listed: list[float] = field(factory=list)
    _numbers: "count[int]" = field(factory=count)
    _sent: list[int] = field(factory=list)
    _end: float = 0.0

    def prepare(self, recipes: int, each: int) -> None:
        """Let so many recipes run, with so many logs each."""
        connection = self.lab.connect(60)
        for number in range(recipes):
            recipe = running(self.lab, f"paced-{number}")
            for name in range(each):
                path = f"{recipe['id']}/tasks/{recipe['tasks'][0]['id']}/logs/paced-{name}.log"
                self.logs.append(_Log(path, recipe["id"], recipe["key"]))
                _put(connection, self.logs[-1], 201)
        connection.close()

    def run(self, rate: int, seconds: float) -> Paced:
        """Send so many chunks a second for so long, and wait until all that is looked for is listed."""
        began = time.monotonic()
        self._end = began + seconds
        senders = [threading.Thread(target=self._send, args=(place, rate)) for place in range(SENDERS)]
        looking = threading.Thread(target=self._look, args=(senders,))
        for thread in (*senders, looking):
            thread.start()
        for thread in senders:
            thread.join()
        took = time.monotonic() - began
        looking.join()
        assert len(self._sent) == SENDERS, "a PUT was refused"
        assert not self._awaited, "not listed within 30 s"
        return Paced(sum(self._sent) / took, sorted(self._listed))

    def _send(self, place: int, rate: int) -> None:
        """Send a share of the chunks: each sender has logs of its own, and its turn at even times."""
        mine = self.logs[place::SENDERS]
        connection = self.lab.connect(60)
        due = time.monotonic() + place / rate
        for number in count():
            due += SENDERS / rate
            time.sleep(max(0.0, due - time.monotonic()))
            if time.monotonic() > self._end:
                self._sent.append(number)
                connection.close()
                return
            turn = number % len(mine)
            _put(connection, mine[turn], 204)
            which = place + turn * SENDERS
            if next(self._numbers) % SAMPLE == 0 and which not in self._awaited:
                self._awaited[which] = (mine[turn].size, time.monotonic())

    def _look(self, senders: Sequence[threading.Thread]) -> None:
        connection = self.lab.connect(60)
        while any(sender.is_alive() for sender in senders) or (self._awaited and time.monotonic() < self._end + 30):
            time.sleep(LOOK_SECONDS)
            for which, (size, since) in list(self._awaited.items()):
                if _listed_size(connection, self.logs[which]) >= size:
                    self._listed.append((time.monotonic() - since) * 1000)
                    del self._awaited[which]
        connection.close()


def _put(connection: HTTPConnection, log: _Log, expected: int) -> None:
    """Append a chunk to a log."""
    span = f"bytes {log.size}-{log.size + len(CHUNK) - 1}/*"
    headers = {"Authorization": f"Bearer {log.key}", "Content-Range": span}
    connection.request("PUT", f"/recipes/{log.path}", CHUNK, headers)
    response = connection.getresponse()
    response.read()
    assert response.status == expected, response.status
    log.size += len(CHUNK)


def _listed_size(connection: HTTPConnection, log: _Log) -> int:
    """Return a log's size as its recipe's list has it: the one behind its name without the last letter."""
    behind = log.path.partition("/")[2][:-1]
    url = f"/recipes/{log.recipe}/log-index?limit=1&after={behind}"
    connection.request("GET", url, headers={"Authorization": f"Bearer {log.key}"})
    response = connection.getresponse()
    found: Any = json.loads(response.read())
    assert response.status == 200, found
    return int(found["logs"][0]["size"])

"""What 500 recipes that wait in sync cost the others: rates without and with them, side by side, through Apache.

`make bench` runs it. One Tackroom, one set of 501 recipes; each round measures every kind of call for a while without
waiters, then while 500 recipes wait for the last, which then arrives: every waiter must be answered. Compared are the
medians over the rounds; the exit status is 1 when a ratio is below the bar.
"""

import asyncio
import http.client
import json
import statistics
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import define, frozen
from lab import Lab, running_lab
from waiting import until

WAITERS = 500
ROUNDS = 5
SECONDS = 1.5
#: connections that make calls at the same time
CALLERS = 4
#: design.md section 6 and issue 3: the others keep this part of their speed
BAR = 0.8

CHUNK = b"x" * 4096


@frozen
class Recipe:
    """A recipe and its key."""

    id: int
    task: int
    key: str


@define
class Waiters:
    """Recipes that wait for a state, each on a connection of its own, in a thread with an event loop."""

    lab: Lab
    recipes: list[Recipe]
    state: str
    reached: int = 0
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Let all begin to wait; returns when the controller says that all do."""
        self._thread = threading.Thread(target=asyncio.run, args=(self._all(),))
        self._thread.start()
        until(lambda: self._waiting() == len(self.recipes), "all wait", 120)

    def join(self) -> None:
        """Wait until all are answered."""
        if self._thread is not None:
            self._thread.join()

    def _waiting(self) -> int:
        states = self.lab.call("GET", f"/recipes/{self.recipes[0].id}/sync/").json["states"]
        return sum(one["waiting"] for state in states if state["state"] == self.state for one in state["recipes"])

    async def _all(self) -> None:
        await asyncio.gather(*(self._one(recipe) for recipe in self.recipes))

    async def _one(self, recipe: Recipe) -> None:
        path = f"/recipes/{recipe.id}/sync/{self.state}"
        await self._call("PUT", path, recipe)
        status, body = await self._call("GET", f"{path}?timeout=300", recipe)
        self.reached += status == 200 and json.loads(body)["reached"]

    async def _call(self, method: str, path: str, recipe: Recipe) -> tuple[int, bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.lab.port)
        head = f"Host: lab\r\nAuthorization: Bearer {recipe.key}\r\nConnection: close\r\nContent-Length: 0\r\n"
        writer.write(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode())
        try:
            return await _answer(reader)
        finally:
            writer.close()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = 0
    for line in head.split("\r\n"):
        name, _, value = line.partition(":")
        if name == "content-length":
            length = int(value)
    return int(head.split()[1]), await reader.readexactly(length)


def set_up(lab: Lab) -> tuple[list[Recipe], Recipe, Recipe]:
    """Make the recipes that wait, and the two that make the other calls."""
    names = [f"s{number}" for number in range(WAITERS + 3)]
    for name in names:
        lab.post("/systems/", {"name": name})
    everyone = [{"system": name, "tasks": [{"name": "t"}]} for name in names]
    made = []
    for recipes in (everyone[2:], everyone[:1], everyone[1:2]):
        job = lab.post("/jobs/", {"recipe_sets": [{"recipes": recipes}]})
        made.append([_recipe(lab, recipe) for recipe in job["recipe_sets"][0]["recipes"]])
    return made[0], made[1][0], made[2][0]


def _recipe(lab: Lab, value: dict[str, Any]) -> Recipe:
    return Recipe(value["id"], value["tasks"][0]["id"], lab.post(f"/recipes/{value['id']}/key", {})["key"])


def kinds(recipe: Recipe, reporting: Recipe) -> dict[str, Callable[[http.client.HTTPConnection], int]]:
    """Return what is measured, by name: one call on a connection, which returns the status."""
    base, key = f"/recipes/{recipe.id}/", {"Authorization": f"Bearer {recipe.key}"}
    form = {**key, "Content-Type": "application/x-www-form-urlencoded"}
    chunk = {**key, "Content-Range": f"bytes 0-{len(CHUNK) - 1}/*"}
    log = f"{base}tasks/{recipe.task}/logs/taskout.log"

    def call(method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Callable[..., int]:
        def made(connection: http.client.HTTPConnection) -> int:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            response.read()
            return response.status

        return made

    return {
        "PUT 4 KiB": call("PUT", log, CHUNK, chunk),
        "GET recipe": call("GET", base, None, key),
        "POST watchdog": call("POST", f"{base}watchdog", b"seconds=3600", form),
        # of another recipe: a document tells all results
        "POST result": call(
            "POST",
            f"/recipes/{reporting.id}/tasks/{reporting.task}/results/",
            b"result=Pass&path=/a",
            {**form, "Authorization": f"Bearer {reporting.key}"},
        ),
    }


def rate(lab: Lab, call: Callable[[http.client.HTTPConnection], int]) -> float:
    """Return how many calls a second `CALLERS` connections make, each one after the other."""
    counts = [0] * CALLERS
    end = time.monotonic() + SECONDS

    def work(place: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", lab.port, timeout=60)
        while time.monotonic() < end:
            status = call(connection)
            assert status < 300, status
            counts[place] += 1
        connection.close()

    begun = time.monotonic()
    workers = [threading.Thread(target=work, args=(place,)) for place in range(CALLERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(counts) / (time.monotonic() - begun)


def resident(lab: Lab) -> float:
    """Return the memory of the web's processes together, in MiB."""
    total = 0
    for pid in lab.pids("gunicorn"):
        with Path(f"/proc/{pid}/status").open() as file:
            total += sum(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))
    return total / 1024


def main() -> int:
    """Measure, print the table, and return the exit status."""
    with running_lab("apache", TACKROOM_MAX_RESULTS="0") as lab:
        crowd, single, reporting = set_up(lab)
        last = crowd.pop()
        calls = kinds(single, reporting)
        rates: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in calls}
        for number in range(ROUNDS):
            for name, call in calls.items():
                rates[name][0].append(rate(lab, call))
            waiters = Waiters(lab, crowd, f"round-{number}")
            waiters.start()
            for name, call in calls.items():
                rates[name][1].append(rate(lab, call))
            memory = resident(lab)
            begun = time.monotonic()
            lab.call("PUT", f"/recipes/{last.id}/sync/round-{number}", key=last.key)
            waiters.join()
            woken = time.monotonic() - begun
            assert waiters.reached == WAITERS, waiters.reached
        print(f"{WAITERS} recipes wait in sync; calls a second, {CALLERS} callers, median of {ROUNDS} rounds")
        print(f"{'':16}{'alone':>10}{'with them':>12}{'ratio':>8}")
        ratios = []
        for name, (alone, beside) in rates.items():
            ratios.append(statistics.median(beside) / statistics.median(alone))
            print(f"{name:16}{statistics.median(alone):10.0f}{statistics.median(beside):12.0f}{ratios[-1]:8.2f}")
        print(f"all were answered {woken:.1f} s after the last arrived; gunicorn's processes have {memory:.0f} MiB")
    return int(min(ratios) < BAR)


if __name__ == "__main__":
    sys.exit(main())

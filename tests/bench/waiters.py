"""What 500 recipes that wait in sync cost the others: rates with them / without, through Apache.

One Tackroom, one set of 501 recipes; each round measures every kind of call for a while without waiters, then while 500
recipes wait for the last, which then arrives: every waiter must be answered. Compared are the medians over the rounds.
"""

import asyncio
import json
import statistics
import threading
import time
from collections.abc import Iterator
from typing import Any

from attrs import define, frozen
from figure import Figure
from lab import Lab, running_lab
from load import wrk
from sampling import Sampler, of_lab
from scale import Scale
from waiting import until

WAITERS = 500
ROUNDS = 5
SECONDS = 1.5
#: connections that make calls at the same time
CALLERS = 4
#: design.md section 6 and issue 3: the others keep this part of their speed
BAR = 0.8


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


def set_up(lab: Lab, waiting: int) -> tuple[list[Recipe], Recipe, Recipe]:
    """Make the recipes that wait, and the two that make the other calls."""
    names = [f"s{number}" for number in range(waiting + 3)]
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


def kinds(lab: Lab, recipe: Recipe, reporting: Recipe) -> dict[str, tuple[str, str, tuple[str, ...]]]:
    """Return what is measured, by name: a script of lua/, a path, and what the script is told."""
    base, key = f"/recipes/{recipe.id}/", f"Bearer {recipe.key}"
    for number in range(CALLERS):
        first = lab.call("PUT", f"{base}tasks/{recipe.task}/logs/{number}", b"\n", key=recipe.key)
        assert first.status == 201, first
    # of another recipe: a document tells all results
    results = f"/recipes/{reporting.id}/tasks/{reporting.task}/results/"
    return {
        "PUT 4 KiB": ("put", f"{base}tasks/{recipe.task}/logs/", ("4096", "256", key)),
        "GET recipe": ("get", base, (key,)),
        "POST watchdog": ("post", f"{base}watchdog", (key, "seconds=3600")),
        "POST result": ("post", results, (f"Bearer {reporting.key}", "result=Pass&path=/a")),
    }


def measure(scale: Scale) -> Iterator[Figure]:
    """Measure round by round."""
    seconds, waiting = scale.of(SECONDS, 0.2), scale.of(WAITERS, 10)
    with running_lab("apache", TACKROOM_MAX_RESULTS="0") as lab:
        crowd, single, reporting = set_up(lab, waiting)
        last = crowd.pop()
        calls = kinds(lab, single, reporting)

        def rate(name: str) -> float:
            script, path, words = calls[name]
            load = wrk(lab.url + path, script, CALLERS, seconds, *words, threads=CALLERS)
            assert not load.refused, (name, load)
            return load.rate

        rates: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in calls}
        sampler = Sampler(of_lab(lab))
        for number in range(scale.of(ROUNDS, 1)):
            for name in calls:
                rates[name][0].append(rate(name))
            waiters = Waiters(lab, crowd, f"round-{number}")
            waiters.start()
            with sampler:
                for name in calls:
                    rates[name][1].append(rate(name))
            begun = time.monotonic()
            lab.call("PUT", f"/recipes/{last.id}/sync/round-{number}", key=last.key)
            waiters.join()
            woken = time.monotonic() - begun
            assert waiters.reached == waiting, waiters.reached
    for name, (alone, beside) in rates.items():
        found = statistics.median(beside), statistics.median(alone)
        yield Figure(f"{name}: with {waiting} waiters / without", *found, bar=BAR, unit="/s")
    yield Figure(f"{waiting} waiters: all answered after the last came", woken, more=False, unit="s")
    yield Figure(f"{waiting} waiters: gunicorn's processes", sampler.used["gunicorn"].shared, more=False, unit="MiB")

"""Very many tiny logs, spread over as many recipes as their limits ask for."""

import time
from collections.abc import Iterator
from typing import Any

from attrs import frozen
from flood import Tiny, flood
from lab import Lab

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
#: logs of one recipe: below `max_logs`
EACH = 5000
CONNECTIONS = 20
#: until all are indexed
INDEX_SECONDS = 3600.0


@frozen
class Crowd:
    """What became of them."""

    sent: float
    #: seconds until the last was indexed, from the end of sending
    indexed: float
    statuses: dict[int, int]
    #: logs that are listed as finished
    finished: int


def upload(lab: Lab, count: int, seconds: float) -> Crowd:
    """Send so many logs as fast as they are taken, for at most so long; wait until they are indexed."""
    recipes = [running(lab, f"tiny-{number}") for number in range(-(-count // EACH))]
    end = time.monotonic() + seconds

    def logs() -> Iterator[Tiny]:
        for number in range(count):
            # one recipe after the other, as harnesses would: side by side
            recipe = recipes[number % len(recipes)]
            task = recipe["tasks"][0]["id"]
            path = f"/recipes/{recipe['id']}/tasks/{task}/logs/tiny-{number}.log"
            if time.monotonic() > end:
                return
            yield Tiny(path, recipe["key"], f"tiny log {number}\n".encode())

    flooded = flood(lab.port, logs(), CONNECTIONS)
    begun = time.monotonic()
    for recipe in recipes:
        path = f"/recipes/{recipe['id']}/tasks/{recipe['tasks'][0]['id']}/status"
        assert lab.call("POST", path, b"status=Completed", FORM, recipe["key"]).status == 204
    finished = sum(_finished(lab, recipe, begun + INDEX_SECONDS) for recipe in recipes)
    return Crowd(flooded.seconds, time.monotonic() - begun, flooded.statuses, finished)


def running(lab: Lab, system: str) -> Any:
    """Let a recipe of one task run on a system that is made for it, and return it."""
    lab.job({"name": "tiny", "command": ["true"]}, system=system)
    recipe = lab.claim(system)
    path = f"/recipes/{recipe['id']}/tasks/{recipe['tasks'][0]['id']}/status"
    assert lab.call("POST", path, b"status=Running", FORM, recipe["key"]).status == 204
    return recipe


def _finished(lab: Lab, recipe: Any, end: float) -> int:
    """Wait until all logs of a recipe are finished, and return how many there are."""
    path = f"/recipes/{recipe['id']}/log-index"
    while lab.call("GET", f"{path}?state=growing&limit=1").json["logs"]:
        assert time.monotonic() < end, f"recipe {recipe['id']} is not indexed"
        time.sleep(0.5)
    count, following = 0, f"{path}?limit=1000"
    while following:
        page = lab.call("GET", following).json
        count += sum(log["state"] == "finished" for log in page["logs"])
        following = page["next"] and path + page["next"][page["next"].index("?") :]
    return count

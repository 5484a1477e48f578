"""One log of many gigabytes, sent in the largest ranges there may be."""

import hashlib
import time
from typing import Any

from attrs import frozen
from fleet.content import LINE, content
from lab import Lab
from waiting import until

CHUNK = 10 << 20
INDEX_SECONDS = 1800.0
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@frozen
class Giant:
    """What became of it."""

    #: seconds that sending took, and until it was read
    sent: float
    indexed: float
    #: whether it is listed as finished with the size and the digest that it must have
    right: bool
    #: which job, where it is served, and what it must be
    job: int
    path: str
    sha256: str


def upload(lab: Lab, size: int) -> Giant:
    """Send a log of so many bytes through the front door, and wait until it is indexed."""
    job = lab.job({"name": "giant", "command": ["true"]}, system="giant")
    recipe = lab.claim("giant")
    task = f"/recipes/{recipe['id']}/tasks/{recipe['tasks'][0]['id']}"
    assert lab.call("POST", f"{task}/status", b"status=Running", FORM, recipe["key"]).status == 204
    begun = time.monotonic()
    where = job["id"], f"{task}/logs/taskout.log"
    digest = _send(lab, where[1], recipe["key"], size)
    sent = time.monotonic() - begun
    assert lab.call("POST", f"{task}/status", b"status=Completed", FORM, recipe["key"]).status == 204
    begun = time.monotonic()
    log = until(lambda: _finished(lab, job["recipe_sets"][0]["recipes"][0]["id"]), "the giant's index", INDEX_SECONDS)
    return Giant(sent, time.monotonic() - begun, (log["size"], log["sha256"]) == (size, digest), *where, digest)


def _send(lab: Lab, path: str, key: str, size: int) -> str:
    digest = hashlib.sha256()
    block = content("giant", LINE, CHUNK)
    connection = lab.connect(60)
    for first in range(0, size, CHUNK):
        # each chunk begins with a line of its own
        body = (content(f"giant {first}", 0, LINE) + block)[: min(CHUNK, size - first)]
        digest.update(body)
        span = f"bytes {first}-{first + len(body) - 1}/*"
        connection.request("PUT", path, body, {"Authorization": f"Bearer {key}", "Content-Range": span})
        response = connection.getresponse()
        response.read()
        assert response.status in (201, 204), response.status
    connection.close()
    return digest.hexdigest()


def _finished(lab: Lab, recipe: int) -> Any:
    logs = lab.call("GET", f"/recipes/{recipe}/log-index").json["logs"]
    return next((log for log in logs if log["state"] == "finished"), None)

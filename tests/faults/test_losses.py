"""The four losses that were measured with httpd and mod_dav_fs alone, and that must not happen here."""

import itertools
import socket
from typing import Any

import pytest
from lab import Lab
from uploads import half_upload
from waiting import until

BODY = bytes(range(256)) * 1600
NUMBERS = itertools.count()
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def start(lab: Lab) -> tuple[Any, str, str]:
    """Bring a recipe to its first task running; return the recipe, its key and the task's URL path."""
    system = f"system-{next(NUMBERS)}"
    lab.job({"name": "one", "command": ["true"]}, system=system)
    recipe = lab.claim(system)
    task = f"/recipes/{recipe['id']}/tasks/{recipe['tasks'][0]['id']}"
    assert lab.call("POST", f"{task}/status", b"status=Running", FORM, recipe["key"]).status == 204
    return recipe, recipe["key"], task


def log_of(lab: Lab, recipe: int, path: str) -> Any:
    """Return what is listed of a log, or None."""
    logs = lab.call("GET", f"/recipes/{recipe}/log-index").json["logs"]
    return next((log for log in logs if log["path"] == path), None)


@pytest.mark.parametrize("content_range", [f"bytes 0-{len(BODY) - 1}/*", None], ids=["range", "whole"])
def test_a_stalled_first_put_does_not_take_its_acknowledged_retry_with_it(lab: Lab, content_range: str | None) -> None:
    """The client times out, repeats the PUT on a new connection and is told 2xx; then the first connection dies."""
    _, key, task = start(lab)
    path = f"{task}/logs/first.log"
    with half_upload(lab, path, key, len(BODY), content_range) as stalled:
        stalled.send(BODY[:1000])
        headers = {} if content_range is None else {"Content-Range": content_range}
        assert lab.call("PUT", path, BODY, headers, key).status in (201, 204)
        stalled.die()
    again = lab.call("PUT", f"{task}/logs/other.log", b"x", None, key)
    assert again.status == 201
    assert lab.call("GET", path).body == BODY
    # and the log goes on growing
    more = {"Content-Range": f"bytes {len(BODY)}-{len(BODY) + 3}/*"}
    assert lab.call("PUT", path, b"more", more, key).status == 204
    assert lab.call("GET", path).body == BODY + b"more"


def test_a_stalled_whole_put_that_comes_late_does_not_replace_its_retry(lab: Lab) -> None:
    """Its client is gone, but what it sent is complete in our buffers: it is told to try again, and nobody hears it."""
    _, key, task = start(lab)
    path = f"{task}/logs/first.log"
    with half_upload(lab, path, key, len(BODY)) as stalled:
        stalled.send(BODY[:-1])
        # the first bytes have arrived
        until(lambda: list((lab.data / "logs" / path.strip("/")).parent.glob(".davfs.tmp*")), "the temporary file")
        assert lab.call("PUT", path, BODY + b"longer", None, key).status == 201
        stalled.send(BODY[-1:])
        assert stalled.status() == 503
    assert lab.call("GET", path).body == BODY + b"longer"


@pytest.mark.parametrize("ranged", [True, False], ids=["range", "whole"])
@pytest.mark.parametrize("existing", [True, False], ids=["existing", "new"])
def test_a_put_in_flight_when_its_task_closes_is_never_indexed_half(lab: Lab, existing: bool, ranged: bool) -> None:
    """The log is indexed when the PUT has ended, with all its bytes."""
    recipe, key, task = start(lab)
    name = "taskout.log" if existing else "mine.log"
    path = f"{task}/logs/{name}"
    with half_upload(lab, path, key, len(BODY), f"bytes 0-{len(BODY) - 1}/*" if ranged else None) as upload:
        # more than httpd and gunicorn keep before they pass it on
        upload.send(BODY[:300000])
        directory = (lab.data / "logs" / path.strip("/")).parent
        until(lambda: any(file.stat().st_size > 0 for file in directory.iterdir()), "the first bytes on disk")
        # a temporary file holds up its whole directory: the neighbour lies in another
        location = lab.call("POST", f"{task}/results/", b"result=Pass", FORM, key).headers["Location"]
        beside = f"{task}/results/{location}/logs/quick.log"
        assert lab.call("PUT", beside, b"done\n", None, key).status == 201
        assert lab.call("POST", f"{task}/status", b"status=Completed", FORM, key).status == 204
        # the neighbour is indexed, so the indexer has been here
        below = beside.split("/", 3)[3]
        until(lambda: (log_of(lab, recipe["id"], below) or {}).get("state") == "finished", "the neighbour")
        listed = task.split("/", 3)[3] + "/logs/"
        growing = log_of(lab, recipe["id"], f"{listed}{name}")
        assert growing is None or growing["state"] == "growing"
        assert not lab.call("GET", f"/jobs/{recipe['job']}").json["settled"]
        upload.send(BODY[300000:])
        assert upload.status() in (201, 204)
    lab.settled(recipe["job"])
    log = log_of(lab, recipe["id"], f"{listed}{name}")
    assert (log["state"], log["size"]) == ("finished", len(BODY))
    # whoever comes later is refused
    assert lab.call("PUT", path, b"late", {"Content-Range": "bytes 0-3/*"}, key).status == 409
    assert lab.call("GET", path).body == BODY


def test_a_put_without_length_does_not_truncate(lab: Lab) -> None:
    """mod_dav_fs alone answers 201 and empties the log."""
    _, key, task = start(lab)
    path = f"{task}/logs/kept.log"
    assert lab.call("PUT", path, BODY, None, key).status == 201
    for framing in ("", "Transfer-Encoding: chunked\r\n"):
        with socket.create_connection(("127.0.0.1", lab.port), timeout=30) as connection:
            head = (
                f"PUT {path} HTTP/1.1\r\nHost: lab\r\nAuthorization: Bearer {key}\r\n{framing}Connection: close\r\n\r\n"
            )
            connection.sendall(head.encode() + (b"1\r\nx\r\n0\r\n\r\n" if framing else b""))
            with connection.makefile("rb") as stream:
                assert stream.readline().split()[1] == b"411"
    assert lab.call("GET", path).body == BODY


@pytest.mark.parametrize("lab", ["apache"], indirect=True)
def test_what_one_plane_makes_the_other_can_write(lab: Lab) -> None:
    """Application and httpd make, append to and replace each other's files, in directories that either made."""
    recipe, key, task = start(lab)
    result = lab.call("POST", f"{task}/results/", b"result=Pass", FORM, key).headers["Location"]
    owners = (f"/recipes/{recipe['id']}", task, f"{task}/results/{result}")
    for owner in owners:
        for name in ("plain.log", "sub/dir/deep.log"):
            path = f"{owner}/logs/{name}"
            assert lab.call("PUT", path, b"appl", None, key).status == 201
            assert lab.call("PUT", path, b"httpd", {"Content-Range": "bytes 4-8/*"}, key).status == 204
            assert lab.call("GET", path).body == b"applhttpd"
            assert lab.call("PUT", path, b"replaced by httpd", None, key).status == 204
            assert lab.call("PUT", path, b"!", {"Content-Range": "bytes 17-17/18"}, key).status == 204
            assert lab.call("GET", path).body == b"replaced by httpd!"
            # beside what httpd made by rename
            assert lab.call("PUT", f"{path}.2", b"second", None, key).status == 201
    owners_on_disk = {file.stat().st_uid for file in (lab.data / "logs").rglob("*")}
    assert len(owners_on_disk) == 1
    modes = {file.stat().st_mode & 0o777 for file in (lab.data / "logs").rglob("*") if file.is_file()}
    assert modes == {0o640}
    assert lab.call("POST", f"{task}/status", b"status=Completed", FORM, key).status == 204
    lab.settled(recipe["job"])

"""Forms, read as Go reads them: jobs-contest.md 1.1 and 1.2."""

import json
import time
from typing import TYPE_CHECKING
from urllib.parse import quote_plus, urlencode

import pytest

if TYPE_CHECKING:
    from tests.protocols.contest.conftest import Contest

URLENCODED = "application/x-www-form-urlencoded"
EMPTY = "job ID cannot be empty"

#: a body of `retry`, the JobID that it is understood as; None: no fields
BODIES = [
    (b"requestor=admin&jobID=5", 5),
    (b"jobID=5&jobID=6&requestor=admin&requestor=bob", 5),
    (b"jobID=&jobID=6&requestor=admin", None),
    (b"requestor=admin&jobID=%zz&jobID=6", 6),
    (b"requestor=admin&jobID=5;&jobID=6", 6),
    (b"requestor=admin&jobID=5;jobID=6", None),
    (b"requestor=admin&job%zzID=5&jobID=6", 6),
    (b"requestor=admin&jobID=%&jobID=%3&jobID=%%36&jobID=%\n&jobID=%\r\n6&jobID=6", 6),
    (b"requestor=admin&jobID=%36", 6),
    (b"requestor=admin&%6aob%49D=6", 6),
    (b"%72equestor=a%64min&jobID=%2B7", 7),
    (b"&&=&=5&requestor=admin&&jobID=7&", 7),
    (b"requestor=admin&jobid=5", None),
    (b"requestor=admin&jobID", None),
    (b"requestor=admin&" + b"x&" * 2000 + b"jobID=5", None),
    (b"", None),
]


def part(name: str, value: str, more: str = "") -> str:
    """Return a part of a multipart body."""
    return f'--B\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n'


MULTIPART = [
    (part("requestor", "admin") + part("jobID", "5") + "--B--\r\n", 5),
    (part("jobID", "5") + part("jobID", "6") + part("requestor", "admin") + "--B--\r\n", 5),
    (part("requestor", "admin") + part("jobID", "6", '; filename="f"') + part("jobID", "5") + "--B--\r\n", 5),
    (part("requestor", "admin") + part("jobID", "6", '; filename=""') + "--B--\r\n", 6),
    (part("requestor", "admin") + part("jobID", "5"), None),
    ("no parts at all", None),
    ("--B\r\nnonsense\r\n\r\n", None),
    ("", None),
]


def understood(contest: "Contest", body: bytes, content_type: str) -> int | None:
    """Return the job that a retry is understood to be about."""
    headers = {**contest.admin, "Content-Type": content_type}
    answer = contest.web.post("/contest/retry", body, headers=headers, status="*")
    value = json.loads(answer.body)
    if answer.status_int == 400:
        assert value == {"Msg": f"Retry failed: {EMPTY}"}
        return None
    return int(value["Data"]["JobID"])


@pytest.mark.parametrize(("body", "job"), BODIES)
def test_06_urlencoded(empty: "Contest", body: bytes, job: int | None) -> None:
    """The first value wins, a malformed pair is dropped and the rest survives."""
    for content_type in (URLENCODED, f"{URLENCODED}; charset=utf-8", f" {URLENCODED.upper()} ;x"):
        assert understood(empty, body, content_type) == job


@pytest.mark.parametrize(("body", "job"), MULTIPART)
def test_06_multipart(empty: "Contest", body: str, job: int | None) -> None:
    """Parts are fields, files are none; what is no whole document has no fields."""
    assert understood(empty, body.encode(), "multipart/form-data; boundary=B") == job
    assert understood(empty, body.encode(), "multipart/form-data") is None
    assert understood(empty, body.encode(), "multipart/mixed; boundary=B") is None


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "x", "application/x-www-form-urlencodedx"])
def test_06_other_types(empty: "Contest", content_type: str) -> None:
    """Of another type a body has no fields."""
    assert understood(empty, b"requestor=admin&jobID=5", content_type) is None
    assert understood(empty, b'{"requestor":"admin","jobID":"5"}', content_type) is None


def test_06_the_query_does_not_count(empty: "Contest") -> None:
    """Values of the query are not looked at."""
    headers = {**empty.admin, "Content-Type": URLENCODED}
    answer = empty.web.post("/contest/retry?jobID=5&requestor=admin", b"", headers=headers, status=400)
    assert EMPTY in answer.body.decode()
    both = empty.web.post("/contest/retry?jobID=5", b"jobID=6&requestor=admin", headers=headers, status=200)
    assert json.loads(both.body)["Data"]["JobID"] == 6


@pytest.mark.parametrize("size", [33, 32])
def test_07_lengths_are_bytes(empty: "Contest", size: int) -> None:
    """What is no UTF-8 counts byte by byte, and is told as Go tells it."""
    body = b"jobID=5&requestor=" + b"%ff" * size
    headers = {**empty.admin, "Content-Type": URLENCODED}
    said = json.loads(empty.web.post("/contest/retry", body, headers=headers, status=400).body)["Msg"]
    if size == 33:
        assert said == "Retry failed: Requestor name is too long: 33 > 32"
    else:
        assert said == 'Retry failed: requestor "' + "\\xff" * 32 + '" is not the token\'s user "admin"'


def test_a_body_that_is_too_long_has_no_fields(empty: "Contest") -> None:
    """A form above the limit is answered as one without fields."""
    headers = {**empty.admin, "Content-Type": URLENCODED}
    body = b"requestor=admin&jobDesc=" + b"x" * 11_000_000
    assert (
        empty.web.post("/contest/start", body, headers=headers, status=400).body == b'{"Msg":"Missing job description"}'
    )


#: bodies of nearly 10 MiB that cost a reader much: what they are, and the answer's beginning
LARGE = {
    "escapes": (
        b"jobDesc=" + b"%20" * 3_400_000 + b"&requestor=admin",
        '{"ServerID":"lab1","Type":"ResponseTypeStart"',
    ),
    "equals signs": (b"jobDesc=" + b"=" * 10_000_000 + b"&requestor=admin", '{"ServerID":"lab1"'),
    "broken escapes": (b"jobDesc=" + b"%" * 10_000_000 + b"&requestor=admin", '{"Msg":"Missing job description"}'),
    "pairs": (b"&" * 10_000_000, '{"Msg":"Missing job description"}'),
    "repeated names": (b"jobDesc=1&" * 1_000_000, '{"Msg":"Missing job description"}'),
    "quotes": (f"requestor=admin&jobDesc={quote_plus(chr(34)) * 3_000_000}".encode(), '{"ServerID":"lab1"'),
}


@pytest.mark.parametrize("kind", LARGE)
def test_large_bodies_cost_little(empty: "Contest", kind: str) -> None:
    """A body of 10 MiB is read in a moment, whatever it is made of."""
    body, said = LARGE[kind]
    headers = {**empty.admin, "Content-Type": URLENCODED}
    before = time.process_time()
    answer = empty.web.post("/contest/start", body, headers=headers, status="*")
    spent = time.process_time() - before
    assert answer.body.decode().startswith(said)
    assert spent < 1.0


#: verb, field, value of megabytes, status
REPEATED = [
    ("status", "jobID", "x" * 9_000_000, 400),
    ("status", "jobID", "0" * 9_000_000, 200),
    ("status", "jobID", "9" * 9_000_000, 400),
    ("status", "requestor", "x" * 9_000_000, 400),
    ("list", "states", "x," * 4_000_000, 400),
    ("list", "states", "JobStateStarted," * 600_000, 400),
    ("list", "tags", "x" * 9_000_000, 200),
    ("list", "tags", ",".join(map(str, range(1_000_000))), 200),
]


@pytest.mark.parametrize(("verb", "name", "value", "status"), REPEATED, ids=range(len(REPEATED)))
def test_large_values_are_refused_shortly(empty: "Contest", verb: str, name: str, value: str, status: int) -> None:
    """A value of megabytes is not repeated to whoever sent it, and costs little."""
    body = urlencode({"requestor": "admin", "jobID": "1"} | {name: value}).encode()
    headers = {**empty.admin, "Content-Type": URLENCODED}
    before = time.process_time()
    answer = empty.web.post(f"/contest/{verb}", body, headers=headers, status=status)
    assert time.process_time() - before < 1.0
    assert len(answer.body) < 10_000

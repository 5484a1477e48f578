"""Too much of everything: answered quickly, with what it was, and in bounded memory."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cast import Cast, Running
from exchange import exchange
from lab import Lab

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
#: seconds, on a busy machine
QUICK = 15
#: MiB of a gunicorn worker at most, whatever it was sent
MEMORY = 400


@pytest.fixture(scope="module")
def running(cast: Cast) -> Running:
    """A recipe whose harness is at work."""
    return cast.running()


def memory(lab: Lab) -> int:
    """Return the most MiB that one of gunicorn's processes has had."""
    texts = [Path(f"/proc/{pid}/status").read_text() for pid in lab.pids("gunicorn")]
    return max(int(found[1]) for text in texts if (found := re.search(r"VmHWM:\s+(\d+)", text))) // 1024


HEADS: dict[str, tuple[Callable[[], bytes], tuple[int, ...]]] = {
    "a request line within the limit": (
        lambda: b"GET /jobs/?owner=" + b"a" * 4000 + b" HTTP/1.1\r\nHost: lab\r\n\r\n",
        (200,),
    ),
    "a longer one": (lambda: b"GET /jobs/?owner=" + b"a" * 5000 + b" HTTP/1.1\r\nHost: lab\r\n\r\n", (414,)),
    "one without end": (lambda: b"GET /" + b"a" * 5_000_000, (414,)),
    "100,000 parameters": (lambda: b"GET /jobs/?" + b"a&" * 100_000 + b" HTTP/1.1\r\nHost: lab\r\n\r\n", (414,)),
    "2,000 parameters": (lambda: b"GET /jobs/?" + b"a&" * 2000 + b" HTTP/1.1\r\nHost: lab\r\n\r\n", (200,)),
    "a deep path": (lambda: b"GET /" + b"a/" * 2000 + b" HTTP/1.1\r\nHost: lab\r\n\r\n", (404,)),
    "a method without end": (lambda: b"A" * 5000 + b" / HTTP/1.1\r\nHost: lab\r\n\r\n", (400, 414, 501)),
    "as many headers as there may be": (lambda: _headers(b"X", 63, 10), (200,)),
    "one more": (lambda: _headers(b"X", 64, 10), (400, 431)),
    "10,000 headers": (lambda: _headers(b"X", 10_000, 10), (400, 431)),
    "all headers as long as they may be": (lambda: _headers(b"X", 60, 8000), (200,)),
    "a longer header": (lambda: _headers(b"X", 1, 9000), (400, 431)),
    "a header without end": (lambda: _headers(b"X", 1, 5_000_000), (400, 431)),
    "a large cookie": (lambda: _headers(b"Cookie", 1, 8000), (200,)),
    "large credentials": (lambda: _headers(b"Authorization", 1, 8000), (200,)),
    "a large condition": (lambda: _headers(b"If-None-Match", 1, 8000), (200,)),
    "a declared body": (lambda: _post(b"Content-Length: 10485761\r\n"), (413,)),
    "a huge one": (lambda: _post(b"Content-Length: 9223372036854775807\r\n"), (413,)),
    "a chunked body": (
        lambda: (
            _post(b"Transfer-Encoding: chunked\r\n") + (b"100000\r\n" + b"x" * 0x100000 + b"\r\n") * 11 + b"0\r\n\r\n"
        ),
        (413,),
    ),
}


def _headers(name: bytes, count: int, length: int) -> bytes:
    lines = b"".join(b"%s%s: %s\r\n" % (name, b"%d" % n if count > 1 else b"", b"y" * length) for n in range(count))
    return b"GET /livez HTTP/1.1\r\nHost: lab\r\n" + lines + b"\r\n"


def _post(framing: bytes) -> bytes:
    return b"POST /jobs/ HTTP/1.1\r\nHost: lab\r\nContent-Type: application/json\r\n" + framing + b"\r\n"


@pytest.mark.parametrize("what", HEADS)
def test_large_requests(lab: Lab, what: str) -> None:
    """Lines, headers and bodies beyond the limits are refused with 4xx, never 5xx; those within are answered."""
    make, statuses = HEADS[what]
    began = time.monotonic()
    said = exchange(lab.port, make(), seconds=30)
    assert len(said.statuses) == 1, said
    assert said.statuses[0] in statuses
    assert time.monotonic() - began < QUICK
    assert memory(lab) < MEMORY


def _job(**recipe: object) -> dict[str, object]:
    return {"recipe_sets": [{"recipes": [{"requires": {}, "tasks": [{"name": "a"}], **recipe}]}]}


DOCUMENTS: dict[str, Callable[[], bytes]] = {
    "arrays in arrays": lambda: b"[" * 1_000_000,
    "closed ones": lambda: b"[" * 100_000 + b"]" * 100_000,
    "objects in objects": lambda: b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "below a known name": lambda: b'{"recipe_sets":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "a number of a million digits": lambda: b'{"priority":' + b"9" * 1_000_000 + b"}",
    "a number of 4,000 digits": lambda: json.dumps(_job(max_seconds=0)).encode().replace(b": 0", b": " + b"9" * 4000),
    "a number beyond all": lambda: json.dumps(_job(max_seconds=0)).encode().replace(b": 0", b": 1e999"),
    "millions of arrays": lambda: b'{"recipe_sets":[' + b"[]," * 3_400_000 + b"[]]}",
    "millions of objects": lambda: b'{"recipe_sets":[' + b'{"a":1},' * 1_200_000 + b"{}]}",
    "millions of numbers": lambda: b'{"recipe_sets":[' + b"1," * 5_000_000 + b"1]}",
    "too many tasks": lambda: json.dumps(_job(tasks=[{"name": "a"}] * 100_000)).encode(),
    "a name of megabytes": lambda: json.dumps({"name": "n" * 9_000_000, **_job()}).encode(),
    "a task's name": lambda: json.dumps(_job(tasks=[{"name": "n" * 2001}])).encode(),
    "a role's name": lambda: json.dumps(_job(role="r" * 2001)).encode(),
    "an unknown name of megabytes": lambda: json.dumps({"n" * 9_000_000: 1}).encode(),
}


@pytest.mark.parametrize("what", DOCUMENTS)
def test_large_documents(lab: Lab, what: str) -> None:
    """JSON that is too deep, too wide or too long is a 400 that says so in few words."""
    body = DOCUMENTS[what]()
    began = time.monotonic()
    answer = lab.call("POST", "/jobs/", body, JSON)
    assert (answer.status, answer.headers["Content-Type"]) == (400, "application/json"), answer.body[:500]
    assert time.monotonic() - began < QUICK
    assert memory(lab) < MEMORY
    assert len(answer.body) < 10_000


def test_no_document_of_strangers_is_read(lab: Lab) -> None:
    """Who may not submit costs nothing: credentials are looked at first."""
    body = b"[" * 10_000_000
    answer = lab.call("POST", "/jobs/", body, {**JSON, "Authorization": ""})
    assert answer.status == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"a&" * 400_000 + b"result=Pass", 413),
        (b"a=b&" * 99 + b"result=Pass", 201),
        (b"result=Pass&message=" + b"m" * 900_000, 201),
        (b"result=Pass&message=" + b"m" * 2_000_000, 413),
        (b"result=Pass&score=" + b"9" * 500_000, 201),
        (b"result=" + b"P" * 500_000, 400),
    ],
    ids=["fields", "some fields", "a long message", "a longer one", "a long number", "a long word"],
)
def test_large_forms(lab: Lab, running: Running, body: bytes, status: int) -> None:
    """A form is a megabyte and a hundred fields at most; its numbers are as large as they are stored."""
    began = time.monotonic()
    answer = lab.call("POST", f"{running.url}tasks/{running.task}/results/", body, FORM, key=running.key)
    assert answer.status == status, answer.body[:500]
    assert time.monotonic() - began < QUICK
    assert memory(lab) < MEMORY
    assert len(answer.body) < 10_000


def test_a_form_in_many_parts(lab: Lab, running: Running) -> None:
    """Parts are counted, too."""
    body = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n' * 15_000 + b"--b--\r\n"
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = lab.call("POST", f"{running.url}tasks/{running.task}/results/", body, kind, key=running.key)
    assert answer.status == 413


def test_long_names_of_logs(lab: Lab, running: Running) -> None:
    """The longest and the deepest name that may be is served; beyond, it is refused."""
    for name, status in (("a/" * 499 + "bc", 201), ("a/" * 499 + "bcd", 403), ("c" * 255, 201), ("c" * 256, 403)):
        assert lab.call("PUT", f"{running.url}logs/{name}", b"x", key=running.key).status == status, name
        if status == 201:
            assert lab.call("GET", f"{running.url}logs/{name}").body == b"x"

"""LAVA jobs that are larger than they look are refused before they cost anything."""

import json
import time

import pytest
from lavajob import INLINE, changed, read_text

from wsgi_app.errors import BadLavaJob

MIB = 1024 * 1024
HEAD = b"job_name: a\nvisibility: public\ndevice_type: a\ntimeouts: {job: {days: 1}}\n"
BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (97 + n, 97 + n, b",".join([b"*%c" % (96 + n)] * 9)) for n in range(1, 12)
)
DEEP = b"".join(b"k%d: &k%d [[[[[[[[[*k%d]]]]]]]]]\n" % (n, n, n - 1) for n in range(1, 30))

DOCUMENTS = {
    "10 MiB": b"a" * 10 * MIB,
    "a list": HEAD + b"actions: [" + b"1," * 400_000,
    "items": HEAD + b"actions:\n" + b"- test\n" * 140_000,
    "keys": b"".join(b"k%d: v\n" % number for number in range(80_000)),
    "brackets": b"[" * MIB,
    "depth": HEAD + b"actions: " + b"[" * 1000 + b"]" * 1000,
    "dashes": b"- " * (MIB // 2),
    "a bomb": BOMB,
    "depth by aliases": b"k0: &k0 x\n" + DEEP,
    "letters by aliases": b"a: &a " + b"x" * 300_000 + b"\nb: [" + b"*a," * 1000 + b"]",
    "handles": b"".join(b"%%TAG !a%d! b\n" % number for number in range(60_000)),
    "anchors": b"".join(b"- &a%d x\n" % number for number in range(80_000)),
    "quotes": HEAD + b'actions: "' + b"\\n" * 400_000 + b'"',
    "spaces": b" " * MIB,
    "digits": HEAD + b"priority: " + b"9" * 500_000,
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_large_documents(name: str) -> None:
    """Each is refused with less than 100 ms of CPU time: the best of a few, for the machine has other things to do."""
    spent: list[float] = []
    while not spent or (min(spent) >= 0.1 and len(spent) < 5):
        began = time.process_time()
        with pytest.raises(BadLavaJob) as caught:
            read_text(DOCUMENTS[name])
        spent.append(time.process_time() - began)
        assert len(caught.value.message) < 1000
    assert min(spent) < 0.1, spent


def test_scripts_by_repeating() -> None:
    """A large test that is repeated for many systems is refused when the sum is too much, and soon."""
    definition = {**INLINE, "repository": {"metadata": {"name": "x"}, "run": {"steps": ["# " + "x" * 100_000]}}}
    test = {"repeat": 1000, "role": "a", "definitions": [definition]}
    roles = {"a": {"device_type": "q", "count": 1000}}
    job = changed({"actions": [{"test": test}], "protocols": {"lava-multinode": {"roles": roles}}})
    del job["device_type"]
    began = time.process_time()
    with pytest.raises(BadLavaJob, match="the scripts of all its tests have more than"):
        read_text(json.dumps(job))
    assert time.process_time() - began < 1

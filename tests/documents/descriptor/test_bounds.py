"""What a descriptor may cost before it is refused: time, memory, and no end of the stack."""

import json
import socket
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from descriptor import STEP, TEST, changed, read, read_text

from wsgi_app.config import Config
from wsgi_app.core.sources import Sources
from wsgi_app.documents.descriptor import read_descriptor
from wsgi_app.documents.descriptor.limits import MOST_BYTES, MOST_MARKS
from wsgi_app.errors import BadDescriptor

ACQUIRE = "TestDescriptors.0.TargetManagerAcquireParameters"
FETCH = "TestDescriptors.0.TestFetcherFetchParameters"
STEPS = f"{FETCH}.Steps"
TARGETS = f"{ACQUIRE}.Targets"

#: CPU seconds of a refusal, as the work order has it
SECONDS = 0.1
LONG = MOST_BYTES - 2000
MANY = MOST_MARKS - 200
SLEEP = {"name": "sleep", "label": "a", "parameters": {"duration": ["1s"]}}
BAD_TEST = {**TEST, "TestFetcherFetchParameters": {"TestName": "x" * 33, "Steps": [STEP]}}


def small(changes: dict[str, Any]) -> Callable[[], str]:
    """Return what makes a descriptor as short as it can be written."""
    return lambda: json.dumps(changed(changes), separators=(",", ":"), ensure_ascii=False)


HEAVY: dict[str, Callable[[], str]] = {
    "ten MiB of nothing": lambda: " " * 10485760,
    "ten MiB of brackets": lambda: "[" * 10485760,
    "as long as may be, of brackets": lambda: "[" * MOST_BYTES,
    "arrays in arrays": lambda: "[" * MOST_MARKS,
    "objects in objects": lambda: '{"":' * (MOST_MARKS // 2),
    "empty objects": lambda: "[" + "{}," * (MANY // 2) + "{}]",
    "tags": small({"Tags": [f"t{number}" for number in range(MANY)] + ["t1"]}),
    "a long tag": small({"Tags": ["é" * (LONG // 2)]}),
    "a long interval": small({"RunInterval": "5" * LONG}),
    "many digits": lambda: small({"Runs": "HERE"})().replace('"HERE"', "9" * LONG),
    "a long version": small({"Version": "1." + "9" * LONG}),
    "a long name of escapes": small({"JobName": "\x01" * (LONG // 6)}),
    "pairs of escapes": lambda: small({"JobName": "HERE"})().replace("HERE", "\\ud83d\\ude00" * (LONG // 12)),
    "a long expression": small(
        {"Reporting.RunReporters.0.Parameters": {"SuccessExpression": ">" + "_9" * (LONG // 2)}}
    ),
    "reporters": small({"Reporting.RunReporters": [{"Name": "noop"}] * (MANY // 3)}),
    "targets": small({TARGETS: [{"ID": f"T{number}"} for number in range(MANY // 3)] + [{"ID": "T1"}]}),
    "addresses": small({TARGETS: [{"ID": "T", "PrimaryIPv4": "10.0.0.1"} for _ in range(MANY // 5)]}),
    "steps": small({STEPS: [{**SLEEP, "label": f"a{number}"} for number in range(MANY // 10)] + [None]}),
    "tests": small({"TestDescriptors": [TEST] * (MANY // 40) + [BAD_TEST]}),
    "a long duration": small({STEPS: [{**SLEEP, "parameters": {"duration": ["1s" * (LONG // 2)]}}]}),
    "a long truth": small({STEPS: [{**STEP, "parameters": {"executable": ["x"], "emit_stdout": ["y" * LONG]}}]}),
    "a deep parameter": lambda: small({STEPS: [{**STEP, "parameters": {"executable": ["HERE"]}}]})().replace(
        '"HERE"', "[" * 800 + "]" * 800
    ),
    "unknown fields": small({"Version": "x", **{f"f{number}": 1 for number in range(MANY // 2)}}),
    "fields twice": small({"F7": 1, **{f"f{number}": 1 for number in range(MANY // 2)}}),
    "a long unknown step": small({STEPS: [{**STEP, "name": "x" * LONG}]}),
    "a long unknown fetcher": small({"TestDescriptors.0.TestFetcherName": "x" * LONG}),
    "a long host": small(
        {"TestDescriptors.0.TestFetcherName": "URI", FETCH: {"TestName": "t", "URI": "x:" + "/" * LONG}}
    ),
}


@pytest.mark.parametrize("name", HEAVY)
def test_time(tmp_path: Path, name: str) -> None:
    """Whatever is refused is refused at once, in a message that can be read."""
    text = HEAVY[name]()
    used: list[float] = []
    # the others on the machine take their share of its caches: one of three tries tells what it costs
    while len(used) < 3 and min(used, default=SECONDS) >= SECONDS:
        begun = time.thread_time()
        with pytest.raises(BadDescriptor) as refused:
            read_text(tmp_path, text)
        used.append(time.thread_time() - begun)
        assert len(refused.value.message) < 1000
    assert min(used) < SECONDS, used


def test_memory(tmp_path: Path) -> None:
    """The largest descriptor of the most parts takes few times its bytes."""
    text = small({TARGETS: [{"ID": f"T{number}"} for number in range(MANY // 3)], "Pad": "x" * (LONG - 500_000)})()
    tracemalloc.start()
    try:
        assert read_text(tmp_path, text).campaign is not None
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 48 * 1024 * 1024


def test_what_is_fetched_counts(tmp_path: Path) -> None:
    """Documents with steps are counted with the descriptor: five of a megabyte are too large together."""
    (tmp_path / "a.json").write_text(json.dumps({"steps": [STEP], "pad": "x" * 1_000_000}))
    test = {**TEST, "TestFetcherName": "URI", "TestFetcherFetchParameters": {"TestName": "t", "URI": "a.json"}}
    assert read(tmp_path, {"TestDescriptors": [test] * 4}).campaign is not None
    with pytest.raises(BadDescriptor) as refused:
        read(tmp_path, {"TestDescriptors": [test] * 5})
    assert refused.value.message == (
        "could not get steps descriptors: cannot decode JSON test description: "
        f"a job descriptor has at most {MOST_BYTES} bytes"
    )


def test_time_of_all_fetching(tmp_path: Path) -> None:
    """All tests together have the time of one, however many name a server that says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = f"127.0.0.1:{server.getsockname()[1]}"
        (tmp_path / "a.json").write_text(json.dumps({"steps": [STEP]}))
        uris = ["a.json", f"http://{host}/a", f"http://{host}/b"]
        tests = [
            {**TEST, "TestFetcherName": "URI", "TestFetcherFetchParameters": {"TestName": "t", "URI": uri}}
            for uri in uris
        ]
        sources = Sources(Config(data=tmp_path, descriptor_files=str(tmp_path), descriptor_hosts=(host,)))
        begun = time.monotonic()
        with pytest.raises(BadDescriptor, match=r"was not there within 2\.\d s"):
            read_descriptor(json.dumps(changed({"TestDescriptors": tests})), sources)
        assert 2 < time.monotonic() - begun < 5

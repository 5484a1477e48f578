"""LAVA jobs that are no jobs, over XML-RPC: faults with path and reason, and nothing is stored."""

import pytest
from lavajob import FIRST, GROUP
from lavarpc import LavaRPC

BAD = [
    ("a: [\n", 400, "line 2, column 1"),
    (FIRST.replace("job_name:", "\tjob_name:"), 400, "line 3, column 1"),
    (FIRST.replace("job_name: ", "name: "), 400, "job_name"),
    (FIRST.replace("visibility: public", "visibility: all"), 400, "visibility"),
    (FIRST.replace("    minutes: 15", "    minutes: soon"), 400, "timeouts.job.minutes"),
    (FIRST.replace("- boot:", "- reboot:"), 400, "actions[1].reboot"),
    (FIRST.replace("      from: inline", "      from: moon"), 400, "actions[2].test.definitions[0].from"),
    (FIRST.replace("device_type: qemu", "device_type: moon"), 404, "no system has type moon"),
    (FIRST.replace("device_type: qemu", "device: moon"), 404, "'moon'"),
    (GROUP, 404, "no system has type panda"),
    (FIRST.replace("device_type: qemu", "device_type: qemu\ntags: [odd]"), 404, "no system has tag odd"),
    ("just words", 400, "mapping in YAML"),
]


@pytest.fixture(scope="module", autouse=True)
def _systems(shared: LavaRPC) -> None:
    for name in ("one", "two"):
        shared.add(name, "qemu")


@pytest.mark.parametrize(("text", "code", "said"), BAD, ids=range(len(BAD)))
def test_refused(shared: LavaRPC, text: str, code: int, said: str) -> None:
    """Item 17: bad YAML, a missing key and wrong values are Fault 400, what no system is 404, with path and reason."""
    before = shared.call("scheduler.jobs.list")
    number, words = shared.refused("scheduler.jobs.submit", text)
    assert (number, said in words) == (code, True), words
    assert "Traceback" not in words
    assert shared.call("scheduler.jobs.list") == before


@pytest.mark.parametrize(("text", "code", "said"), BAD, ids=range(len(BAD)))
def test_validated(shared: LavaRPC, text: str, code: int, said: str) -> None:
    """Item 18: validating tells the same as path and msg, for broken YAML with line and column, and makes no job."""
    before = shared.call("scheduler.jobs.list")
    found = shared.call("scheduler.jobs.validate", text)
    assert set(found) == {"path", "msg"}
    assert said in f"{found['path']} {found['msg']}"
    assert shared.call("scheduler.jobs.list") == before


def test_good_ones(shared: LavaRPC) -> None:
    """Item 18: what is good is {}, strictly too; an extra key is told of only then."""
    before = shared.call("scheduler.jobs.list")
    for strict in (False, True):
        assert shared.call("scheduler.jobs.validate", FIRST, strict) == {}
    extra = f"{FIRST}colour: red\n"
    assert shared.call("scheduler.jobs.validate", extra) == {}
    assert shared.call("scheduler.jobs.validate", extra, True) == {"path": "colour", "msg": "there is no such field"}
    assert shared.call("scheduler.jobs.list") == before


def test_taken(shared: LavaRPC) -> None:
    """Item 19: what is taken is given back as it was sent, comments and letters; of a group every part has it."""
    number = shared.call("scheduler.jobs.submit", FIRST)
    assert shared.call("scheduler.jobs.definition", number) == FIRST
    group = GROUP.replace("panda", "qemu").replace("        tags: [big]\n", "").replace("count: 2", "count: 1")
    parts = shared.call("scheduler.jobs.submit", group)
    assert [shared.call("scheduler.jobs.definition", part) for part in parts] == [group] * 2

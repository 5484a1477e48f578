"""LAVA jobs that are refused: with the path and the reason, or with line and column."""

from typing import Any

import pytest
from lavajob import FIRST, GONE, GROUP, INLINE, read, read_text

from wsgi_app.errors import BadLavaJob

ACTION = ("actions", 0, "test")
ENTRY = (*ACTION, "definitions", 0)


@pytest.mark.parametrize(
    ("changes", "path", "said"),
    [
        ({"job_name": GONE}, ("job_name",), "missing"),
        ({"job_name": " "}, ("job_name",), "empty"),
        ({"job_name": 7}, ("job_name",), "expected a text, not a whole number"),
        ({"job_name": "n" * 201}, ("job_name",), "more than 200 letters"),
        ({"visibility": GONE}, ("visibility",), "missing"),
        ({"visibility": "private"}, ("visibility",), "public, personal, or group"),
        ({"visibility": {"group": []}}, ("visibility", "group"), "empty"),
        ({"visibility": {"group": [1]}}, ("visibility", "group", 0), "expected a text"),
        ({"timeouts": GONE}, ("timeouts",), "missing"),
        ({"timeouts": {}}, ("timeouts", "job"), "missing"),
        ({"timeouts.job": {}}, ("timeouts", "job"), "one of days"),
        ({"timeouts.job": {"hours": 1, "minutes": 1}}, ("timeouts", "job"), "one of days"),
        ({"timeouts.job": {"minutes": 0}}, ("timeouts", "job", "minutes"), "from 1 to"),
        ({"timeouts.job": {"minutes": True}}, ("timeouts", "job", "minutes"), "not true or false"),
        ({"timeouts.job": {"days": 10**9}}, ("timeouts", "job", "days"), "from 1 to"),
        ({"timeouts.action": {"hours": 1}}, ("timeouts", "action"), "more than the 300 s of the job"),
        ({"timeouts.connections": {"a": {"days": 1}}}, ("timeouts", "connections", "a"), "more than"),
        ({"actions.0.test.timeout": {"hours": 1}}, (*ACTION, "timeout"), "more than"),
        ({"actions": GONE}, ("actions",), "missing"),
        ({"actions": []}, ("actions",), "empty"),
        ({"actions": [{"deploy": {"to": "tmpfs"}}]}, ("actions",), "no test action"),
        ({"actions.0": {}}, ("actions", 0), "one of boot"),
        ({"actions.0": {"boot": {}, "test": {}}}, ("actions", 0), "one of boot"),
        ({"actions.0": {"run": {}}}, ("actions", 0, "run"), "no such action"),
        ({"actions.0": {"test": None}}, ACTION, "expected a mapping, not nothing"),
        ({"actions.0": {"command": {"name": "x"}}}, ("actions", 0, "command"), "runs a command"),
        ({"actions.0": {"deploy": {"to": "moon"}}}, ("actions", 0, "deploy", "to"), "no such way to deploy"),
        ({"actions.0": {"deploy": {}}}, ("actions", 0, "deploy", "to"), "missing"),
        ({"actions.0": {"boot": {"method": "kick"}}}, ("actions", 0, "boot", "method"), "no such way to boot"),
        ({"actions.0.test.docker": {"image": "a"}}, (*ACTION, "docker"), "container"),
        ({"actions.0": {"test": {"interactive": []}}}, (*ACTION, "interactive"), "bootloader or console"),
        ({"actions.0": {"test": {"monitors": []}}}, (*ACTION, "monitors"), "console"),
        ({"actions.0.test.definitions": []}, (*ACTION, "definitions"), "empty"),
        ({"actions.0.test.definitions": GONE}, (*ACTION, "definitions"), "missing"),
        ({"actions.0.test.repeat": 0}, (*ACTION, "repeat"), "from 1 to 1000"),
        ({"actions.0.test.role": ["a"]}, (*ACTION, "role"), "lava-multinode"),
        ({"actions.1": {"test": {"namespace": "a", "definitions": [INLINE]}}}, (*ACTION, "namespace"), "all actions"),
        ({"actions.0.test.definitions.0.name": GONE}, (*ENTRY, "name"), "missing"),
        ({"actions.0.test.definitions.0.name": "a b"}, (*ENTRY, "name"), "letters, digits"),
        ({"actions.0.test.definitions.0.from": "bzr"}, (*ENTRY, "from"), "no longer fetched"),
        ({"actions.0.test.definitions.0.from": "moon"}, (*ENTRY, "from"), "no such source"),
        ({"actions.0.test.definitions.0.repository": GONE}, (*ENTRY, "repository"), "missing"),
        ({"actions.0.test.definitions.0.repository": "x"}, (*ENTRY, "repository"), "expected a mapping"),
        ({"actions.0.test.definitions.0.parameters": {"a b": 1}}, (*ENTRY, "parameters", "a b"), "no name of an env"),
        ({"actions.0.test.definitions.0.parameters": {"a": []}}, (*ENTRY, "parameters", "a"), "not a list"),
        ({"device_type": GONE}, ("device_type",), "a job has a device_type"),
        ({"device_type": ["qemu"]}, ("device_type",), "expected a text"),
        ({"tags": "a"}, ("tags",), "expected a list"),
        ({"priority": "urgent"}, ("priority",), "high, medium, low"),
        ({"priority": 101}, ("priority",), "0 to 100"),
        ({"priority": float("nan")}, ("priority",), "0 to 100"),
        ({"metadata": []}, ("metadata",), "expected a mapping"),
        ({"metadata": {"a": "x" * 70_000}}, ("metadata",), "65536 characters"),
        ({"environment": {"A=B": 1}}, ("environment", "A=B"), "environment variable"),
        ({"secrets": {"A": 1}}, ("secrets",), "cannot be public"),
        ({"protocols": {"lava-lxc": {}}}, ("protocols", "lava-lxc"), "container"),
        ({"protocols": {"lava-vland": {}}}, ("protocols", "lava-vland"), "network"),
        ({"notify": 1}, ("notify",), "expected a mapping"),
    ],
)
def test_with_its_path(changes: dict[str, Any], path: tuple[str | int, ...], said: str) -> None:
    """The first thing that is wrong is named, with its place among keys and indices."""
    with pytest.raises(BadLavaJob) as caught:
        read(changes)
    assert (caught.value.path, caught.value.code) == (path, "lava-job.invalid")
    assert said in caught.value.message


def test_the_field_of_a_path() -> None:
    """It is written as in our own documents; None when it is the whole."""
    assert BadLavaJob("x", path=(*ENTRY, "name")).field == "actions[0].test.definitions[0].name"
    assert BadLavaJob("x").field is None


MULTI = ("protocols", "lava-multinode")


@pytest.mark.parametrize(
    ("old", "new", "path", "said"),
    [
        ("job_name", "device_type: qemu\njob_name", ("device_type",), "each role has its own"),
        ("        count: 2", "        count: 0", (*MULTI, "roles", "client", "count"), "from 1 to 2000"),
        ("        count: 2", "        count: 2000", (*MULTI, "roles"), "at most 2000 systems"),
        ("device_type: panda", "worker: a", (*MULTI, "roles", "server", "device_type"), "missing"),
        ("device_type: panda", "host_role: client", (*MULTI, "roles", "server"), "without a system"),
        ("    timeout: {minutes: 6}", "    timeout: {hours: 6}", (*MULTI, "timeout"), "more than the 3600 s"),
        ("    role: [server, client]\n    to", "    to", ("actions", 0, "deploy", "role"), "missing"),
        ("role: [client]", "role: [other]", ("actions", 2, "test", "role"), "no role 'other'"),
    ],
)
def test_groups(old: str, new: str, path: tuple[str | int, ...], said: str) -> None:
    """What is wrong with roles is named, too."""
    assert old in GROUP
    with pytest.raises(BadLavaJob) as caught:
        read_text(GROUP.replace(old, new, 1))
    assert caught.value.path == path
    assert said in caught.value.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (FIRST.replace("job_name:", "\tjob_name:"), "line 3, column 1: "),
        (FIRST + "- [", "line 59, column 1: "),
        (FIRST + "job_name: again", "line 58, column 1: 'job_name' is there twice"),
        ("", "a LAVA job is a mapping in YAML"),
        ("[]", "a LAVA job is a mapping in YAML"),
        ("just words", "a LAVA job is a mapping in YAML"),
        ("a: b: c", "line 1, column 5: "),
        ("a: *b", "line 1, column 4: "),
        ("a: \"\\0\"", "line 1, column 4: a NUL"),
        ("a: !!python/name:os.system", "line 1, column 4: "),
        ("\ud800", "half a surrogate pair"),
        (b"\xff", "it is not UTF-8"),
        ("a: 1\n---\nb: 1", "line 2, column 1: there is another document"),
    ],
)  # fmt: skip
def test_broken_yaml(text: str | bytes, said: str) -> None:
    """It is told where YAML itself ends."""
    with pytest.raises(BadLavaJob) as caught:
        read_text(text)
    assert caught.value.message.startswith(said)
    assert caught.value.path == ()


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"odd": 1}, ("odd",)),
        ({"timeouts.odd": 1}, ("timeouts", "odd")),
        ({"actions.0.test.odd": 1}, (*ACTION, "odd")),
        ({"actions.0.test.definitions.0.odd": 1}, (*ENTRY, "odd")),
        ({"protocols": {"odd": 1}}, ("protocols", "odd")),
    ],
)
def test_strict(changes: dict[str, Any], path: tuple[str | int, ...]) -> None:
    """Item 18: when it is strict, fields that do not exist are refused; else they are warned of."""
    assert read(changes).warnings
    with pytest.raises(BadLavaJob, match="there is no such field") as caught:
        read(changes, strict=True)
    assert caught.value.path == path


def test_strict_and_right() -> None:
    """What is in the manual passes when it is strict."""
    for text in (FIRST, GROUP):
        assert read_text(text, strict=True) == read_text(text)

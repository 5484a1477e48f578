"""LAVA jobs that are taken: what becomes of their fields, and what is said to have no effect."""

import json
from typing import Any

import pytest
from lavajob import FIRST, GONE, GROUP, INLINE, read, read_text

from wsgi_app.model import Requires
from wsgi_app.states import Visibility
from wsgi_app.submitted import Document


def test_the_first_job_of_the_manual() -> None:
    """It is taken as it is: one recipe for a system of its type; deploying and booting are passed over, and said."""
    new = read_text(FIRST)
    assert (new.name, new.visibility, new.priority) == ("QEMU pipeline, first job, ä", Visibility.PUBLIC, 50)
    assert new.metadata == {"source": "https://example.org/jobs.git", "path": "first/qemu.yaml", "build": 7}
    assert new.document == Document("application/yaml", FIRST)
    assert new.fitting
    [group] = new.recipe_sets
    [recipe] = group.recipes
    assert (recipe.requires, recipe.system, recipe.role) == (Requires("qemu"), None, None)
    assert (recipe.max_seconds, recipe.stop_on_fail) == (900, False)
    [task] = recipe.tasks
    assert (task.name, task.params, task.live) == ("smoke-tests", {"LAVA_ACTION": "3"}, True)
    assert "lava-test-case linux-uname --shell uname -a" in (task.script or "")
    places = [warning.partition(":")[0] for warning in new.warnings]
    assert places == ["timeouts.connection", "context", "actions[0].deploy", "actions[1].boot"]


def test_a_group() -> None:
    """Roles are recipes of one set, as many as they count; each has the tests of its role, aliases and all."""
    new = read_text(GROUP)
    assert (new.visibility, new.priority) == (Visibility.PRIVATE, 0)
    [group] = new.recipe_sets
    assert [recipe.role for recipe in group.recipes] == ["client", "client", "server"]
    assert [recipe.requires for recipe in group.recipes] == [
        *[Requires("qemu")] * 2,
        Requires("panda", ("big",)),
    ]
    assert [[task.name for task in recipe.tasks] for recipe in group.recipes] == [
        *[["wait-for-server"]] * 2,
        ["wait-for-server", "serve"],
    ]
    assert any(warning.startswith("protocols.lava-multinode.roles.server.essential: ") for warning in new.warnings)


def test_a_role_without_tests() -> None:
    """Its systems are there, with a task that does nothing: the others know them."""
    new = read_text(GROUP.replace("role: [server]", "role: client"))
    server = new.recipe_sets[0].recipes[-1]
    assert (server.role, [task.name for task in server.tasks]) == ("server", ["nothing"])
    assert any("no test is for this role" in warning for warning in new.warnings)


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"priority": "high"}, "priority", 100),
        ({"priority": 7}, "priority", 7),
        ({"visibility": {"group": ["lab"]}}, "visibility", Visibility.PRIVATE),
        ({"metadata": {"a": [1, {"b": None}]}}, "metadata", {"a": [1, {"b": None}]}),
        ({"job_name": "n" * 200}, "name", "n" * 200),
        ({"visibility": "personal", "secrets": {"A": "s", "B": "l\nm", "C": ""}}, "secrets", ("s", "l\nm", "l", "m")),
    ],
)  # fmt: skip
def test_fields_of_the_job(changes: dict[str, Any], field: str, value: Any) -> None:
    """Words of LAVA's become ours."""
    assert getattr(read(changes), field) == value


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"timeouts.job": {"hours": 2}}, "max_seconds", 7200),
        ({"timeouts.job": {"days": 1}}, "max_seconds", 86400),
        ({"timeouts.job": {"seconds": 9}}, "max_seconds", 9),
        ({"device": "alpha"}, "system", "alpha"),
        ({"device": "alpha", "device_type": GONE}, "requires", Requires(None)),
        ({"tags": ["a", "b"]}, "requires", Requires("qemu", ("a", "b"))),
    ],
)
def test_fields_of_its_recipe(changes: dict[str, Any], field: str, value: Any) -> None:
    """What it asks of its system and of the time."""
    assert getattr(read(changes).recipe_sets[0].recipes[0], field) == value


def test_environment_and_secrets() -> None:
    """They are parameters of every task, as Python writes them, which is what LAVA does."""
    text = json.dumps(
        {
            "job_name": "e",
            "visibility": "personal",
            "device_type": "qemu",
            "timeouts": {"job": {"minutes": 5}},
            "environment": {"A": 1, "B": True, "C": "x y"},
            "secrets": {"KEY": "hush"},
            "actions": [{"test": {"repeat": 2, "definitions": [INLINE, {**INLINE, "name": "second"}]}}],
        }
    )
    new = read_text(text)
    tasks = new.recipe_sets[0].recipes[0].tasks
    assert [task.name for task in tasks] == ["smoke", "second", "smoke", "second"]
    assert {task.params["B"] for task in tasks} == {"True"}
    assert tasks[0].params == {"A": "1", "B": "True", "C": "x y", "KEY": "hush", "LAVA_ACTION": "1"}
    assert new.secrets == ("hush",)


def test_words_of_yaml_1_1() -> None:
    """`yes` is true, as PyYAML reads it; what is no word of JSON else is a text."""
    new = read_text(FIRST.replace("build: 7", "build: yes\n  when: 2026-01-01\n  mode: 0755\n  nan: .nan"))
    assert {name: new.metadata[name] for name in ("build", "when", "mode", "nan")} == {
        "build": True,
        "when": "2026-01-01",
        "mode": "0755",
        "nan": ".nan",
    }


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"odd": 1}, "odd: there is no such field"),
        ({"actions.0.test.odd": 1}, "actions[0].test.odd: there is no such field"),
        ({"actions.0.test.definitions.0.odd": 1}, "actions[0].test.definitions[0].odd: there is no such field"),
        ({"timeouts.queue": {"hours": 1}}, "timeouts.queue: "),
        ({"timeouts.actions": {"tftp-deploy": {"seconds": 1}}}, "timeouts.actions.tftp-deploy: "),
        ({"timeouts.job": {"minutes": 5, "skip": True}}, "timeouts.job.skip: "),
        ({"worker": "w"}, "worker: "),
        ({"notify": {"criteria": {"status": "all", "odd": 1}}}, "notify.criteria.odd: there is no such field"),
        ({"visibility": {"group": ["lab"]}}, "visibility: there are no groups"),
        ({"actions.0.test.failure_retry": 3}, "actions[0].test.failure_retry: "),
        ({"actions.0.test.definitions.0.lava-signal": "kmsg"}, "actions[0].test.definitions[0].lava-signal: "),
    ],
)
def test_what_has_no_effect(changes: dict[str, Any], said: str) -> None:
    """It is said of each field, with its place, once."""
    warnings = read(changes).warnings
    assert len(warnings) == 1
    assert warnings[0].startswith(said)


def test_few_warnings_are_kept() -> None:
    """Of a thousand odd fields a hundred are named, and the others counted."""
    warnings = read({f"odd{number}": 1 for number in range(1000)}).warnings
    assert len(warnings) == 101
    assert warnings[-1] == "900 more of its fields have no effect"


@pytest.mark.parametrize("boot", ["minimal", "u-boot", "qemu-nfs", "new_connection"])
def test_any_way_to_boot(boot: str) -> None:
    """What LAVA knows is passed over, however it is written."""
    new = read({"actions.1": {"boot": {"method": boot, "prompts": ["#"], "commands": [{"a": 1}]}}})
    assert [warning.partition(":")[0] for warning in new.warnings] == ["actions[1].boot"]

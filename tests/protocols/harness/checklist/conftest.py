"""Recipes for the checklist, behind either door."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from lab import Lab, running_lab
from webtest import TestApp

from wsgi_app.config import Config

sys.path.insert(0, str(Path(__file__).resolve().parents[4]))  # pytest's importlib mode does not

from tests.protocols.harness.checklist.doors import Door, HttpdDoor, Recipe, WebDoor, submit


@pytest.fixture
def door(web: TestApp, admin: dict[str, str], config: Config) -> Door:
    """The application in this process."""
    return WebDoor(web, admin["Authorization"].removeprefix("Bearer "), config.logs)


@pytest.fixture
def recipe(door: Door) -> Recipe:
    """A recipe of two tasks, assigned."""
    return submit(door, [{}])[0]


@pytest.fixture
def recipes(door: Door) -> Callable[..., list[Recipe]]:
    """Submit a job of sets, each a list of recipes, and return the recipes."""

    def make(*sets: Sequence[Mapping[str, Any]], keys: bool = True) -> list[Recipe]:
        return submit(door, *sets, keys=keys)

    return make


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A Tackroom behind httpd, with few logs for a recipe, so that a test reaches the limit."""
    with running_lab("apache", TACKROOM_MAX_LOGS="5") as made:
        yield made


@pytest.fixture(params=["webtest", "httpd"])
def either(request: pytest.FixtureRequest) -> Recipe:
    """A recipe of two tasks, once in this process and once behind httpd."""
    if request.param == "httpd":
        return submit(HttpdDoor(request.getfixturevalue("lab")), [{}])[0]
    made: Recipe = request.getfixturevalue("recipe")
    return made

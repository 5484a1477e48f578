"""Machines that the play provisions. Each test here has minutes: what it waits for is installed, booted, or killed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import told
from attrs import frozen
from controller import Controller
from nspawn import PLACE, Machine, machines
from plays import Play
from releases import Release, present
from xdist.scheduler import LoadFileScheduling

#: files whose tests use the fixture `controller`
SHARED = ("test_play", "test_work", "test_workers", "test_notices", "test_faults", "test_restore")
#: seconds for a test, and what is made for it
TIMEOUT = 1200


def pytest_configure(config: pytest.Config) -> None:
    """Begin with no figures; of several processes only the one that starts the others."""
    if not hasattr(config, "workerinput"):
        told.forget()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give tests their time."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TIMEOUT))


class ByMachine(LoadFileScheduling):  # type: ignore[misc]
    """Files go to processes as with `--dist loadfile`, but those that share a machine go to one together."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return "controller" if Path(file).stem in SHARED else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadFileScheduling:
    """Have several processes share the work by machines."""
    return ByMachine(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what was measured."""
    figures = told.told()
    if figures:
        terminalreporter.section("booted machines")
    for one in figures:
        bar = "" if one["bar"] is None else f"   at most {one['bar']:g}"
        terminalreporter.write_line(f"{one['figure']:52}{one['value']:>10,.10g} {one['unit']}{bar}")


@frozen
class Provisioned:
    """A controller, and the play that made it of a bare machine."""

    controller: Controller
    first: Play


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """What is provisioned: this checkout and its wheel."""
    return present(tmp_path_factory.mktemp("release"))


@pytest.fixture(scope="session")
def provisioned(release: Release) -> Iterator[Provisioned]:
    """The controller that most tests share; each leaves it as whole as it was."""
    with machines(PLACE, ["ctl1"]) as made:
        controller = Controller.on(made["ctl1"])
        first = controller.play(release)
        told.note("first play", first.took, "s")
        yield Provisioned(controller, first)


@pytest.fixture(scope="session")
def controller(provisioned: Provisioned) -> Controller:
    """The same, without the play."""
    return provisioned.controller


@pytest.fixture(scope="module")
def bare() -> Iterator[Machine]:
    """A machine on which nothing was done yet."""
    with machines(PLACE, ["bare"]) as made:
        yield made["bare"]

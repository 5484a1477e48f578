"""What many tests stand on: an application in this process, and whole Tackrooms in processes of their own."""

import contextlib
import gc
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from emptydata import lay_out
from hypothesis import settings
from lab import Lab, running_lab
from webtest import TestApp

from wsgi_app.app import Application, create_app
from wsgi_app.config import Config

# started in the background of a script, the tests would ignore it, and so would what they start and interrupt
signal.signal(signal.SIGINT, signal.default_int_handler)

# the port of workers is one for the whole machine: who starts a Tackroom in some other way than as a Lab has none
os.environ.setdefault("TACKROOM_BUILDBOT_LISTEN", "none")

# the same examples every time, so that a change fails by what it changed; `make explore` looks for new ones
settings.register_profile("suite", derandomize=True, database=None)
settings.register_profile("explore", max_examples=2000, print_blob=True)
settings.load_profile(os.environ.get("TACKROOM_HYPOTHESIS", "suite"))


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Settings of an application in this process; tests change them by `attrs.evolve`."""
    return Config(data=tmp_path / "data")


@pytest.fixture
def application(config: Config) -> Iterator[Application]:
    """The application over a fresh data directory, with its admin token."""
    lay_out(config)
    made = create_app(config)
    made.gateway.access.issue_admin_token()
    yield made
    made.gateway.close()


@pytest.fixture
def web(application: Application) -> TestApp:
    """WebTest with its WSGI lint, calling from 127.0.0.1 without credentials."""
    return TestApp(application, extra_environ={"REMOTE_ADDR": "127.0.0.1"})


@pytest.fixture
def admin(config: Config, application: Application) -> dict[str, str]:
    """Headers of user admin."""
    return {"Authorization": f"Bearer {config.admin_token.read_text().strip()}"}


@pytest.fixture
def make_lab() -> Iterator[Callable[..., Lab]]:
    """Make whole Tackrooms; call with the front (`apache` or `none`) and settings as environment variables."""
    with contextlib.ExitStack() as stack:
        yield lambda front="apache", **environ: stack.enter_context(running_lab(front, **environ))


def pytest_collection_finish() -> None:
    """Leave out of the garbage collector's rounds what lasts to the end: modules, and thousands of tests."""
    gc.collect()
    gc.freeze()

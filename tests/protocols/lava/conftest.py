"""LAVA's XML-RPC over an application in this process."""

from collections.abc import Iterator

import pytest
from lavarpc import LavaRPC
from webtest import TestApp

from wsgi_app.app import Application, create_app
from wsgi_app.config import Config


@pytest.fixture
def rpc(web: TestApp, application: Application, config: Config) -> LavaRPC:
    """A client of a fresh application."""
    return LavaRPC(web, application, {"admin": config.admin_token.read_text().strip()})


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LavaRPC]:
    """A client of an application that a module shares: the lab `lab1`."""
    config = Config(data=tmp_path_factory.mktemp("shared") / "data", server_id="lab1")
    application = create_app(config)
    application.gateway.access.issue_admin_token()
    web = TestApp(application, extra_environ={"REMOTE_ADDR": "127.0.0.1"})
    yield LavaRPC(web, application, {"admin": config.admin_token.read_text().strip()})
    application.gateway.close()

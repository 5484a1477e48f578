"""LAVA's REST API over a fresh data directory."""

from collections.abc import Iterator

import pytest
from lavarest import Rest
from webtest import TestApp

from wsgi_app.app import Application, create_app
from wsgi_app.config import Config


@pytest.fixture
def rest(web: TestApp, application: Application, admin: dict[str, str]) -> Rest:
    """The API over a fresh data directory."""
    return Rest(web, application, admin)


@pytest.fixture(scope="module")
def fresh_rest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rest]:
    """The API over a data directory that the tests of a module share."""
    application = create_app(Config(data=tmp_path_factory.mktemp("rest") / "data"))
    application.gateway.access.issue_admin_token()
    token = application.gateway.config.admin_token.read_text().strip()
    web = TestApp(application, extra_environ={"REMOTE_ADDR": "127.0.0.1"})
    yield Rest(web, application, {"Authorization": f"Token {token}"})
    application.gateway.close()


@pytest.fixture(scope="module")
def rest_of_four(fresh_rest: Rest) -> tuple[Rest, dict[str, int]]:
    """Jobs by a letter, read only: p passed, c was cancelled, a was aborted, q is queued and nora's."""
    rest = fresh_rest
    metadata = {"branch": "main", "build": {"number": 7}}
    jobs = {
        "p": rest.recipe(name="passes", metadata=metadata),
        "c": rest.recipe(name="stopped"),
        "a": rest.recipe(name="hangs"),
        "q": rest.recipe(name="waits", priority=60, token=rest.user("nora", "read", "submit")),
    }
    rest.run(jobs["p"], ("Pass", "one"))
    rest.post(f"jobs/{jobs['c']}/cancel/")
    rest.application.gateway.recipes.settle(jobs["c"], late=False)
    rest.run(jobs["a"], end="Aborted")
    return rest, jobs

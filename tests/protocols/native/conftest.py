"""Jobs, systems and users of the native API."""

from collections.abc import Callable
from typing import Any

import pytest
from webtest import TestApp

from wsgi_app.app import Application
from wsgi_app.core.access import digest, fresh_secret
from wsgi_app.store import access
from wsgi_app.store.db import Database


@pytest.fixture
def submit(web: TestApp, admin: dict[str, str]) -> Callable[..., Any]:
    """Submit a job of one recipe (its fields by name) as admin, or with other headers; return its JSON value."""

    def submitted(headers: dict[str, str] | None = None, job: dict[str, Any] | None = None, **recipe: Any) -> Any:
        body = {"tasks": [{"name": "t"}], **recipe}
        value = {"recipe_sets": [{"recipes": [body]}], **(job or {})}
        return web.post_json("/jobs/", value, headers=headers or admin, status=201).json

    return submitted


@pytest.fixture
def system(web: TestApp, admin: dict[str, str]) -> str:
    """The name of a system."""
    web.post_json("/systems/", {"name": "alpha"}, headers=admin, status=201)
    return "alpha"


@pytest.fixture
def user(application: Application) -> Callable[..., dict[str, str]]:
    """Make a token of a user with scopes, and return its headers; the store makes expired ones, too."""

    def made(name: str, *scopes: str, expires: float | None = None) -> dict[str, str]:
        secret = fresh_secret()
        database = Database(application.gateway.access._ground.config.database)
        with database.write() as tx:
            access.insert_token(
                tx, user=name, name="test", digest=digest(secret), scopes=scopes, now=0.0, expires=expires
            )
        database.close()
        return {"Authorization": f"Bearer {secret}"}

    return made

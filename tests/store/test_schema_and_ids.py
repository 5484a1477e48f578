"""Migrations, ids, and a database that is opened again."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, select, update

from wsgi_app.app import create_app
from wsgi_app.config import Config
from wsgi_app.core.gateway import open_gateway
from wsgi_app.errors import BadCredentials, NotFound, Unavailable
from wsgi_app.model import Caller
from wsgi_app.states import RecipeStatus
from wsgi_app.store import ids
from wsgi_app.store.db import Database
from wsgi_app.store.schema import id_sequence, metadata
from wsgi_app.submitted import NewJob, NewRecipe, NewRecipeSet, NewTask

JOB = NewJob((NewRecipeSet((NewRecipe((NewTask("a"), NewTask("b"))),)), NewRecipeSet((NewRecipe((NewTask("c"),)),), 1)))


def test_migrated_is_declared(config: Config) -> None:
    """The migrations make exactly the tables that schema.py declares."""
    open_gateway(config).close()
    engine = create_engine(f"sqlite:///{config.database}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_one_sequence(config: Config) -> None:
    """Jobs, sets, recipes, tasks and results never share a number, and numbers ascend in document order."""
    gateway = open_gateway(config)
    gateway.access.issue_admin_token()
    admin = Caller(f"Bearer {config.admin_token.read_text().strip()}", "")
    seen: list[int] = []
    for _ in range(3):
        job = gateway.jobs.submit(admin, lambda: JOB)
        numbers = [job.id]
        for group in job.recipe_sets:
            numbers.append(group.id)
            for recipe in group.recipes:
                numbers += [recipe.id, *(task.id for task in recipe.tasks)]
        assert numbers == sorted(numbers)
        seen += numbers
    assert seen == list(range(1, 25))
    gateway.close()


def test_ids_end(config: Config) -> None:
    """Ids stay below 2^31: the one after is refused as unavailable, and nothing is taken."""
    open_gateway(config).close()
    database = Database(config.database)
    with database.write() as tx:
        tx.execute(update(id_sequence).values(last=ids.LARGEST - 2))
        assert list(ids.take(tx, 2)) == [ids.LARGEST - 1, ids.LARGEST]
    with pytest.raises(Unavailable), database.write() as tx:
        ids.take(tx, 1)
    with database.read() as tx:
        assert tx.execute(select(id_sequence.c.last)).scalar_one() == ids.LARGEST
    database.close()


def test_open_again(config: Config) -> None:
    """A second start finds everything, and keeps the admin's token."""
    first = create_app(config).gateway
    first.access.issue_admin_token()
    token = config.admin_token.read_text()
    admin = Caller(f"Bearer {token.strip()}", "")
    job = first.jobs.submit(admin, lambda: JOB)
    first.close()
    second = create_app(config).gateway
    second.access.issue_admin_token()
    assert config.admin_token.read_text() == token
    assert second.jobs.get(admin, job.id) == job
    assert second.events.page(admin)[0].data["status"] == RecipeStatus.QUEUED
    with pytest.raises(NotFound):
        second.jobs.get(admin, 999)
    second.close()


def test_a_lost_token_file(config: Config) -> None:
    """When the token's file is lost, the next start makes another and revokes the old one."""
    gateway = open_gateway(config)
    gateway.access.issue_admin_token()
    old = config.admin_token.read_text().strip()
    assert config.admin_token.stat().st_mode & 0o777 == 0o600
    config.admin_token.unlink()
    gateway.access.issue_admin_token()
    with pytest.raises(BadCredentials):
        gateway.jobs.submit(Caller(f"Bearer {old}", ""), lambda: JOB)
    gateway.jobs.submit(Caller(f"Bearer {config.admin_token.read_text().strip()}", ""), lambda: JOB)
    assert [path.name for path in Path(config.data).iterdir() if path.name.startswith(".")] == []
    gateway.close()

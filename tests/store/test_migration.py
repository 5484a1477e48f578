"""A database of an earlier release comes to the present schema with its data."""

from alembic import command
from sqlalchemy import create_engine, text

from wsgi_app.config import Config
from wsgi_app.core.gateway import open_gateway
from wsgi_app.model import Caller
from wsgi_app.states import RecipeStatus
from wsgi_app.store.migrations import alembic_config
from wsgi_app.submitted import NewJob, NewRecipe, NewRecipeSet, NewTask

#: what release 0001 held of a job that runs on system `a`
ROWS = (
    "UPDATE id_sequence SET last = 4",
    "INSERT INTO jobs (id, name, owner, visibility, priority, status, cancelling, settled, result, submitted) "
    "VALUES (1, 'old', 'admin', 'public', 50, 'Running', 0, 0, 'New', 1.0)",
    "INSERT INTO recipe_sets (id, job, stage, status) VALUES (2, 1, 0, 'Running')",
    "INSERT INTO recipes (id, job, recipe_set, system, wanted_system, requires, status, cancelling, settled, late, "
    "result, stop_on_fail, assigned, started) "
    """VALUES (3, 1, 2, 'a', 'a', '{"type": null, "tags": []}', 'Running', 0, 0, 0, 'New', 0, 2.0, 3.0)""",
    "INSERT INTO tasks (id, recipe, name, params, status, result) VALUES (4, 3, 't', '{}', 'Running', 'New')",
    "INSERT INTO systems (name, tags, address, health, recipe) VALUES ('a', '[]', '192.0.2.1', 'good', 3)",
    "INSERT INTO idempotency (user, key, request, job, created) VALUES ('admin', 'k', 'some hash', 1, 9e12)",
)


def test_from_0001(config: Config) -> None:
    """What ran goes on: the job, its recipe, the system's address at its gate, and a key that was used."""
    config.data.mkdir(parents=True)
    engine = create_engine(f"sqlite:///{config.database}")
    with engine.begin() as connection:
        migration = alembic_config()
        migration.attributes["connection"] = connection
        command.upgrade(migration, "0001")
        for row in ROWS:
            connection.execute(text(row))
    engine.dispose()
    gateway = open_gateway(config)
    gateway.access.issue_admin_token()
    admin = Caller(f"Bearer {config.admin_token.read_text().strip()}", "")
    job = gateway.jobs.get(admin, 1)
    assert (job.name, job.retry_of, job.warnings) == ("old", None, ())
    assert job.recipe_sets[0].recipes[0].status is RecipeStatus.RUNNING
    gateway.gate_image.rebuild()
    assert [path.name for path in (config.gate / "3").iterdir()] == ["ip-192.0.2.1"]
    new = NewJob((NewRecipeSet((NewRecipe((NewTask("t"),)),)),))
    assert gateway.jobs.submit(admin, lambda: new, idempotency_key="k").id == 1
    assert gateway.jobs.retry(admin, 1).retry_of == 1
    gateway.close()

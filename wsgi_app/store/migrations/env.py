"""How alembic runs here: on the connection that `upgrade` opened, inside its transaction."""

from alembic import context

from wsgi_app.store import noticetables  # noqa: F401 - its tables are of that metadata, too
from wsgi_app.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=False,
)
context.run_migrations()

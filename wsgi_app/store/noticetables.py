"""The tables of who wants to be told what, and what became of it; `schema` has all others."""

from sqlalchemy import JSON, Column, Float, ForeignKey, Index, Integer, String, Table, Text

from wsgi_app.store.schema import metadata

#: whom jobs want to be told of their recipes
notifications = Table(
    "notifications",
    metadata,
    Column("job", Integer, ForeignKey("jobs.id"), primary_key=True, autoincrement=False),
    Column("notify", JSON, nullable=False),
)

#: transitions of recipes of such jobs for which it was decided whom to tell: what comes later decides nothing anew
told = Table(
    "told",
    metadata,
    Column("recipe", Integer, ForeignKey("recipes.id"), primary_key=True, autoincrement=False),
    Column("transition", String(16), primary_key=True),
)

#: messages, each to one receiver
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String(128), nullable=False, unique=True),
    #: null: a test, which is of nothing
    Column("recipe", Integer, ForeignKey("recipes.id")),
    Column("job", Integer, ForeignKey("jobs.id")),
    Column("owner", String(255), nullable=False),
    Column("transition", String(16), nullable=False),
    Column("method", String(16), nullable=False),
    Column("target", Text, nullable=False),
    Column("spec", JSON, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    #: when it is tried next; null: it is not
    Column("due", Float),
    Column("created", Float, nullable=False),
    Column("ended", Float),
    Column("reason", Text),
    Column("status", Integer),
    #: no foreign key: what it repeats may be forgotten before it is
    Column("copy_of", Integer),
    Index(None, "due"),
    Index(None, "state"),
    Index(None, "recipe"),
    Index(None, "job"),
    Index(None, "owner"),
    Index(None, "created"),
    sqlite_autoincrement=True,
)

delivery_attempts = Table(
    "delivery_attempts",
    metadata,
    Column("delivery", Integer, ForeignKey("deliveries.id", ondelete="CASCADE"), primary_key=True),
    #: from 1
    Column("number", Integer, primary_key=True),
    Column("began", Float, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("status", Integer),
    Column("reason", Text),
)

#: up to which event those have come who must look at each once
readers = Table(
    "readers",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("reached", Integer, nullable=False),
)

#: where users can be reached
addresses = Table(
    "addresses",
    metadata,
    Column("user", String(255), primary_key=True),
    Column("email", String(320)),
    Column("irc_handle", String(64)),
    Column("irc_server", String(255)),
)

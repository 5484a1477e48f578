"""The tables. Times are seconds since the epoch (UTC); migrations/ brings an older database here.

Their triggers are made by migration 0007: whatever changes one of what a recipe's document shows (tests/store has the
columns) raises the version of its recipe set. A migration that makes one of these tables anew makes its triggers, too.
"""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

#: one row: the last id given out; jobs, recipe sets, recipes, tasks and results share it
id_sequence = Table("id_sequence", metadata, Column("last", Integer, nullable=False))

tokens = Table(
    "tokens",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("user", String(255), nullable=False),
    Column("name", String(255), nullable=False),
    #: SHA-256 of the token
    Column("hash", String(64), nullable=False, unique=True),
    Column("scopes", JSON, nullable=False),
    Column("created", Float, nullable=False),
    Column("expires", Float),
    Column("revoked", Float),
)

systems = Table(
    "systems",
    metadata,
    Column("name", String(255), primary_key=True),
    Column("type", String(255)),
    Column("tags", JSON, nullable=False),
    Column("address", String(64)),
    Column("health", String(16), nullable=False),
    Column("reason", Text),
    #: the unfinished recipe that it holds; no foreign key, since recipes refer to systems
    Column("recipe", Integer),
    #: the newest recipe that it was given: whose gate its address opens
    Column("last_recipe", Integer),
    Column("last_seen", Float),
    Column("claimed_until", Float),
    #: SHA-256 of the system's own key
    Column("key_hash", String(64)),
    Column("description", Text, nullable=False, server_default=text("''")),
    #: the user whose machine it is
    Column("owner", String(255)),
)

#: those that workers connect to; each tells the whole of its fleet with every roll call
gateways = Table(
    "gateways",
    metadata,
    Column("id", String(64), primary_key=True),
    #: of its newest roll call
    Column("sequence", Integer, nullable=False),
    #: when that came
    Column("seen", Float, nullable=False),
)

workers = Table(
    "workers",
    metadata,
    Column("name", String(255), ForeignKey("systems.name", ondelete="CASCADE"), primary_key=True),
    #: MD5 of its password, in hex: the wire's challenge is answered with it, so it is as good as the password
    Column("password_md5", String(32), nullable=False),
    #: its tasks are to outlive its connection
    Column("detach", Boolean, nullable=False, server_default="0"),
    #: it is to be told to exit when it is free
    Column("shutdown", Boolean, nullable=False, server_default="0"),
    #: who said last that it is connected there; null: nobody, or that one said since that it is not
    Column("gateway", String(64)),
    Column("version", String(255)),
    #: where it called from
    Column("address", String(255)),
    Column("connected", Float),
    Column("heard", Float),
    #: the recipe that its gateway said it has in hand for it
    Column("in_hand", Integer),
    #: it has said that it wants to go
    Column("leaving", Boolean, nullable=False, server_default="0"),
)

#: one row: whether the lab gives out work, and how much
lab = Table(
    "lab",
    metadata,
    Column("health", String(16), nullable=False),
    Column("description", Text, nullable=False),
    #: recipes that have a system and are not finished; null: as many as there are systems
    Column("most_recipes", Integer),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("owner", String(255), nullable=False),
    Column("visibility", String(16), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("cancelling", Boolean, nullable=False),
    Column("settled", Boolean, nullable=False),
    Column("result", String(8), nullable=False),
    Column("verdict", String(16)),
    #: why that is its verdict, in a sentence
    Column("reason", Text),
    Column("submitted", Float, nullable=False),
    Column("started", Float),
    Column("finished", Float),
    #: the job that this one repeats
    Column("retry_of", Integer, ForeignKey("jobs.id")),
    #: what of the submitted document has no effect, one sentence each
    Column("warnings", JSON, nullable=False, server_default="[]"),
    #: whether a campaign makes its recipe sets
    Column("campaign", Boolean, nullable=False, server_default="0"),
    #: what its submitter noted about it
    Column("metadata", JSON, nullable=False, server_default="{}"),
    Index(None, "status"),
    Index(None, "owner"),
    #: jobs with which one is compared when somebody wants to be told of a turn
    Index("ix_jobs_owner_name", "owner", "name"),
    Index(None, "settled"),
)

job_tags = Table(
    "job_tags",
    metadata,
    Column("job", Integer, ForeignKey("jobs.id"), primary_key=True),
    Column("tag", String(255), primary_key=True),
    Index(None, "tag", "job"),
)

#: jobs as they were submitted
job_documents = Table(
    "job_documents",
    metadata,
    Column("job", Integer, ForeignKey("jobs.id"), primary_key=True, autoincrement=False),
    #: its media type
    Column("kind", String(64), nullable=False),
    Column("text", Text, nullable=False),
)

#: what no log of a job is to show
job_secrets = Table(
    "job_secrets",
    metadata,
    Column("job", Integer, ForeignKey("jobs.id"), primary_key=True, autoincrement=False),
    Column("secrets", JSON, nullable=False),
)

campaigns = Table(
    "campaigns",
    metadata,
    Column("job", Integer, ForeignKey("jobs.id"), primary_key=True, autoincrement=False),
    #: what it is to do
    Column("plan", JSON, nullable=False),
    #: where it is; run and test count from 1, attempts from 0
    Column("run", Integer, nullable=False),
    Column("test", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    #: when there is something to do; null: when its recipe set is settled, or never
    Column("due", Float),
    #: the set that it waits for
    Column("recipe_set", Integer, ForeignKey("recipe_sets.id")),
    Column("end", String(16)),
    Column("error", Text),
    Index(None, "due"),
)

campaign_runs = Table(
    "campaign_runs",
    metadata,
    Column("job", Integer, ForeignKey("campaigns.job"), primary_key=True),
    Column("run", Integer, primary_key=True),
    Column("started", Float, nullable=False),
)

campaign_attempts = Table(
    "campaign_attempts",
    metadata,
    Column("job", Integer, ForeignKey("campaigns.job"), primary_key=True),
    Column("run", Integer, primary_key=True),
    Column("test", Integer, primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("begun", Float, nullable=False),
    Column("targets", JSON, nullable=False),
    #: null: it got none
    Column("recipe_set", Integer, ForeignKey("recipe_sets.id")),
    #: why it got none
    Column("error", Text),
    Column("ended", Float),
    #: how many of its targets came through and how many failed; an error fails one
    Column("passed", Integer, nullable=False, server_default="0"),
    Column("failed", Integer, nullable=False, server_default="0"),
    Index(None, "recipe_set"),
)

campaign_reports = Table(
    "campaign_reports",
    metadata,
    Column("job", Integer, ForeignKey("campaigns.job"), primary_key=True),
    #: 0: of all runs
    Column("run", Integer, primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("reporter", String(32), nullable=False),
    Column("time", Float, nullable=False),
    Column("success", Boolean, nullable=False),
    Column("data", JSON),
)

recipe_sets = Table(
    "recipe_sets",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("job", Integer, ForeignKey("jobs.id"), nullable=False),
    Column("stage", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    #: raised by triggers with whatever a document of one of its recipes shows; nobody else writes it
    Column("version", Integer, nullable=False, server_default="0"),
    Index(None, "job"),
)

recipes = Table(
    "recipes",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("job", Integer, ForeignKey("jobs.id"), nullable=False),
    Column("recipe_set", Integer, ForeignKey("recipe_sets.id"), nullable=False),
    #: no foreign key: a system may go, what it ran stays
    Column("system", String(255)),
    #: the system that the submitter asked for; `system` is who got it
    Column("wanted_system", String(255)),
    Column("requires", JSON, nullable=False),
    Column("role", String(255)),
    Column("status", String(16), nullable=False),
    Column("cancelling", Boolean, nullable=False),
    Column("settled", Boolean, nullable=False),
    Column("late", Boolean, nullable=False),
    #: how many of its logs are not what was declared
    Column("damaged", Integer, nullable=False, server_default="0"),
    Column("result", String(8), nullable=False),
    Column("reason", Text),
    #: why it was ended from outside, or ended itself
    Column("cause", String(16)),
    Column("watchdog", Float),
    Column("max_seconds", Integer),
    Column("stop_on_fail", Boolean, nullable=False),
    Column("assigned", Float),
    #: when its system's harness asked for it; null while the system is only reserved
    Column("taken", Float),
    #: what leads to the archives of its commands, which take no other credentials
    Column("archive_secret", String(64)),
    Column("started", Float),
    Column("finished", Float),
    Column("closes", Float),
    #: what its installer said
    Column("install_started", Float),
    Column("install_finished", Float),
    Column("postinstall_finished", Float),
    #: the sync state that it waits for, and until when at the longest
    Column("waits_for", String(255)),
    Column("waits_until", Float),
    #: how many of its results its harness reported; triggers count
    Column("reported", Integer, nullable=False, server_default="0"),
    #: how large its logs are together, and how many are its tasks'; triggers count these, too
    Column("log_bytes", Integer, nullable=False, server_default="0"),
    Column("log_count", Integer, nullable=False, server_default="0"),
    Index(None, "job"),
    Index(None, "recipe_set"),
    Index(None, "status"),
    Index(None, "status", "wanted_system"),
    Index(None, "settled"),
    Index(None, "settled", "closes"),
    Index(None, "late"),
    Index(None, "watchdog"),
    Index(None, "finished"),
    #: few are: a sum over them is not to read all recipes
    Index("ix_recipes_damaged", "damaged", sqlite_where=text("damaged > 0")),
)

tasks = Table(
    "tasks",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("recipe", Integer, ForeignKey("recipes.id"), nullable=False),
    Column("name", Text, nullable=False),
    #: what its harness calls it
    Column("reported_name", Text),
    Column("role", String(255)),
    Column("params", JSON, nullable=False),
    Column("command", JSON),
    Column("script", Text),
    Column("fetch", Text),
    #: what it runs is made when its turn comes
    Column("later", Boolean, nullable=False, server_default="0"),
    Column("status", String(16), nullable=False),
    Column("result", String(8), nullable=False),
    Column("version", Text),
    Column("started", Float),
    Column("finished", Float),
    Column("closes", Float),
    #: it had not ended when its recipe was, from outside: what became of it is not known
    Column("lost", Boolean, nullable=False, server_default="0"),
    #: what its log tells is wanted while it runs
    Column("live", Boolean, nullable=False, server_default="0"),
    Index(None, "recipe"),
)

#: ports that running tasks wait for, and the controller looks at
port_waits = Table(
    "port_waits",
    metadata,
    Column("task", Integer, ForeignKey("tasks.id"), primary_key=True, autoincrement=False),
    Column("recipe", Integer, ForeignKey("recipes.id"), nullable=False),
    Column("host", String(255), nullable=False),
    Column("port", Integer, nullable=False),
    Column("protocol", String(8), nullable=False),
    #: seconds from the task's start on; null: as long as the recipe lives
    Column("timeout", Float),
    Column("interval", Float, nullable=False),
    #: when it is looked at next; null: it is over
    Column("due", Float),
    Index(None, "due"),
    Index(None, "recipe"),
)

results = Table(
    "results",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("recipe", Integer, ForeignKey("recipes.id"), nullable=False),
    Column("task", Integer, ForeignKey("tasks.id")),
    Column("path", Text),
    Column("result", String(8), nullable=False),
    Column("score", Integer),
    Column("message", Text),
    #: `harness` or `log`
    Column("source", String(16), nullable=False),
    Column("log", Text),
    Column("line", Integer),
    Column("time", Float, nullable=False),
    Column("measurement", Float),
    Column("units", String(255)),
    Index(None, "recipe", "id"),
    Index(None, "task"),
    Index("ix_results_recipe_log", "recipe", "log"),
    #: counts are read off it, without the rows
    Index("ix_results_recipe_source", "recipe", "source", "task", "result"),
)

logs = Table(
    "logs",
    metadata,
    Column("recipe", Integer, ForeignKey("recipes.id"), primary_key=True),
    #: URL path below /recipes/R/
    Column("path", Text, primary_key=True),
    Column("task", Integer, ForeignKey("tasks.id")),
    Column("result", Integer),
    Column("registered", Float, nullable=False),
    Column("size", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("declared_size", Integer),
    Column("declared_sha256", String(64)),
    Column("sha256", String(64)),
    Column("lines", Integer),
    Column("offsets", LargeBinary),
    Column("format", String(32)),
    #: [[kind, line, title], ...]
    Column("marks", JSON, nullable=False),
    #: id of the request that made it; null: httpd alone did, or it is older than these ids
    Column("request", String(64)),
    #: the line up to which it was told what tests wanted readers to know
    Column("signalled", Integer, nullable=False, server_default="0"),
    Index(None, "task"),
    #: declared logs that are not what was declared yet; a query must say it in these words, with no bound value
    Index(
        "ix_logs_awaited",
        "recipe",
        sqlite_where=text("state = 'growing' AND (declared_size IS NOT NULL OR declared_sha256 IS NOT NULL)"),
    ),
)

recipe_keys = Table(
    "recipe_keys",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("recipe", Integer, ForeignKey("recipes.id"), nullable=False),
    #: SHA-1 of `Bearer KEY`, and of `Basic base64(R:KEY)`: the names of its gate files
    Column("bearer", String(40), nullable=False),
    Column("basic", String(40), nullable=False),
    #: its system got it by claiming; what others ask for does not push it out
    Column("claimed", Boolean, nullable=False, server_default="0"),
    Column("created", Float, nullable=False),
    Index(None, "recipe"),
)

sync_states = Table(
    "sync_states",
    metadata,
    Column("recipe", Integer, ForeignKey("recipes.id"), primary_key=True),
    Column("state", String(255), primary_key=True),
    #: what the recipe said with it, as JSON
    Column("body", Text),
    Column("time", Float, nullable=False),
)

idempotency = Table(
    "idempotency",
    metadata,
    #: `user NAME` or `recipe R`: keys of different callers have nothing to do with one another
    Column("scope", String(300), primary_key=True),
    Column("key", String(255), primary_key=True),
    #: SHA-256 of what was asked
    Column("request", String(64), nullable=False),
    #: the id of the job or result that it made
    Column("made", Integer, nullable=False),
    Column("created", Float, nullable=False),
    Index(None, "created"),
)

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("time", Float, nullable=False),
    Column("topic", String(16), nullable=False),
    #: whose job's visibility decides who may read it; null: anyone who may read systems
    Column("job", Integer),
    Column("data", JSON, nullable=False),
    Index("ix_events_topic_id", "topic", "id"),
    sqlite_autoincrement=True,
)

"""The one door to core: every protocol, page and service reaches it through a `Gateway`."""

from collections.abc import Iterable

from attrs import frozen

from wsgi_app.clock import Clock, SteadyClock
from wsgi_app.config import Config
from wsgi_app.core.access import Access
from wsgi_app.core.addresses import Addresses
from wsgi_app.core.archives import Archives
from wsgi_app.core.bell import Bell
from wsgi_app.core.campaign.campaigns import Campaigns
from wsgi_app.core.cases import Cases
from wsgi_app.core.census import Census
from wsgi_app.core.change import Ground
from wsgi_app.core.deliveries import Deliveries
from wsgi_app.core.dossiers import Dossiers
from wsgi_app.core.drift import Drift
from wsgi_app.core.events import ANY_EVENT, Events
from wsgi_app.core.feed import Feed
from wsgi_app.core.filecopy import make_directory
from wsgi_app.core.gate import Gate
from wsgi_app.core.gateimage import GateImage
from wsgi_app.core.installs import Installs
from wsgi_app.core.jobs import Jobs
from wsgi_app.core.lab import TheLab
from wsgi_app.core.listing import Listing
from wsgi_app.core.logs import Logs
from wsgi_app.core.longreads import LongReads
from wsgi_app.core.machines import Machines
from wsgi_app.core.notices.decide import Notices
from wsgi_app.core.notifier import News, Notifier, Subject
from wsgi_app.core.portwaits import PortWaits
from wsgi_app.core.positions import Positions
from wsgi_app.core.queue import Queue
from wsgi_app.core.readiness import Readiness
from wsgi_app.core.recipes import Recipes
from wsgi_app.core.records import Records
from wsgi_app.core.restored import Restored
from wsgi_app.core.results import Results
from wsgi_app.core.rollcall import CALLED, Arrivals, RollCalls
from wsgi_app.core.scene import Scene
from wsgi_app.core.selection import Selections
from wsgi_app.core.steps import Steps
from wsgi_app.core.strays import Strays
from wsgi_app.core.sync import Sync, decided
from wsgi_app.core.systems import Systems
from wsgi_app.core.tail import KEPT, Tail
from wsgi_app.core.tasks import Tasks
from wsgi_app.core.tokens import Tokens
from wsgi_app.core.watchdogs import Watchdogs
from wsgi_app.core.workers import Workers
from wsgi_app.errors import Conflict
from wsgi_app.model import Event
from wsgi_app.states import FINISHED_RECIPE
from wsgi_app.store import events, soundness
from wsgi_app.store.db import Database

#: where a backup is made ready below the data directory; while it is there, nothing else is whole
STAGING = "restoring"
#: topics of what calls wait for: a job to settle, a system to get a recipe, peers to arrive or to end
WAITED_FOR = ["job", "system", "sync", "recipe"]


@frozen
class Gateway:
    """Core's nouns."""

    jobs: Jobs
    campaigns: Campaigns
    listing: Listing
    selections: Selections
    recipes: Recipes
    archives: Archives
    tasks: Tasks
    results: Results
    logs: Logs
    records: Records
    long_reads: LongReads
    cases: Cases
    lab: TheLab
    systems: Systems
    machines: Machines
    workers: Workers
    roll_calls: RollCalls
    queue: Queue
    sync: Sync
    port_waits: PortWaits
    installs: Installs
    watchdogs: Watchdogs
    gate_image: GateImage
    strays: Strays
    steps: Steps
    events: Events
    feed: Feed
    scene: Scene
    positions: Positions
    notices: Notices
    deliveries: Deliveries
    dossiers: Dossiers
    addresses: Addresses
    tokens: Tokens
    census: Census
    readiness: Readiness
    drift: Drift
    restored: Restored
    access: Access
    _ground: Ground

    @property
    def config(self) -> Config:
        """The settings that it was opened with."""
        return self._ground.config

    @property
    def clock(self) -> Clock:
        """What time it is, by the clock that stored times fit."""
        return self._ground.clock

    def send_home(self) -> None:
        """End all waiting calls of this process with what they have."""
        self._ground.notifier.close()

    def close(self) -> None:
        """End all waiting calls, and close the database."""
        self.send_home()
        self._ground.notifier.join()
        self._ground.db.close()


def open_gateway(config: Config, clock: Clock | None = None) -> Gateway:
    """Open the store below `config.data`, making or upgrading what is missing, and return the gateway to it.

    Raises `DatabaseCorrupt`, `Conflict` when it cannot be opened by this program as it is.
    """
    _require_whole(config)
    for directory in (config.data, config.logs, config.gate, config.run):
        make_directory(directory)
    database = Database(config.database)
    database.upgrade()

    tail = Tail()
    arrivals = Arrivals()

    def news(seen: int | None) -> News:
        with database.read() as tx:
            newest = events.latest(tx)
            if seen is None:
                return News(newest, ())
            called = [CALLED] if notifier.crowd(CALLED) and arrivals.any(tx) else []
            if newest == seen:
                return News(newest, called)
            # asked when `newest` is known: a stream that comes later reads the database first, and finds all this there
            if notifier.crowd(ANY_EVENT):
                tail.feed(seen, newest, events.load_told(tx, after=seen, limit=KEPT))
            new = events.load_events(tx, after=seen, limit=None, topics=WAITED_FOR, user=None, admin=True)
            return News(newest, {ANY_EVENT, *called, *(subject for event in new for subject in _concerned(event))})

    bell = Bell(config.run / "news")
    notifier = Notifier(news, config.max_waiters, bell)
    ground = Ground(config, database, Gate(config.gate), clock or SteadyClock(config.clock_mark), notifier)
    steps = Steps(ground)
    # before anything is stored by a clock that went back while the machine was off
    steps.follow()
    access = Access(ground)
    systems = Systems(ground, access)
    records = Records(ground, access)
    return Gateway(
        Jobs(ground, access),
        Campaigns(ground, access),
        Listing(ground, access),
        Selections(ground, access),
        Recipes(ground, access),
        Archives(ground),
        Tasks(ground, access),
        Results(ground, access),
        Logs(ground, access),
        records,
        LongReads(),
        Cases(ground, access, records),
        TheLab(ground, access),
        systems,
        Machines(ground, access, systems),
        Workers(ground, access, systems),
        RollCalls(ground, access),
        Queue(ground, access),
        Sync(ground, access),
        PortWaits(ground),
        Installs(ground, access),
        Watchdogs(ground, access),
        GateImage(ground),
        Strays(ground),
        steps,
        Events(ground, access, tail),
        Feed(ground, bell),
        Scene(ground),
        Positions(ground),
        Notices(ground),
        Deliveries(ground, access),
        Dossiers(ground, access),
        Addresses(ground, access),
        Tokens(ground, access),
        Census(ground, systems),
        Readiness(ground),
        Drift(ground),
        Restored(ground),
        access,
        ground,
    )


def _require_whole(config: Config) -> None:
    """Raise when the data is half of what it was: a new database would take all that is left for strays."""
    if (config.data / STAGING).exists():
        raise Conflict(f"{config.data} was not restored whole: repeat it (tackroom restore DIR --data {config.data})")
    database = config.database
    used = config.admin_token.exists() or (config.logs.is_dir() and any(config.logs.iterdir()))
    if used and (not database.exists() or (database.is_file() and not database.stat().st_size)):
        raise soundness.corrupt(database, "it is empty" if database.exists() else "it is gone")


def _concerned(event: Event) -> Iterable[Subject]:
    """Return what an event is about, as those who wait name it."""
    data = event.data
    if event.topic == "job":
        yield Subject("job", data["id"])
    elif event.topic == "system":
        yield Subject("system", data["name"])
    elif event.topic == "sync":
        yield from decided(data)
    elif data["status"] in FINISHED_RECIPE:
        yield Subject("set", data["recipe_set"])

"""How much there is of everything, for those who watch over the lab."""

from collections import Counter
from collections.abc import Mapping

from attrs import frozen

from wsgi_app.core import heartbeat, traffic
from wsgi_app.core.change import Ground
from wsgi_app.core.heartbeat import Beat
from wsgi_app.core.systems import Systems
from wsgi_app.core.traffic import Traffic
from wsgi_app.notification import DeliveryState
from wsgi_app.states import LogState, RecipeStatus, SystemHealth, SystemState
from wsgi_app.store import census as store
from wsgi_app.store import deliveries, events, recipes, systems, workers


@frozen
class Figures:
    """What there is at one moment; states that do not occur may be missing."""

    jobs: Mapping[RecipeStatus, int]
    recipes: Mapping[RecipeStatus, int]
    #: recipes that have finished, but not all of their logs are indexed
    unsettled: int
    #: seconds since the first of those finished, 0 when there is none
    oldest_unsettled: float
    #: recipe sets that wait for systems
    queue: int
    systems: Mapping[tuple[SystemState, SystemHealth], int]
    #: by what they do: idle, busy, offline
    workers: Mapping[str, int]
    logs: Mapping[LogState, int]
    results: int
    #: the id of the newest event
    last_event: int
    #: recipe sets whose watchdogs are past, and nobody has aborted them yet
    watchdogs_due: int
    #: what the indexer last said of itself (see `indexer.status`), None when it has said nothing
    indexer: Beat | None
    timer: Beat | None
    publisher: Beat | None
    #: what is sent to receivers outside, by how far it has come
    deliveries: Mapping[DeliveryState, int]
    traffic: Traffic


class Census:
    """Counts everything."""

    def __init__(self, ground: Ground, systems: Systems) -> None:
        self._ground = ground
        self._systems = systems

    def take(self) -> Figures:
        """Return the figures of this moment, all of one snapshot."""
        run = self._ground.config.run
        with self._ground.read() as tx:
            idle, busy, offline = workers.count_online(tx, self._ground.now(tx))
            waiting = store.unsettled(tx)
            since = waiting.since
            found = systems.load_systems(tx)
            return Figures(
                jobs=store.jobs_by_status(tx),
                recipes=store.recipes_by_status(tx),
                unsettled=waiting.recipes,
                oldest_unsettled=0.0 if since is None else max(0.0, self._ground.now(tx) - since),
                queue=store.queued_sets(tx),
                systems=Counter((self._systems.state(system), system.health) for system in found),
                workers={"idle": idle, "busy": busy, "offline": offline},
                logs=store.logs_by_state(tx),
                results=store.count_results(tx),
                last_event=events.latest(tx),
                watchdogs_due=len(recipes.overdue_sets(tx, self._ground.now(tx))),
                indexer=heartbeat.last(run / heartbeat.INDEXER),
                timer=heartbeat.last(run / heartbeat.TIMER),
                publisher=heartbeat.last(run / heartbeat.PUBLISHER),
                deliveries=deliveries.count_states(tx),
                traffic=Traffic.load(run / traffic.FILE) or Traffic(),
            )

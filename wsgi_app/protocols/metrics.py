"""Figures as Prometheus reads them. Source: https://prometheus.io/docs/instrumenting/exposition_formats/"""

from collections.abc import Iterable, Iterator

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from wsgi_app import __version__
from wsgi_app.core.census import Figures
from wsgi_app.states import LogState, RecipeStatus, SystemHealth, SystemState

CONTENT_TYPE = CONTENT_TYPE_LATEST


def exposition(figures: Figures) -> bytes:
    """Return the figures as text, from a registry that lives for one scrape: nothing of this process is in it."""
    registry = CollectorRegistry()
    registry.register(_Once(list(_families(figures))))
    return generate_latest(registry)


class _Once(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _families(figures: Figures) -> Iterator[Metric]:
    build = GaugeMetricFamily("tackroom_build_info", "The version, as a label", labels=["version"])
    build.add_metric([__version__], 1)
    yield build
    for name, what, counts in (
        ("tackroom_jobs", "Jobs by status", figures.jobs),
        ("tackroom_recipes", "Recipes by status", figures.recipes),
    ):
        family = GaugeMetricFamily(name, what, labels=["status"])
        for status in RecipeStatus:
            family.add_metric([status], counts.get(status, 0))
        yield family
    yield GaugeMetricFamily(
        "tackroom_recipes_unsettled", "Finished recipes whose logs are not all indexed", figures.unsettled
    )
    yield GaugeMetricFamily(
        "tackroom_recipes_unsettled_oldest_seconds",
        "Seconds since the first of the unsettled recipes finished, 0 when there is none",
        figures.oldest_unsettled,
    )
    yield GaugeMetricFamily("tackroom_queue_sets", "Recipe sets that wait for systems", figures.queue)
    systems = GaugeMetricFamily("tackroom_systems", "Systems by state and health", labels=["state", "health"])
    for state in SystemState:
        for health in SystemHealth:
            systems.add_metric([state, health], figures.systems.get((state, health), 0))
    yield systems
    logs = GaugeMetricFamily("tackroom_logs", "Registered logs by state", labels=["state"])
    for log_state in LogState:
        logs.add_metric([log_state], figures.logs.get(log_state, 0))
    yield logs
    yield GaugeMetricFamily("tackroom_results", "Results stored, of harnesses and of logs", figures.results)
    yield CounterMetricFamily("tackroom_events", "State changes so far: the id of the newest event", figures.last_event)

"""Figures as Prometheus reads them. Source: https://prometheus.io/docs/instrumenting/exposition_formats/"""

from collections.abc import Iterable, Iterator
from itertools import accumulate

from attrs import astuple
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from wsgi_app import __version__
from wsgi_app.core.census import Figures
from wsgi_app.core.traffic import BOUNDS, Traffic
from wsgi_app.notification import DeliveryState
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
    workers = GaugeMetricFamily(
        "tackroom_workers", "Workers by whether they are connected, and at work", labels=["state"]
    )
    for doing, count in figures.workers.items():
        workers.add_metric([doing], count)
    yield workers
    logs = GaugeMetricFamily("tackroom_logs", "Registered logs by state", labels=["state"])
    for log_state in LogState:
        logs.add_metric([log_state], figures.logs.get(log_state, 0))
    yield logs
    yield GaugeMetricFamily("tackroom_results", "Results stored, of harnesses and of logs", figures.results)
    yield GaugeMetricFamily(
        "tackroom_watchdogs_due", "Recipe sets past their watchdogs that nobody has aborted yet", figures.watchdogs_due
    )
    yield CounterMetricFamily("tackroom_events", "State changes so far: the id of the newest event", figures.last_event)
    deliveries = GaugeMetricFamily(
        "tackroom_deliveries", "Mails and calls to receivers outside by state, of those that are kept", labels=["state"]
    )
    for delivery_state in DeliveryState:
        deliveries.add_metric([delivery_state], figures.deliveries.get(delivery_state, 0))
    yield deliveries
    yield from _processes(figures)
    yield from _traffic(figures.traffic)


def _processes(figures: Figures) -> Iterator[Metric]:
    """Of processes that have given a sign of life: how long ago, and what the indexer said."""
    silent = GaugeMetricFamily(
        "tackroom_process_silent_seconds", "Seconds since a process gave a sign of life", labels=["process"]
    )
    for name, beat in (
        ("indexer", figures.indexer),
        ("timer", figures.timer),
        ("publisher", figures.publisher),
    ):
        if beat is not None:
            silent.add_metric([name], beat.age)
    yield silent
    said = {} if figures.indexer is None else figures.indexer.said
    for name, what, key in (
        ("tackroom_index_backlog", "Closed logs that wait for the indexer", "backlog"),
        ("tackroom_index_lag_seconds", "Seconds for which the first of them waits", "lag_seconds"),
        ("tackroom_inotify_watches", "Directories that the indexer watches", "watches"),
        ("tackroom_inotify_watches_limit", "Directories that one user's processes may watch", "watch_limit"),
    ):
        if key in said:
            yield GaugeMetricFamily(name, what, said[key])
    if "overflows" in said:
        yield CounterMetricFamily(
            "tackroom_inotify_overflows", "Times the kernel lost events, since the indexer started", said["overflows"]
        )
    told = {} if figures.publisher is None else figures.publisher.said
    if "readers" in told:
        yield GaugeMetricFamily("tackroom_publisher_readers", "Readers of events by WebSocket", told["readers"])
    if "dropped" in told:
        yield CounterMetricFamily(
            "tackroom_publisher_dropped",
            "Readers that took too little or were silent, since the publisher started",
            told["dropped"],
        )


def _traffic(traffic: Traffic) -> Iterator[Metric]:
    yield CounterMetricFamily("tackroom_logs_puts", "Uploads to logs that were accepted, ranges singly", traffic.puts)
    yield CounterMetricFamily("tackroom_logs_received_bytes", "Bytes of these uploads", traffic.bytes)
    calls = HistogramMetricFamily(
        "tackroom_call_duration_seconds",
        "How long calls took, waiting and streams included",
        labels=["method", "route", "status"],
    )
    for call, durations in sorted(traffic.calls.items(), key=lambda item: astuple(item[0])):
        bounds = [*(str(bound) for bound in BOUNDS), "+Inf"]
        buckets = list(zip(bounds, accumulate(durations.counts), strict=True))
        calls.add_metric([call.method, call.route, call.status], buckets, durations.seconds)
    yield calls

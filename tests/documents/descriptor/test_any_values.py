"""Whatever JSON stands anywhere in a descriptor, it is read or refused, and nothing else."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from descriptor import SMALL, changed, read_text
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine

from wsgi_app.campaign import (
    Campaign,
    PlannedTest,
    Reporter,
    ReporterKind,
    Step,
    StepKind,
    Target,
    TargetFile,
    TargetList,
)
from wsgi_app.core.campaign import duration
from wsgi_app.errors import BadDescriptor
from wsgi_app.store.campaigns import insert_campaign, load_plan
from wsgi_app.store.schema import metadata

NOWHERE = Path("/nonexistent")

WORDS = ["1s", "-1h", "cmd", "echo", "waitport", "noop", "URI", "a.json", "http://h/", "TargetList", "1.0", "=1%", "{{"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)


def places(value: Any, way: str = "") -> Iterator[str]:
    """Yield the path of every value in a descriptor."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inner:
        yield f"{way}{name}"
        yield from places(one, f"{way}{name}.")


@given(st.dictionaries(st.sampled_from(list(places(SMALL))), VALUES, min_size=1, max_size=1))
def test_any_value_anywhere(changes: dict[str, Any]) -> None:
    """A value of any kind at any place is taken, or refused as a descriptor that is wrong."""
    try:
        job = read_text(NOWHERE, json.dumps(changed(changes)))
    except BadDescriptor as error:
        assert error.message.strip()
        error.message.encode()
    else:
        assert job.campaign is not None


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_any_text(text: str | bytes) -> None:
    """A text that is no descriptor is refused as one."""
    with pytest.raises(BadDescriptor):
        read_text(NOWHERE, text)


@given(st.data())
def test_any_cut(data: st.DataObject) -> None:
    """A descriptor that ends somewhere in its middle is refused, with a byte that is no JSON in its place, too."""
    text = json.dumps(SMALL)
    cut = data.draw(st.integers(0, len(text) - 1))
    for broken in (text[:cut], f"{text[:cut]}\x00{text[cut:]}"):
        with pytest.raises(BadDescriptor):
            read_text(NOWHERE, broken)


PLAIN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
LABELS = st.from_regex(r"[a-zA-Z][a-zA-Z0-9_]{0,31}", fullmatch=True)
NAMES = PLAIN.filter(bool)
SECONDS = st.integers(0, 10**6).map(lambda milliseconds: milliseconds / 1000)
STATES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLAIN, inner, max_size=3),
    max_leaves=5,
)
TARGETS = st.builds(
    Target,
    NAMES.filter(str.strip),
    fqdn=PLAIN,
    ipv4=st.just("") | st.ip_addresses(v=4).map(str),
    ipv6=st.sampled_from(["", "fe80::1", "::"]),
    state=STATES,
)
LISTS = st.builds(TargetList, st.lists(TARGETS, max_size=3, unique_by=lambda target: target.id).map(tuple))
FILES = st.builds(
    TargetFile,
    st.sampled_from(["a.csv", "/b/c.csv"]),
    least=st.integers(0, 3),
    most=st.integers(0, 6666),
    prefixes=st.lists(st.sampled_from(["a", "b-"]), max_size=2).map(tuple),
    shuffle=st.booleans(),
)
STEPS = st.builds(
    Step,
    st.just(StepKind.CMD),
    LABELS,
    st.fixed_dictionaries({"executable": st.tuples(NAMES)}, optional={"args": st.lists(PLAIN, max_size=3).map(tuple)}),
)
TESTS = st.builds(
    PlannedTest,
    NAMES,
    LISTS | FILES,
    st.lists(STEPS, min_size=1, max_size=3, unique_by=lambda step: step.label).map(tuple),
    disabled=st.booleans(),
    retries=st.integers(0, 2**32 - 1),
    retry_interval=SECONDS,
)
REPORTERS = st.lists(
    st.just(Reporter(ReporterKind.NOOP)) | st.builds(Reporter, st.just(ReporterKind.TARGET_SUCCESS), st.just(">=50%")),
    min_size=1,
    max_size=3,
).map(tuple)
CAMPAIGNS = st.builds(
    Campaign,
    st.lists(TESTS, min_size=1, max_size=3).map(tuple),
    run_reporters=REPORTERS,
    final_reporters=REPORTERS,
    runs=st.integers(0, 2**64 - 1),
    run_interval=SECONDS,
    acquire_timeout=SECONDS,
    tags=st.lists(st.from_regex(r"[a-z-][a-z_-]{0,5}", fullmatch=True), max_size=3, unique=True).map(tuple),
)


def written(plan: Campaign) -> dict[str, Any]:
    """Return the descriptor of a campaign."""
    return {
        "JobName": "j",
        "Version": "1.0",
        "Tags": plan.tags,
        "Runs": plan.runs,
        "RunInterval": duration.spelled(plan.run_interval),
        "TargetManagerAcquireTimeout": duration.spelled(plan.acquire_timeout),
        "TestDescriptors": [written_test(test) for test in plan.tests],
        "Reporting": {
            "RunReporters": [written_reporter(one, "SuccessExpression") for one in plan.run_reporters],
            "FinalReporters": [written_reporter(one, "AverageSuccessExpression") for one in plan.final_reporters],
        },
    }


def written_reporter(reporter: Reporter, name: str) -> dict[str, Any]:
    """Return a reporter of a descriptor."""
    return {"Name": reporter.kind, "Parameters": {name: reporter.criterion}}


def written_test(test: PlannedTest) -> dict[str, Any]:
    """Return a test of a descriptor."""
    return {
        "Disabled": test.disabled,
        "RetryParameters": {"NumRetries": test.retries, "RetryInterval": duration.spelled(test.retry_interval)},
        **written_targets(test.targets),
        "TargetManagerReleaseParameters": None,
        "TestFetcherName": "literal",
        "TestFetcherFetchParameters": {
            "TestName": test.name,
            "Steps": [{"name": step.kind, "label": step.label, "parameters": step.params} for step in test.steps],
        },
    }


def written_targets(targets: TargetList | TargetFile) -> dict[str, Any]:
    """Return the target manager of a test."""
    if isinstance(targets, TargetFile):
        parameters: dict[str, Any] = {
            "FileURI": targets.file,
            "MinNumberDevices": targets.least,
            "MaxNumberDevices": targets.most,
            "HostPrefixes": targets.prefixes,
            "Shuffle": targets.shuffle,
        }
        return {"TargetManagerName": "CSVFileTargetManager", "TargetManagerAcquireParameters": parameters}
    listed = [
        {"ID": one.id, "FQDN": one.fqdn, "PrimaryIPv4": one.ipv4, "PrimaryIPv6": one.ipv6, "TMS": one.state}
        for one in targets.targets
    ]
    return {"TargetManagerName": "TargetList", "TargetManagerAcquireParameters": {"Targets": listed}}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """A database in memory."""
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@settings(max_examples=40)
@given(CAMPAIGNS)
def test_every_campaign(engine: Engine, plan: Campaign) -> None:
    """A campaign that is written as a descriptor is read to the same campaign, and stored as it is."""
    job = read_text(NOWHERE, json.dumps(written(plan)))
    assert job.campaign == plan
    with engine.connect() as tx:
        insert_campaign(tx, 1, plan, now=0.0)
        assert load_plan(tx, 1) == plan
        tx.rollback()

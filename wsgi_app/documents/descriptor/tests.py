"""The tests of a descriptor: how they are decoded, how their steps are fetched, and what is checked then."""

from collections.abc import Sequence

from attrs import frozen

from wsgi_app.campaign import PlannedTest
from wsgi_app.documents.descriptor import steps, targets
from wsgi_app.documents.descriptor.fetchers import Fetched, Fetching
from wsgi_app.documents.descriptor.fields import Fields, Raw
from wsgi_app.documents.descriptor.limits import TEST_NAME, check_length
from wsgi_app.documents.descriptor.wording import within
from wsgi_app.errors import BadDescriptor

_UINT32 = 2**32 - 1


@frozen
class Test:
    """A test, decoded as far as no plugin is needed for it."""

    fields: Fields
    disabled: bool
    retries: int
    retry_interval: float
    manager: str
    acquire: Raw
    release: Raw
    fetcher: str
    parameters: Raw


def decode(fields: Fields) -> Test:
    """Return a test. Raises `BadDescriptor`."""
    again = fields.section("RetryParameters")
    return Test(
        fields,
        disabled=fields.flag("Disabled"),
        retries=again.count("NumRetries", _UINT32),
        retry_interval=max(again.duration("RetryInterval") or 0.0, 0.0),
        manager=fields.text("TargetManagerName"),
        acquire=fields.raw("TargetManagerAcquireParameters"),
        release=fields.raw("TargetManagerReleaseParameters"),
        fetcher=fields.text("TestFetcherName"),
        parameters=fields.raw("TestFetcherFetchParameters"),
    )


def fetch(tests: Sequence[Test | None], fetching: Fetching) -> list[tuple[Test, Fetched]]:
    """Return all tests, each with what its fetcher finds. Raises `BadDescriptor`."""
    found = []
    for test in tests:
        if test is None:
            raise BadDescriptor("test description is null")
        found.append((test, fetching.fetch(test.fetcher, test.parameters)))
    return found


def build(test: Test, fetched: Fetched, warnings: list[str]) -> PlannedTest:
    """Return a test that has been checked, and add to the warnings. Raises `BadDescriptor`."""
    if not test.manager:
        raise BadDescriptor("could not validate test descriptor: target manager name cannot be empty")
    found = targets.build(test.manager, test.acquire, test.release, len(fetched.steps))
    with within("could not create step bundles"):
        built = steps.build(fetched.steps, warnings)
    check_length(fetched.name, "Test name", TEST_NAME)
    return PlannedTest(
        fetched.name,
        targets=found,
        steps=built,
        disabled=test.disabled,
        retries=test.retries,
        retry_interval=test.retry_interval,
    )

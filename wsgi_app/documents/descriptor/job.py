"""A job descriptor, decoded and then checked, in ConTest's order."""

import re
from collections.abc import Sequence
from typing import Any

from attrs import frozen

from wsgi_app.campaign import Campaign
from wsgi_app.core.excerpt import short
from wsgi_app.documents.descriptor import reporters, tests
from wsgi_app.documents.descriptor.fetchers import Fetching, Reader
from wsgi_app.documents.descriptor.fields import Fields
from wsgi_app.documents.descriptor.jsontext import Number, parse
from wsgi_app.documents.descriptor.limits import JOB_NAME, TAG, Budget, check_length
from wsgi_app.documents.descriptor.reporters import Named
from wsgi_app.documents.descriptor.tests import Test
from wsgi_app.documents.descriptor.wording import quoted, within
from wsgi_app.errors import BadDescriptor
from wsgi_app.submitted import NewJob

_MAJOR, _MINOR = 1, 0
_INTEGER = re.compile(r"[+-]?0*([0-9]*)", re.ASCII)
_TAG = re.compile(r"[a-zA-Z0-9_-]+", re.ASCII)
#: Go's uint
_MOST_RUNS = 2**64 - 1
#: seconds, of ConTest's default
_ACQUIRE_TIMEOUT = 300.0
#: warnings that a job keeps
_MOST_WARNINGS = 100
_GO_KINDS = {bool: "bool", str: "string", Number: "number", list: "array"}


def read_descriptor(text: str | bytes, sources: Reader) -> NewJob:
    """Read a descriptor to a job with a campaign, whose requestor is for the caller to say.

    Documents with steps are read from `sources`. Raises `BadDescriptor` with ConTest's message.
    """
    budget = Budget()
    descriptor = _decode(parse(text, budget))
    _check_version(descriptor.version)
    _check_tags(descriptor.tags)
    check_length(descriptor.name, "Job name", JOB_NAME)
    with within("could not validate job descriptor"):
        _check(descriptor)
    with within("error while building reporters bundles"):
        run_reporters = reporters.build(descriptor.run_reporters, reporters.RUN)
        final_reporters = reporters.build(descriptor.final_reporters, reporters.FINAL)
    with within("could not get steps descriptors"):
        fetched = tests.fetch(descriptor.tests, Fetching(sources, budget))
    warnings = list(descriptor.warnings)
    campaign = Campaign(
        tests=tuple(tests.build(test, found, warnings) for test, found in fetched),
        run_reporters=run_reporters,
        final_reporters=final_reporters,
        runs=descriptor.runs,
        run_interval=descriptor.run_interval,
        acquire_timeout=descriptor.acquire_timeout,
        tags=descriptor.tags,
    )
    return NewJob((), name=descriptor.name, warnings=_bounded(warnings), campaign=campaign)


@frozen
class Descriptor:
    """A descriptor, decoded."""

    name: str
    version: str
    tags: tuple[str, ...]
    runs: int
    run_interval: float
    tests: list[Test | None]
    run_reporters: list[Named]
    final_reporters: list[Named]
    acquire_timeout: float
    #: what of it has no effect, one sentence each
    warnings: list[str]


def _decode(value: Any) -> Descriptor:
    if value is not None and type(value) is not dict:
        raise BadDescriptor(f"json: cannot unmarshal {_GO_KINDS[type(value)]} into Go value of type job.Descriptor")
    fields = Fields(value, "")
    reporting = fields.section("Reporting")
    acquire_timeout = fields.duration("TargetManagerAcquireTimeout", optional=True)
    released = []
    if fields.duration("TargetManagerReleaseTimeout", optional=True) is not None:
        released.append("TargetManagerReleaseTimeout has no effect: targets are free at once")
    decoded = [None if inner is None else tests.decode(inner) for inner in fields.sections("TestDescriptors")]
    holders = [fields, reporting, *(test.fields for test in decoded if test is not None)]
    return Descriptor(
        name=fields.text("JobName"),
        version=fields.text("Version"),
        tags=fields.texts("Tags"),
        runs=fields.count("Runs", _MOST_RUNS),
        run_interval=fields.duration("RunInterval") or 0.0,
        tests=decoded,
        run_reporters=reporters.decode(reporting, "RunReporters"),
        final_reporters=reporters.decode(reporting, "FinalReporters"),
        acquire_timeout=_ACQUIRE_TIMEOUT if acquire_timeout is None else max(acquire_timeout, 0.0),
        warnings=released + [f"{place}: there is no such field" for holder in holders for place in holder.unread()],
    )


def _bounded(warnings: Sequence[str]) -> tuple[str, ...]:
    kept = tuple(short(warning) for warning in warnings[:_MOST_WARNINGS])
    more = len(warnings) - len(kept)
    return (*kept, f"{more} more of its fields and parameters have no effect") if more else kept


def _check_version(version: str) -> None:
    with within("Version Error"):
        if not version:
            raise BadDescriptor("Empty Job Descriptor Version Field!")
        parts = version.split(".")
        if len(parts) != 2:
            raise BadDescriptor(f"Incorrect Job Descriptor Version {short(version)}")
        major, minor = (_integer(part) for part in parts)
        if major != _MAJOR or minor > _MINOR:
            raise BadDescriptor(
                f"The Job Descriptor Version {short(version)} is not compatible with the server: {_MAJOR}.{_MINOR}"
            )


def _integer(text: str) -> int:
    """Return a number as Go's Atoi reads it: with a sign, with zeros in front, within 64 bits."""
    found = _INTEGER.fullmatch(text)
    if found is None or not text[-1:].isdigit():
        raise BadDescriptor(f"strconv.Atoi: parsing {quoted(text)}: invalid syntax")
    size = int(found[1] or "0") if len(found[1]) <= 19 else 2**64
    number = -size if text.startswith("-") else size
    if not -(2**63) <= number < 2**63:
        raise BadDescriptor(f"strconv.Atoi: parsing {quoted(text)}: value out of range")
    return number


def _check_tags(tags: Sequence[str]) -> None:
    seen: set[str] = set()
    for tag in tags:
        if not _TAG.fullmatch(tag):
            raise BadDescriptor(f"{quoted(tag)} is not a valid tag")
        if tag.startswith("_"):
            raise BadDescriptor(f"{quoted(tag)} is an internal tag and is not allowed")
        if tag in seen:
            raise BadDescriptor(f"duplicate tag {quoted(tag)}")
        check_length(tag, "Tag", TAG)
        seen.add(tag)


def _check(descriptor: Descriptor) -> None:
    if not descriptor.tests:
        raise BadDescriptor("need at least one TestDescriptor in the JobDescriptor")
    if not descriptor.name:
        raise BadDescriptor("job name cannot be empty")
    if descriptor.run_interval < 0:
        raise BadDescriptor("run interval must be non-negative")
    if not descriptor.run_reporters and not descriptor.final_reporters:
        raise BadDescriptor("at least one run reporter or one final reporter must be specified in a job")
    if not all(reporter.name.strip() for reporter in descriptor.run_reporters):
        raise BadDescriptor("run reporters cannot have empty or all-whitespace names")

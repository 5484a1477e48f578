"""A LAVA job's `notify`: who is told of it. Source: readers-lava.md section 10, LAVA's public documentation."""

from typing import Any, TypeVar

from wsgi_app.conditions import AllOf, Where
from wsgi_app.core.notices.check import check
from wsgi_app.documents.lavajob.fields import Fields, Path, Reading, exactly
from wsgi_app.documents.lavajob.question import condition, dependency
from wsgi_app.errors import BadLavaJob, Invalid
from wsgi_app.notification import (
    BodyForm,
    Callback,
    Compare,
    Criteria,
    Dataset,
    Method,
    Notify,
    Recipient,
    Turn,
    Verbosity,
    When,
)

_T = TypeVar("_T")

#: LAVA's words for what we have
_STATUSES = {
    "all": When.ALL,
    "finished": When.FINISHED,
    "running": When.RUNNING,
    "complete": When.COMPLETED,
    "incomplete": When.ABORTED,
    "canceled": When.CANCELLED,
}
_TURNS = {turn.value: turn for turn in Turn}
_VERBOSITIES = {verbosity.value: verbosity for verbosity in Verbosity}
_METHODS = {"email": Method.EMAIL, "irc": Method.IRC}
_DATASETS = {dataset.value: dataset for dataset in Dataset}
_FORMS = {form.value: form for form in BodyForm}
#: the user who owns the device, whoever that is
_DEVICE_OWNER = "{LAVA_DEVICE_OWNER}"
#: the last end that a turn can come with
_TURNED = {Turn.REGRESSION: When.ABORTED, Turn.PROGRESSION: When.COMPLETED}


def read_notify(fields: Fields, reading: Reading) -> Notify | None:
    """Return who is to be told; None: the job says nothing of that. Raises `BadLavaJob`."""
    if "notify" not in fields:
        return None
    block = fields.section("notify")
    if "criteria" not in block:
        raise BadLavaJob("it is missing", path=block.at("criteria"))
    criteria = _criteria(block.section("criteria"), reading)
    verbosity = _word(block, "verbosity", _VERBOSITIES) or Verbosity.QUIET
    recipients = tuple(
        _recipient(value, block.at("recipients", place), reading)
        for place, value in enumerate(block.array("recipients"))
    )
    callbacks = _callbacks(block, reading)
    compare = _compare(block.section("compare"), reading) if "compare" in block else None
    block.close(reading)
    notify = Notify(criteria, verbosity, recipients, callbacks, compare)
    try:
        check(notify)
    except Invalid as error:
        raise BadLavaJob(f"{_below(error.field)}{error.message}", path=("notify",)) from None
    return notify


def _criteria(fields: Fields, reading: Reading) -> Criteria:
    if "status" not in fields:
        raise BadLavaJob("it is missing", path=fields.at("status"))
    status = _word(fields, "status", _STATUSES) or When.ALL
    turn = _word(fields, "type", _TURNS)
    question = fields.text("dependency_query")
    if turn is not None and question is not None:
        raise BadLavaJob("type and dependency_query exclude each other", path=fields.path)
    if turn is not None and status not in (When.COMPLETED, When.ABORTED):
        raise BadLavaJob("type goes with status complete or incomplete", path=fields.at("type"))
    if question is not None and status is When.ALL:
        raise BadLavaJob("it does not go with status all", path=fields.at("dependency_query"))
    if turn is not None and status is not _TURNED[turn]:
        reading.warn(fields.at("type"), f"nobody is ever told: no job ends {_said(status)} by a {turn}")
    others = None if question is None else dependency(question, fields.at("dependency_query"))
    fields.close(reading)
    return Criteria(status, turn, others)


def _recipient(value: Any, path: Path, reading: Reading) -> Recipient:
    outer = Fields(value, path)
    if "to" not in outer:
        raise BadLavaJob("it is missing", path=outer.at("to"))
    to = outer.section("to")
    outer.close(reading)
    if "method" not in to:
        raise BadLavaJob("it is missing", path=to.at("method"))
    method = _word(to, "method", _METHODS) or Method.EMAIL
    user, email = to.text("user"), to.text("email")
    handle, server = to.text("handle"), to.text("server")
    to.close(reading)
    owner = user == _DEVICE_OWNER
    if method is Method.EMAIL:
        if user is None and email is None:
            raise BadLavaJob("who gets mail is a user or an email", path=to.path)
        handle = server = None
    else:
        if user is None and None in (handle, server):
            raise BadLavaJob("who is on IRC is a user, or a handle and a server", path=to.path)
        email = None
    return Recipient(method, None if owner else user, owner, email, handle, server)


def _callbacks(block: Fields, reading: Reading) -> tuple[Callback, ...]:
    if "callback" in block and "callbacks" in block:
        raise BadLavaJob("callback and callbacks exclude each other", path=block.path)
    if "callback" in block:
        return (_callback(block.section("callback"), reading),)
    return tuple(
        _callback(Fields(value, block.at("callbacks", place)), reading)
        for place, value in enumerate(block.array("callbacks"))
    )


def _callback(fields: Fields, reading: Reading) -> Callback:
    url = fields.needed_text("url")
    method = _word(fields, "method", {"GET": "GET", "POST": "POST"}) or "GET"
    token, header = fields.text("token"), fields.text("header") or "Authorization"
    dataset = _word(fields, "dataset", _DATASETS) or Dataset.MINIMAL
    form = _word(fields, "content-type", _FORMS) or BodyForm.URLENCODED
    if method == "POST" and form is BodyForm.URLENCODED and dataset in (Dataset.RESULTS, Dataset.ALL):
        reading.warn(fields.at("content-type"), "a form cannot say what results hold: json can")
    fields.close(reading)
    return Callback(url, method, token, header, dataset, form)


def _compare(fields: Fields, reading: Reading) -> Compare:
    blacklist = fields.texts("blacklist")
    base = _base(fields.section("query"), reading) if "query" in fields else None
    fields.close(reading)
    return Compare(blacklist, base)


def _base(fields: Fields, reading: Reading) -> Where:
    if "username" in fields or "name" in fields:
        raise BadLavaJob("there are no stored queries here: say entity and conditions", path=fields.path)
    entity = fields.needed_text("entity")
    if entity != "testjob":
        raise BadLavaJob("jobs are compared with jobs: expected testjob", path=fields.at("entity"))
    if "conditions" not in fields:
        raise BadLavaJob("it is missing", path=fields.at("conditions"))
    path = fields.at("conditions")
    found = [condition(f"{name}__{value}", (*path, name)) for name, value in fields.scalars("conditions").items()]
    if not found:
        raise BadLavaJob("it is empty", path=path)
    fields.close(reading)
    return AllOf(tuple(found))


def _word(fields: Fields, name: str, words: dict[str, _T]) -> _T | None:
    """Return what a word stands for, None when it is not there."""
    if name not in fields:
        return None
    value = exactly(str, fields.any(name), fields.at(name))
    if value not in words:
        raise BadLavaJob(f"expected {', '.join(words)}", path=fields.at(name))
    return words[value]


def _said(status: When) -> str:
    return next(word for word, meant in _STATUSES.items() if meant is status)


def _below(field: str | None) -> str:
    """Return where in the block it is, as the beginning of a sentence."""
    place = (field or "").removeprefix("notify").removeprefix(".")
    return f"{place}: " if place else ""

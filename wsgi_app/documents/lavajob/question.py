"""Questions about LAVA's jobs, as `notify` asks them, and the conditions that they are here.

`field__value`, `field__operator__value` or `table__field__operator__value`, with commas between them. Source:
readers-lava.md section 10.2, LAVA's public documentation of queries by conditions.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from wsgi_app.conditions import AllOf, AnyOf, Condition, Field, Lookup, Where
from wsgi_app.documents.lavajob.fields import Path
from wsgi_app.errors import BadLavaJob
from wsgi_app.states import RecipeStatus

#: conditions of one question
MOST = 20

_OPERATORS = (
    Lookup.EXACT,
    Lookup.IEXACT,
    Lookup.CONTAINS,
    Lookup.ICONTAINS,
    Lookup.STARTSWITH,
    Lookup.ISTARTSWITH,
    Lookup.ENDSWITH,
    Lookup.IENDSWITH,
    Lookup.GT,
    Lookup.GTE,
    Lookup.LT,
    Lookup.LTE,
)
_COMPARED = {Lookup.EXACT, Lookup.GT, Lookup.GTE, Lookup.LT, Lookup.LTE}
_WRITTEN = set(_OPERATORS) - {Lookup.GT, Lookup.GTE, Lookup.LT, Lookup.LTE}
#: LAVA's names for what is a text here
_TEXTS = {
    "description": Field.NAME,
    "job_name": Field.NAME,
    "submitter": Field.OWNER,
    "actual_device": Field.SYSTEM,
    "requested_device_type": Field.TYPE,
    "device_type": Field.TYPE,
    "tags": Field.TAG,
    "failure_comment": Field.REASON,
}
#: what may stand behind a name that leads to something of its own
_LEADS = {"username", "hostname", "name"}
_NUMBERS = {"id": Field.ID, "priority": Field.PRIORITY}
_TIMES = {"submit_time": Field.SUBMITTED, "start_time": Field.STARTED, "end_time": Field.FINISHED}

_SETTLED = Condition(Field.SETTLED, Lookup.EXACT, True)
_UNSETTLED = Condition(Field.SETTLED, Lookup.EXACT, False)
_HAS_SYSTEM = (RecipeStatus.SCHEDULED, RecipeStatus.WAITING)


def _is(status: RecipeStatus) -> Condition:
    return Condition(Field.STATUS, Lookup.EXACT, status)


_HEALTHS: dict[str, Where] = {
    "unknown": _UNSETTLED,
    "complete": AllOf((_SETTLED, _is(RecipeStatus.COMPLETED))),
    "incomplete": AllOf((_SETTLED, _is(RecipeStatus.ABORTED))),
    "canceled": AllOf((_SETTLED, _is(RecipeStatus.CANCELLED))),
}
_STATES: dict[str, Where] = {
    "submitted": AllOf((_UNSETTLED, _is(RecipeStatus.QUEUED))),
    "scheduled": AllOf((_UNSETTLED, Condition(Field.STATUS, Lookup.IN, _HAS_SYSTEM))),
    "running": AllOf((_UNSETTLED, _is(RecipeStatus.RUNNING))),
    "canceling": AllOf((_UNSETTLED, Condition(Field.CANCELLING, Lookup.EXACT, True))),
    "finished": _SETTLED,
}
#: LAVA's tables of which nothing can be asked here
_REFUSED = ("testsuite", "testcase", "device", "testset")
_METADATA = "namedtestattribute"


def dependency(text: str, path: Path) -> Where:
    """Return what a question with commas asks. Raises `BadLavaJob`."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) > MOST:
        raise BadLavaJob(f"it has more than {MOST} conditions", path=path)
    return AllOf(tuple(condition(part, path) for part in parts))


def condition(text: str, path: Path) -> Where:
    """Return what one condition asks. Raises `BadLavaJob`."""
    words = text.split("__")
    table = "testjob"
    if len(words) > 2 and words[0] in ("testjob", _METADATA, *_REFUSED):
        table = words.pop(0)
    if table in _REFUSED:
        raise BadLavaJob(f"of a job's {table} nothing can be asked here", path=path)
    name = words.pop(0).strip()
    if len(words) > 1 and words[0] in _LEADS and table == "testjob":
        del words[0]
    operator = Lookup.EXACT
    if len(words) > 1 and words[0] in _OPERATORS:
        operator = Lookup(words.pop(0))
    value = "__".join(words)
    if not name or not words:
        raise BadLavaJob("expected FIELD__VALUE, or FIELD__OPERATOR__VALUE", path=path)
    if table == _METADATA:
        return _compared(Field.METADATA, operator, value, _WRITTEN, path, (name,))
    return _of_job(name, operator, value, path)


def _of_job(name: str, operator: Lookup, value: str, path: Path) -> Where:
    if name in _TEXTS:
        return _compared(_TEXTS[name], operator, value, _WRITTEN, path)
    if name in _NUMBERS:
        return _compared(_NUMBERS[name], operator, _read(int, value, "a whole number", path), _COMPARED, path)
    if name in _TIMES:
        return _compared(_TIMES[name], operator, _read(_time, value, "a time", path), _COMPARED, path)
    for known, words in (("health", _HEALTHS), ("state", _STATES), ("status", {**_STATES, **_HEALTHS})):
        if name == known:
            if operator not in (Lookup.EXACT, Lookup.IEXACT):
                raise BadLavaJob(f"{name} cannot be compared by {operator}", path=path)
            if value.lower() not in words:
                raise BadLavaJob(f"{name} is one of {', '.join(words)}", path=path)
            return words[value.lower()]
    if name == "health_check":
        # there are none here
        return AnyOf(()) if value.lower() in ("true", "1") else AllOf(())
    raise BadLavaJob(f"jobs cannot be asked for their {name[:100]!r}", path=path)


def _compared(
    field: Field, operator: Lookup, value: Any, allowed: set[Lookup], path: Path, below: tuple[str, ...] = ()
) -> Condition:
    if operator not in allowed:
        raise BadLavaJob(f"{field} cannot be compared by {operator}", path=path)
    return Condition(field, operator, value, below)


def _read(read: Callable[[str], Any], value: str, what: str, path: Path) -> Any:
    try:
        return read(value.strip())
    except (ValueError, OverflowError):
        raise BadLavaJob(f"expected {what}, not {value[:100]!r}", path=path) from None


def _time(text: str) -> float:
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()

"""Recipes of which all sorts of things were said, for tests of how LAVA's readers see it."""

from recorded import Recorded, recorded

from wsgi_app.core.gateway import Gateway
from wsgi_app.model import Caller
from wsgi_app.states import ResultValue

#: all that a name must not break: quotes, markup, another plane, control characters, what a spreadsheet runs
NASTY = '=a "b" <c>&amp; \U0001f600 \x1b[31m\x7f\u2028 \\ é'

SMOKE = b"""booting
<LAVA_SIGNAL_STARTRUN 0_smoke 1234>
<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=up RESULT=pass MEASUREMENT=12 UNITS=s>
reading the disk
sector 17 is the hunter2 one
it cannot be read
<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=disk RESULT=fail>
\x1b[31mgoing on
<LAVA_SIGNAL_TESTSET START net>
<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=ping RESULT=skip>
<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=trace RESULT=unknown>
<LAVA_SIGNAL_TESTSET STOP>
<LAVA_SIGNAL_ENDRUN 0_smoke 1234>
"""


def spoken(gateway: Gateway, admin: Caller) -> Recorded:
    """A settled recipe of two tasks, with results of every value from harness and logs."""
    (found,) = recorded(gateway, admin, "smoke", "distribution/net io", secrets=("hunter2",))
    found.begin(0)
    found.write(0, SMOKE)
    found.end(0)
    found.begin(1)
    found.write(1, b"one\ntwo\n")
    for value in ResultValue:
        if value not in (ResultValue.NEW, ResultValue.PANIC):
            report(found, 1, value, f"distribution/net io/said/{value}", score=7 if value is ResultValue.PASS else None)
    report(found, 1, ResultValue.FAIL, NASTY, message=f"hunter2 {NASTY}")
    report(found, 1, ResultValue.PASS, "/")
    found.end(1)
    for place in (0, 1):
        found.indexed(place)
    found.settle()
    return found


def aborted(gateway: Gateway, admin: Caller) -> Recorded:
    """A settled recipe that was aborted while the first of its two tasks ran."""
    (found,) = recorded(gateway, admin, "hangs", "never begun")
    found.begin(0)
    gateway.recipes.abort(admin, found.recipe, "out of <paper>")
    found.settle()
    return found


def report(
    found: Recorded,
    place: int,
    value: ResultValue,
    path: str | None,
    *,
    score: int | None = None,
    message: str | None = None,
) -> int:
    """Say something of a task, as its harness would; return the id of the result."""
    task = found.tasks[place]
    said = found.gateway.results.report(
        found.admin, found.recipe, task, result=value, path=path, score=score, message=message
    )
    return said.id

"""The times that a LAVA job gives itself and its actions."""

from typing import Any

from attrs import frozen

from wsgi_app.documents.lavajob.fields import Fields, Path, Reading
from wsgi_app.documents.lavajob.limits import LONGEST
from wsgi_app.errors import BadLavaJob

_UNITS = {"days": 86400, "hours": 3600, "minutes": 60, "seconds": 1}
#: LAVA's actions that a test of ours is
_TEST_ACTIONS = ("lava-test-shell", "lava-test-retry")


@frozen
class Timeouts:
    """Seconds: of the job, and of a test that does not say; None: as long as the job."""

    job: int
    test: int | None

    def check(self, seconds: int | None, path: Path) -> int | None:
        """Return a time of a part of the job. Raises `BadLavaJob` when the job has less."""
        if seconds is not None and seconds > self.job:
            raise BadLavaJob(f"{seconds} s are more than the {self.job} s of the job", path=path)
        return seconds


def read_timeouts(value: Any, path: Path, reading: Reading) -> Timeouts:
    """Read `timeouts`; what is not of tests is passed over, with a warning."""
    fields = Fields(value, path)
    job = seconds_of(fields.needed("job"), fields.at("job"), reading)
    found = Timeouts(job, None)
    test = None
    if "action" in fields:
        test = found.check(seconds_of(fields.any("action"), fields.at("action"), reading), fields.at("action"))
    for name, below in fields.mapping("actions").items():
        place = fields.at("actions", name)
        seconds = found.check(seconds_of(below, place, reading), place)
        if name in _TEST_ACTIONS:
            test = seconds
        else:
            reading.warn(place, "only tests are run here: it has no effect")
    _pass_over(fields, found, reading)
    fields.close(reading)
    return Timeouts(job, test)


def seconds_of(value: Any, path: Path, reading: Reading) -> int:
    """Return the seconds of a timeout, which has one unit. Raises `BadLavaJob`."""
    fields = Fields(value, path)
    units = [unit for unit in _UNITS if unit in fields]
    if len(units) != 1:
        raise BadLavaJob(f"a timeout has one of {', '.join(_UNITS)}", path=path)
    size = _UNITS[units[0]]
    number = fields.number(units[0], least=1, most=LONGEST // size) or 1
    if fields.flag("skip"):
        reading.warn(fields.at("skip"), "nothing is skipped here: it has no effect")
    fields.close(reading)
    return number * size


def _pass_over(fields: Fields, found: Timeouts, reading: Reading) -> None:
    if "connection" in fields:
        found.check(seconds_of(fields.any("connection"), fields.at("connection"), reading), fields.at("connection"))
        reading.warn(fields.at("connection"), "there is no connection to wait for: it has no effect")
    for name, below in fields.mapping("connections").items():
        place = fields.at("connections", name)
        found.check(seconds_of(below, place, reading), place)
        reading.warn(place, "there is no connection to wait for: it has no effect")
    if "queue" in fields:
        seconds_of(fields.any("queue"), fields.at("queue"), reading)
        reading.warn(fields.at("queue"), "a job waits for its systems as long as it takes: it has no effect")

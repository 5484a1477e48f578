"""Following the access log: every line once, whatever is done with its file."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from wsgi_app.core.traffic import BOUNDS, Call, Traffic
from wsgi_app.errors import Unavailable
from wsgi_app.services.accesslog import AccessLog
from wsgi_app.services.routes import Routes

RULES = [
    "/jobs/",
    "/jobs/<id:job>",
    "/systems/<name>",
    "/recipes/<id:recipe>/",
    "/recipes/<id:recipe>/logs/<rest:name>",
]
LOG = "/recipes/{recipe}/logs/{name}"


def line(number: int, path: str = "/recipes/1/logs/a", verb: str = "PUT", status: int = 204, size: str = "10") -> str:
    """Return a line as httpd writes it."""
    head = f"2026-11-22T09:18:54.710+0000 id=id{number} client=127.0.0.1:4{number} {verb} {status} by=dav-handler"
    return f'{head} recipe=1 range="bytes 0-9/*" in={size} out=0 us=2954 + "{path}"\n'


class Place:
    """A directory with an access log, and whoever counts it."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.path = run / "access.log"
        self.log: AccessLog | None = None
        self.start()

    def start(self) -> None:
        """Start counting, as another process."""
        if self.log is not None:
            self.log.close()
        self.log = AccessLog(self.run, self.run / "traffic.json", Routes(RULES, "/lab/"))

    def write(self, *lines: str) -> None:
        """Write lines, as httpd does."""
        with self.path.open("a") as file:
            file.write("".join(lines))

    def puts(self) -> int:
        """Count what is new, and return how many uploads are counted by now."""
        assert self.log is not None
        self.log.follow()
        found = Traffic.load(self.run / "traffic.json")
        return 0 if found is None else found.puts


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A directory in which nothing was logged yet, or before anybody counted."""
    made = Place(tmp_path)
    yield made
    if made.log is not None:
        made.log.close()


def logged(number: int) -> str:
    """Return the line of an accepted upload below the prefix."""
    return line(number, "/lab/recipes/1/logs/a")


def test_what_is_counted(place: Place) -> None:
    """Accepted uploads of logs with their bytes; of all calls how long they took, by rule and class of status."""
    place.write(
        line(1, "/lab/recipes/1/logs/a"),
        line(2, '/lab/recipes/7/logs/b/c\\xc3\\xa4\\"\\\\', status=201),
        line(3, "/lab/recipes/1/logs/a", status=409),
        line(4, "/lab/recipes/1/logs/a", verb="GET", status=200),
        line(5, "/lab/jobs/12", verb="GET", status=404, size="-"),
        line(6, "/jobs/12", verb="BREW", status=400, size="-"),
        "no line of ours\n",
    )
    assert place.puts() == 2
    found = Traffic.load(place.run / "traffic.json")
    assert found is not None
    assert found.bytes == 20
    assert {call: sum(known.counts) for call, known in found.calls.items()} == {
        Call("PUT", LOG, "2xx"): 2,
        Call("PUT", LOG, "4xx"): 1,
        Call("GET", LOG, "2xx"): 1,
        Call("GET", "/jobs/{job}", "4xx"): 1,
        Call("other", "other", "4xx"): 1,
    }
    durations = found.calls[Call("PUT", LOG, "2xx")]
    assert durations.counts[BOUNDS.index(0.005)] == 2
    assert durations.seconds == pytest.approx(2 * 0.002954)


def test_half_a_line_is_left_for_later(place: Place) -> None:
    """httpd writes whole lines, but what is read may end anywhere."""
    text = logged(1) + logged(2)
    place.write(text[:30])
    assert place.puts() == 0
    place.write(text[30:-20])
    assert place.puts() == 1
    place.write(text[-20:])
    assert place.puts() == 2


def test_a_restart(place: Place) -> None:
    """Another process goes on where the last one was; what came in between is counted."""
    place.write(logged(1))
    assert place.puts() == 1
    place.write(logged(2))
    place.start()
    place.write(logged(3))
    assert place.puts() == 3
    assert place.puts() == 3


def test_a_rotation(place: Place) -> None:
    """A file that was put aside is read to its end, also what a running request writes into it later."""
    place.write(logged(1))
    assert place.puts() == 1
    place.write(logged(2))
    aside = place.path.rename(place.run / "access.log-20261122")
    place.write(logged(3))
    assert place.puts() == 3
    with aside.open("a") as file:
        file.write(logged(4))
    place.write(logged(5))
    assert place.puts() == 5


def test_rotations_while_nobody_counts(place: Place) -> None:
    """All files that came to be meanwhile are read, and what was read is not read again, whatever it is called now."""
    place.write(logged(1))
    assert place.puts() == 1
    place.write(logged(2))
    place.path.rename(place.run / "access.log.2")
    place.write(logged(3))
    place.path.rename(place.run / "access.log.1")
    place.write(logged(4))
    place.start()
    assert place.puts() == 4
    (place.run / "access.log.1").rename(place.run / "access.log.9")
    place.start()
    assert place.puts() == 4


def test_a_file_whose_inode_comes_again(place: Place) -> None:
    """The new file may well get the number of the old one: it is another by its first line."""
    place.write(*map(logged, range(10, 20)))
    assert place.puts() == 10
    number = place.path.stat().st_ino
    for attempt in range(50):
        place.path.unlink()
        place.start()
        place.write(logged(20 + attempt), *map(logged, range(100, 120)))
        if place.path.stat().st_ino == number:
            break
    before = 10
    assert place.puts() == before + 21


def test_the_first_start(place: Place) -> None:
    """What was put aside before anybody counted is not counted; the present file is."""
    old = place.run / "access.log.1"
    old.write_text(logged(1))
    os.utime(old, (1e9, 1e9))
    place.write(logged(2))
    place.start()
    assert place.puts() == 1


def test_counts_that_cannot_be_read(place: Place) -> None:
    """Counters may begin anew; nothing else happens."""
    place.write(logged(1))
    assert place.puts() == 1
    for text in ("", "{", "[]", '{"puts": "x"}'):
        (place.run / "traffic.json").write_text(text)
        place.start()
        assert place.puts() == 1


def test_a_place_that_cannot_be_written(place: Place) -> None:
    """It is said, and counted once it can be."""
    place.write(logged(1))
    (place.run / "traffic.json.new").mkdir()
    with pytest.raises(Unavailable, match=r"traffic\.json\.new"):
        place.puts()
    (place.run / "traffic.json.new").rmdir()
    place.write(logged(2))
    assert place.puts() == 2


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("/lab/jobs/", "/jobs/"),
        ("/lab/jobs", "/jobs/"),
        ("/lab/jobs/12", "/jobs/{job}"),
        ("/lab/jobs/12345678901", "other"),
        ("/lab/systems/a1b2", "/systems/{name}"),
        ("/lab/recipes/5/", "/recipes/{recipe}/"),
        ("/lab/recipes/5/logs/x/y z", LOG),
        ("/lab/recipes/5/tasks/6/logs/x", "/recipes/{recipe}/tasks/{task}/logs/{name}"),
        ("/lab/recipes/5/tasks/6/results/7/logs/x", "/recipes/{recipe}/tasks/{task}/results/{result}/logs/{name}"),
        ("/lab/recipes/5/logs/\n", LOG),
        ("/jobs/", "other"),
        ("/lab/nowhere", "other"),
        ("", "other"),
    ],
)
def test_rules(path: str, rule: str) -> None:
    """A path is counted by its rule, however long the ids and names in it."""
    assert Routes(RULES, "/lab/").of(path) == rule

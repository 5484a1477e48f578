"""Starts in flight: those that are identical have one token, whatever becomes of who began them."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from wsgi_app.core.flights import ABANDONED, Flights

#: begins a flight, tells its token, and is killed or waits
_OTHER = """
import os, signal, sys
from pathlib import Path
from wsgi_app.core.flights import Flights
with Flights(Path(sys.argv[1])).flight("user a", b"what") as token:
    print(token, flush=True)
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def flights(tmp_path: Path) -> Flights:
    """Flights of a directory that is not there yet."""
    return Flights(tmp_path / "flights")


def test_identical_starts_share_a_token(flights: Flights, tmp_path: Path) -> None:
    """Who starts the same meanwhile has the same token; another user, and another thing, has its own."""
    with ExitStack() as stack:
        tokens = [stack.enter_context(flights.flight("user a", b"what")) for _ in range(3)]
        assert len(set(tokens)) == 1
        others = {stack.enter_context(flights.flight(*other)) for other in (("user b", b"what"), ("user a", b"that"))}
        assert len(others | set(tokens)) == 3
    assert list((tmp_path / "flights").iterdir()) == []


def test_names_and_things_are_kept_apart(flights: Flights) -> None:
    """A space in a name does not make it another's start."""
    with flights.flight("user a", b"b what") as one, flights.flight("user a b", b"what") as other:
        assert one != other


def test_a_later_start_has_its_own(flights: Flights) -> None:
    """As soon as the first has landed, the next identical start is another, though others are still in flight."""
    first, second = flights.flight("user a", b"what"), flights.flight("user a", b"what")
    token = first.__enter__()
    assert second.__enter__() == token
    first.__exit__(None, None, None)
    with flights.flight("user a", b"what") as later:
        assert later != token
        second.__exit__(None, None, None)
        # whose landing leaves the later one in flight
        with flights.flight("user a", b"what") as joined:
            assert joined == later


@pytest.mark.parametrize(("age", "same"), [(0.0, True), (25.0, True), (31.0, False)])
def test_a_lost_answer(flights: Flights, tmp_path: Path, age: float, same: bool) -> None:
    """Where an answer may not have arrived, whoever starts the same within the time that was said has the token."""
    with flights.flight("user a", b"what", lambda: 30.0) as token:
        pass
    (file,) = (tmp_path / "flights").iterdir()
    then = file.stat().st_mtime - age
    os.utime(file, (then, then))
    with flights.flight("user a", b"what") as again:
        assert (again == token) is same
    with flights.flight("user a", b"what") as later:
        assert later not in (token, again)


def test_an_answer_that_another_got(flights: Flights, tmp_path: Path) -> None:
    """A lost answer keeps nothing when one who started the same has got it meanwhile."""
    lost, got = flights.flight("user a", b"what", lambda: 30.0), flights.flight("user a", b"what")
    assert lost.__enter__() == got.__enter__()
    got.__exit__(None, None, None)
    lost.__exit__(None, None, None)
    assert list((tmp_path / "flights").iterdir()) == []


def test_an_error_ends_a_flight(flights: Flights) -> None:
    """A start that failed is not joined."""
    tokens = []
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), flights.flight("user a", b"what") as token:
            tokens.append(token)
            raise ZeroDivisionError
    assert len(set(tokens)) == 2


def test_threads(flights: Flights) -> None:
    """Of many that begin at once all in flight have one token."""
    gate = threading.Barrier(16)

    def fly(_: int) -> str:
        gate.wait()
        with flights.flight("user a", b"what") as token:
            gate.wait()
            return token

    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(fly, range(16)))) == 1


@pytest.mark.parametrize("age", [0, ABANDONED + 1])
def test_another_process(flights: Flights, tmp_path: Path, age: float) -> None:
    """A process in flight shares its token for as long as it flies; killed, it leaves it for a while."""
    directory = tmp_path / "flights"
    vector = [sys.executable, "-c", _OTHER, str(directory)]
    with subprocess.Popen(vector, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        token = process.stdout.readline().strip()
        (file,) = directory.iterdir()
        then = file.stat().st_mtime - age
        os.utime(file, (then, then))
        joined = flights.flight("user a", b"what")
        # however long ago it began
        assert joined.__enter__() == token
        process.stdin.close()
        assert process.wait(20) == -signal.SIGKILL
    # whoever joined has not landed: the file is there, and he is alive
    with flights.flight("user a", b"what") as third:
        assert third == token
    joined.__exit__(None, None, None)


@pytest.mark.parametrize(("age", "same"), [(0.0, True), (ABANDONED - 10, True), (ABANDONED + 1, False)])
def test_a_killed_process(flights: Flights, tmp_path: Path, age: float, same: bool) -> None:
    """A flight whose process was killed goes on with whoever starts the same soon after; later it is forgotten."""
    directory = tmp_path / "flights"
    vector = [sys.executable, "-c", _OTHER, str(directory)]
    done = subprocess.run(vector, input="", capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL, done
    (file,) = directory.iterdir()
    then = file.stat().st_mtime - age
    os.utime(file, (then, then))
    with flights.flight("user a", b"what") as token:
        assert (token == done.stdout.strip()) is same
    assert list(directory.iterdir()) == []


def test_what_killed_starts_have_left_is_swept(tmp_path: Path) -> None:
    """Files of starts that were killed go when others start; not those of who may come again, nor of who flies."""
    directory = tmp_path / "flights"
    directory.mkdir()
    old = time.time() - ABANDONED - 1
    for name in ("killed", "recent"):
        (directory / name).write_text(name)
    with Flights(directory).flight("user a", b"long"):
        (flying,) = {file for file in directory.iterdir() if file.name not in ("killed", "recent")}
        for file in (directory / "killed", flying):
            os.utime(file, (old, old))
        # another process
        with Flights(directory).flight("user b", b"what"):
            assert {file.name for file in directory.iterdir()} >= {"recent", flying.name}
            assert not (directory / "killed").exists()
    assert [file.name for file in directory.iterdir()] == ["recent"]


def test_an_empty_file(flights: Flights, tmp_path: Path) -> None:
    """A process that was killed before it had a token leaves nothing that is taken for one."""
    with flights.flight("user a", b"what"):
        (file,) = (tmp_path / "flights").iterdir()
    file.touch()
    with flights.flight("user a", b"what") as token:
        assert len(token) > 20

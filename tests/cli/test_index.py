"""`tackroom index` on data without a server, and where there is none. The rest: tests/faults/test_declared.py."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import reachable_directory, tackroom

from wsgi_app.config import Config
from wsgi_app.core import presence
from wsgi_app.core.gateway import open_gateway


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """The data of a Tackroom that does not run."""
    config = Config(data=tmp_path / "data")
    open_gateway(config).close()
    return config


def run(data: Path, *words: str, user: str | None = None) -> "subprocess.CompletedProcess[str]":
    """Run `tackroom index`, as another user where root runs the tests."""
    environ = {**os.environ, "TACKROOM_DATA": str(data)}
    vector = [*tackroom(), "index", *words]
    groups: list[str] | None = [] if user else None
    return subprocess.run(
        vector, env=environ, capture_output=True, text=True, check=False, user=user, extra_groups=groups, cwd="/"
    )


def test_without_a_server(config: Config) -> None:
    """Nothing runs, nothing is there: that is what it says, and there is nothing to read."""
    value = json.loads(run(config.data, "status", "--json").stdout)
    nothing = {"growing": 0, "finished": 0, "damaged": 0}
    assert value == {"running": False, "unsettled": 0, "oldest_unsettled": None, "late": 0, "logs": nothing}
    assert run(config.data, "status").stdout.splitlines()[0] == "indexer: does not run: tackroom serve starts it"
    done = run(config.data, "rebuild")
    assert (done.returncode, done.stdout, done.stderr) == (0, "0 logs read (0 B), 0 of them changed\n", "")


def test_an_indexer_is_seen_while_it_lives(config: Config) -> None:
    """Its lock says so, however many look."""
    assert not presence.is_present(config.run)
    with presence.present(config.run), presence.present(config.run):
        assert json.loads(run(config.data, "status", "--json").stdout)["running"] is True
    assert not presence.is_present(config.run)


def test_no_data(tmp_path: Path) -> None:
    """One sentence that says what to do."""
    done = run(tmp_path / "nowhere", "status")
    assert done.returncode == 1
    assert done.stderr.endswith("is not there: say where the data is with TACKROOM_DATA\n")
    assert not (tmp_path / "nowhere").exists()


@pytest.fixture
def foreign() -> Iterator[Path]:
    """Data that everyone may see, and only its owner write."""
    root = reachable_directory()
    config = Config(data=root / "data")
    open_gateway(config).close()
    for path in (config.data, config.database):
        path.chmod(0o755)
    yield config.data
    subprocess.run(["rm", "-rf", str(root)], check=True)


@pytest.mark.parametrize(("mode", "words"), [(0o755, "belongs to root"), (0o700, "somebody else's")])
def test_data_of_somebody_else(foreign: Path, mode: int, words: str) -> None:
    """Who neither owns it nor is root is told whom to ask."""
    if os.geteuid() != 0:
        foreign.chmod(0)
        done = run(foreign, "status")
        foreign.chmod(0o755)
        words = "somebody else's"
    else:
        foreign.chmod(mode)
        done = run(foreign, "rebuild", user="nobody")
    assert done.returncode == 1
    assert words in done.stderr
    assert "as root" in done.stderr

"""`tackroom doctor` and what Buildbot workers connect to: stopped, out of reach, forgotten, with an old certificate."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from certificates import Authority, Issued, make_authority
from lab import Lab, free_port, reachable_directory, running_lab, tackroom
from waiting import until

from wsgi_app.core import heartbeat
from wsgi_app.core.heartbeat import Heartbeat


@frozen
class Served:
    """A Tackroom that listens for workers, and what they are shown."""

    lab: Lab
    authority: Authority
    shown: Issued

    def examine(self, data: Path | None = None, **more: str) -> list[dict[str, Any]]:
        """Return what the doctor says of workers, of this Tackroom or of other data, with these settings on top."""
        settings = {**self.lab.environ, **more}
        nowhere = f"http://127.0.0.1:{free_port()}/"
        url = self.lab.url if data is None else nowhere
        said = doctor(TACKROOM_DATA=str(data or self.lab.data), TACKROOM_URL=url, **settings)
        return [one for one in said if one["check"] == "workers"]


def doctor(**environ: str) -> list[dict[str, Any]]:
    """Return all that it says."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TACKROOM_")}
    vector = [*tackroom(), "doctor", "--json"]
    done = subprocess.run(vector, env={**clean, **environ}, capture_output=True, text=True, check=False, timeout=60)
    assert "Traceback" not in done.stderr, done
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """One by `serve`, plainly and by TLS; its certificate is in a file that the tests may change."""
    place = reachable_directory()
    authority = make_authority(place)
    shown = authority.issue("shown", end=ends(days=400))
    shown.key.chmod(0o644)
    tls = {"TLS_LISTEN": f"127.0.0.1:{free_port()}", "CERTIFICATE": str(shown.certificate), "KEY": str(shown.key)}
    settings = {"LISTEN": f"127.0.0.1:{free_port()}", **tls}
    with running_lab("none", **{f"TACKROOM_BUILDBOT_{name}": value for name, value in settings.items()}) as lab:
        lab.workers_port("tls_port")
        yield Served(lab, authority, shown)
    shutil.rmtree(place)


@pytest.fixture
def data(served: Served) -> Iterator[Path]:
    """What another Tackroom left behind, which was killed: nobody gives signs of life there but the test."""
    place = reachable_directory() / "data"
    (place / "run").mkdir(parents=True)
    shutil.copy(served.lab.data / "tackroom.db", place)
    (place / "run" / "url").write_text(f"http://127.0.0.1:{free_port()}/\n")
    yield place
    shutil.rmtree(place.parent)


def ends(**of_now: float) -> str:
    """Return a moment so long from now, as a certificate has it."""
    return (datetime.now(UTC) + timedelta(**of_now)).strftime("%Y%m%d%H%M%SZ")


def test_who_is_there_is_told(served: Served) -> None:
    """How many are connected, and where: in a line that is in order."""
    [line] = served.examine()
    assert line["ok"], line
    assert line["what"].startswith("0 workers are connected to 127.0.0.1:")
    assert line["what"].endswith(" (TLS), 0 have a recipe")


def test_where_nobody_wants_workers_nothing_is_said(served: Served, data: Path) -> None:
    """`none` is in order; and so is the default where `serve` has not started it, whatever an earlier one left."""
    assert served.examine(TACKROOM_BUILDBOT_LISTEN="none", TACKROOM_BUILDBOT_TLS_LISTEN="") == []
    Heartbeat(data / "run" / heartbeat.WORKERS).beat(port=free_port(), answered=1.0)
    (data / "serve.lock").touch()
    os.utime(data / "serve.lock", (time.time() + 60,) * 2)
    assert served.examine(data, TACKROOM_BUILDBOT_LISTEN="", TACKROOM_BUILDBOT_TLS_LISTEN="") == []


def test_what_serve_started_by_itself_is_looked_at(served: Served, data: Path) -> None:
    """Where no setting says anything, it counts that `serve` has started it."""
    (data / "serve.lock").touch()
    os.utime(data / "serve.lock", (time.time() - 60,) * 2)
    Heartbeat(data / "run" / heartbeat.WORKERS).beat(port=free_port(), answered=1.0)
    [line] = served.examine(data, TACKROOM_BUILDBOT_LISTEN="", TACKROOM_BUILDBOT_TLS_LISTEN="")
    assert "not answered at" in line["what"]


def test_it_does_not_run(served: Served, data: Path) -> None:
    """It never did since the machine was started, though the settings say where workers come in."""
    [line] = served.examine(data)
    assert "does not run" in line["what"]
    assert "the output of 'tackroom serve'" in line["mend"]


def test_one_that_hangs_is_found_and_calls_are_answered_all_the_same(served: Served) -> None:
    """The process stands still: no sign of life. The lab controller is ready nevertheless: it can do without."""
    path = served.lab.data / "run" / heartbeat.WORKERS
    pid = json.loads(path.read_text())["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        value = json.loads(path.read_text())
        path.write_text(json.dumps({**value, "monotonic": value["monotonic"] - 100}))
        [line] = served.examine()
        assert "no sign of life for 10" in line["what"]
        assert "start 'tackroom serve' again" in line["mend"]
        answer = served.lab.call("GET", "/readyz")
        assert answer.status == 200, answer
    finally:
        os.kill(pid, signal.SIGCONT)
    until(lambda: all(line["ok"] for line in served.examine()), "it is well again", 20)


def test_a_place_where_nobody_answers(served: Served, data: Path) -> None:
    """A port that was not to be had, plainly and by TLS: each is told, with how to see who has it."""
    Heartbeat(data / "run" / heartbeat.WORKERS).beat(answered=1.0)
    port, tls_port = free_port(), free_port()
    places = {"TACKROOM_BUILDBOT_LISTEN": f"0.0.0.0:{port}", "TACKROOM_BUILDBOT_TLS_LISTEN": f"[::]:{tls_port}"}
    lines = served.examine(data, **places)
    assert [line["what"].partition(": ")[0] for line in lines] == [
        f"workers are not answered at 127.0.0.1:{port}",
        f"workers are not answered at [::1]:{tls_port} (TLS)",
    ]
    assert all("ss -ltnp" in line["mend"] for line in lines)


@pytest.mark.parametrize(("answered", "ok"), [(500.0, False), (20.0, True), (None, True)])
def test_a_controller_that_does_not_answer_it(served: Served, data: Path, answered: float | None, ok: bool) -> None:
    """Minutes without an answer are told; one that has only just started may have none yet."""
    child = subprocess.Popen(["sleep", "60"])
    try:
        path = data / "run" / heartbeat.WORKERS
        Heartbeat(path).beat(answered=answered)
        path.write_text(json.dumps({**json.loads(path.read_text()), "pid": child.pid}))
        [line] = served.examine(data)
    finally:
        child.kill()
        child.wait()
    assert line["ok"] == ok, line
    assert ok or "has not answered" in line["what"]


def test_a_certificate_that_ends_soon(served: Served) -> None:
    """Fewer than thirty days are told, on a gateway that has such a one."""
    soon = served.authority.issue("soon", end=ends(days=10.5))
    soon.key.chmod(0o644)
    shown = {"TACKROOM_BUILDBOT_CERTIFICATE": str(soon.certificate), "TACKROOM_BUILDBOT_KEY": str(soon.key)}
    place = {"TACKROOM_BUILDBOT_LISTEN": "none", "TACKROOM_BUILDBOT_TLS_LISTEN": f"127.0.0.1:{free_port()}"}
    with running_lab("none", **shown, **place) as lab:
        lab.workers_port("tls_port")
        [line] = Served(lab, served.authority, soon).examine()
    assert "is good for 10 more days" in line["what"]
    assert f"renew {soon.certificate}" in line["mend"]


def test_a_certificate_that_has_ended(served: Served) -> None:
    """It is told as what it is."""
    old = served.authority.expired()
    old.key.chmod(0o644)
    shown = {"TACKROOM_BUILDBOT_CERTIFICATE": str(old.certificate), "TACKROOM_BUILDBOT_KEY": str(old.key)}
    place = {"TACKROOM_BUILDBOT_LISTEN": "none", "TACKROOM_BUILDBOT_TLS_LISTEN": f"127.0.0.1:{free_port()}"}
    with running_lab("none", **shown, **place) as lab:
        lab.workers_port("tls_port")
        [line] = Served(lab, served.authority, old).examine()
    assert "is not valid now (certificate has expired)" in line["what"]


def test_a_certificate_that_was_renewed_is_not_shown_yet(served: Served, data: Path) -> None:
    """What is shown is what was in the file at the start: that is told, and to be mended when no worker is busy."""
    kept = served.shown.certificate.read_bytes()
    other = served.authority.issue("other", end=ends(days=700))
    try:
        shutil.copy(other.certificate, served.shown.certificate)
        [line] = served.examine()
        Heartbeat(data / "run" / heartbeat.WORKERS).beat(answered=1.0, workers=3, busy=1)
        lines = served.examine(data)
    finally:
        served.shown.certificate.write_bytes(kept)
    assert all(one["ok"] for one in lines), lines
    assert "another certificate" in lines[0]["what"]
    assert lines[1]["what"].startswith("3 workers are connected")
    assert "another certificate" in line["what"]
    assert line["mend"].endswith("start 'tackroom serve' again")
    [line] = served.examine()
    assert line["ok"], line

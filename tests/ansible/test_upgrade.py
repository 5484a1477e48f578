"""A lab controller of the commit before becomes one of this checkout under load; so do settings and certificates.

Two Buildbot workers run something meanwhile: one whose tasks end with their connection, and one whose tasks survive it.
"""

import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import told
from attrs import define, frozen
from atwork import AtWork, at_work
from buildbotworker import BuildbotWorker, worker_of
from certificates import make_authority
from controller import Controller
from nspawn import PLACE, machines
from plays import Play
from releases import Release, previous
from waiting import until

#: of it `tackroom config show` tells
SETTING = {"max_logs": 7000}


@frozen
class Step:
    """One play under load, and which calls had failed when it was over."""

    play: Play
    failures: dict[tuple[str, str], int]
    #: the main process of what workers connect to, when it was over
    gateway: int


@frozen
class Upgraded:
    """A controller that was upgraded, given another setting and another certificate, while a fleet worked."""

    controller: Controller
    before: Release
    #: the releases' names before and after
    releases: tuple[str, str]
    #: the certificate that callers see, in the end
    shown: bytes
    steps: dict[str, Step]
    #: the main process of what workers connect to, before anything
    gateway: int
    #: jobs of the two workers, once they had ended
    attached: Any
    detached: Any
    #: what the task of the detached one had put out
    output: bytes


@define
class Held:
    """A job on a worker, whose task ends when it is told to."""

    controller: Controller
    worker: BuildbotWorker
    job: int

    @classmethod
    def begin(cls, controller: Controller, worker: BuildbotWorker) -> "Held":
        """Submit it, and wait until it runs."""
        place = worker.directory
        script = f"echo begun; touch {place}/begun; until [ -e {place}/go ]; do sleep 1; done; echo done"
        job = controller.job({"name": "held", "script": script}, system=worker.name)["id"]
        until((worker.directory / "begun").exists, f"the task on {worker.name}", 60)
        return cls(controller, worker, job)

    def end(self) -> Any:
        """Tell it to end; return the job once it is settled."""
        (self.worker.directory / "go").touch()
        return self.controller.settled(self.job, 90)

    def output(self) -> bytes:
        """Return what it has put out."""
        recipe = self.controller.call("GET", f"/jobs/{self.job}").json["recipe_sets"][0]["recipes"][0]
        task = f"/recipes/{recipe['id']}/tasks/{recipe['tasks'][0]['id']}"
        return self.controller.call("GET", f"{task}/logs/taskout.log").body


@pytest.fixture(scope="module")
def upgraded(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upgraded]:
    """All of it, once; what was acknowledged meanwhile is proven to be there in the end."""
    before = previous(tmp_path_factory.mktemp("previous"))
    with machines(PLACE, ["ctl2"]) as made:
        controller = Controller.on(made["ctl2"])
        told.note(f"first play, {before.told}", controller.play(before).took, "s")
        old, gateway = current(controller), controller.main("tackroom-workers")
        place = tmp_path_factory.mktemp("workers")
        with (
            worker_of(controller, place, "attached") as one,
            worker_of(controller, place, "detached", detach=True) as other,
        ):
            attached, detached = Held.begin(controller, one), Held.begin(controller, other)
            with at_work(controller, "upgrade") as work:
                steps = {"upgrade": step(work, release)}
                given = authority(controller, tmp_path_factory.mktemp("ca"))
                steps["certificate"] = step(work, release, **given)
                first = attached.end()
                steps["setting"] = step(work, release, settings=SETTING, **given)
                second = detached.end()
                took = work.finish()
            output = detached.output()
        told.note("fleet under upgrade: acknowledged calls", work.fleet.ledger.tally.delivered(), "")
        told.note("fleet under upgrade: longest answer", max(work.fleet.ledger.tally.longest.values()), "s")
        told.note("fleet under upgrade: end and proof", took, "s")
        shown = ssl.get_server_certificate(("127.0.0.1", controller.port), timeout=30)
        certificate = ssl.PEM_cert_to_DER_cert(shown)
        releases = (old, current(controller))
        yield Upgraded(controller, before, releases, certificate, steps, gateway, first, second, output)


def step(work: AtWork, release: Release, **variables: object) -> Step:
    """Play while the fleet works, and let it work on for a while."""
    play = work.controller.play(release, **variables)
    work.get_on()
    failures = work.failures()
    print(f"{variables}: {play.took:.0f} s; {failures}; {work.fleet.ledger.tally}")
    return Step(play, failures, work.controller.main("tackroom-workers"))


def authority(controller: Controller, place: Path) -> dict[str, str]:
    """Make a certificate by another authority, which callers and the machine trust; return the variables for it."""
    other = make_authority(place, "Another CA")
    issued = other.issue(controller.machine.name, [f"DNS:{controller.machine.name}", "IP:127.0.0.1"])
    controller.trust(other.certificate)
    shutil.copy(other.certificate, controller.machine.tree / "usr/local/share/ca-certificates/other.crt")
    controller.machine.run("update-ca-certificates")
    return {"certificate": str(issued.certificate), "certificate_key": str(issued.key)}


def current(controller: Controller) -> str:
    """Return which release runs."""
    return controller.machine.run("readlink /opt/tackroom/current").stdout.strip()


@pytest.mark.parametrize("what", ["upgrade", "setting", "certificate"])
def test_no_upload_and_no_call_fails(upgraded: Upgraded, what: str) -> None:
    """New and growing logs, results, watchdogs, claims, meetings, readers: each call is answered, none by a 5xx."""
    told.note(f"play under load: {what}", upgraded.steps[what].play.took, "s")
    assert upgraded.steps[what].failures == {}, f"from {upgraded.before.told}"


def test_the_release_is_another(upgraded: Upgraded) -> None:
    """The new release runs, and the one before it is kept beside it."""
    old, new = upgraded.releases
    assert old != new
    machine = upgraded.controller.machine
    assert f"releases/{machine.run('readlink /opt/tackroom/previous').stdout.strip().rpartition('/')[2]}" == old
    assert upgraded.steps["upgrade"].play.changed > 0
    assert machine.run("tackroom doctor").returncode == 0


def test_no_task_of_a_worker_is_ended(upgraded: Upgraded) -> None:
    """While a task would end by it nothing is started anew, and the play says so; what survives does not keep it."""
    steps = upgraded.steps
    for one in (steps["upgrade"], steps["certificate"]):
        assert one.gateway == upgraded.gateway
        said = " ".join(one.play.output.split())
        assert (
            "changed after tackroom-workers was started. It goes on, for a start would end what attached run." in said
        )
    assert steps["setting"].gateway not in (0, upgraded.gateway)
    assert "changed after tackroom-workers" not in steps["setting"].play.output
    for job in (upgraded.attached, upgraded.detached):
        assert (job["status"], job["verdict"]) == ("Completed", "pass"), job
    assert upgraded.output == b"begun\ndone\n"
    release = upgraded.controller.machine.run(f"tr '\\0' ' ' < /proc/{steps['setting'].gateway}/cmdline").stdout
    assert upgraded.releases[1] in release


def test_settings_and_certificates_are_taken(upgraded: Upgraded) -> None:
    """The settings have the new value, and whoever connects sees the new certificate."""
    controller = upgraded.controller
    assert "max_logs = 7000" in (controller.machine.tree / "etc/tackroom/tackroom.toml").read_text()
    ours = (controller.machine.tree / "etc/tackroom/tls/controller.crt").read_text()
    assert upgraded.shown == ssl.PEM_cert_to_DER_cert(ours)

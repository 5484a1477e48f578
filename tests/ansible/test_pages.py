"""What the pages for operators say is done on bare machines, in the order of a lab controller's life."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from attrs import define, field
from certificates import make_authority
from lab import free_port
from nspawn import PLACE, Machine, machines
from outsider import Outsider
from pages import ROOT
from pasting import read
from typist import Typist

PAGES = {
    path.stem: page
    for path in (ROOT / "docs" / "howto").glob("*.md")
    if (page := read(path.read_text(encoding="utf-8"))).machines
}
#: what a package is made of
SOURCES = ("wsgi_app", "apache", "ansible", "docs", ".ci")
SOURCE_FILES = ("setup.py", "pyproject.toml", "README.md", "LICENSE", "Makefile")
#: where something would be left behind
PLACES = ("etc", "opt", "usr/local", "var/lib", "var/backups", "var/spool", "srv")
#: what packages of Debian leave there, beside what they own
LEFT_BY_PACKAGES = (
    "etc/ssl/certs/",
    "etc/rc",
    "etc/networks",
    "etc/alternatives/",
    "var/lib/",
    "etc/systemd/system/",
    "etc/ld.so.cache",
)
#: the log of the job on the page install
LOG = "recipes/3/tasks/4/logs/taskout.log"


@define
class Life:
    """A lab controller's: what its pages do to it, one after the other, each once."""

    first: Machine
    second: Machine
    ports: dict[str, int]
    typist: Typist
    outsider: Outsider
    #: what was on the bare machine
    bare: set[str]
    _begun: set[str] = field(factory=set)
    _done: set[str] = field(factory=set)

    def reach(self, name: str) -> None:
        """Do what the pages up to this one say, as far as that is not done, and look at what each promises."""
        for page, promises in LIFE.items():
            if page not in self._begun:
                self._begun.add(page)
                with promises(self):
                    self.typist.paste(PAGES[page])
                self._done.add(page)
            assert page in self._done, f"the page {page} has failed, and {name} stands on it"
            if page == name:
                return


@contextmanager
def install(life: Life) -> Iterator[None]:
    """Whoever trusts its CA can read the job's log; who does not know it does not believe that this is the lab."""
    yield
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        life.outsider.get("livez")
    life.outsider.trust(life.first.tree / "etc/tackroom/ca/ca.crt", "first")
    assert life.outsider.get(LOG) == (200, "hello\n")


@contextmanager
def rotate(life: Life) -> Iterator[None]:
    """Old key and token are void, the new ones are not; the CA is another one, which the old one's friends refuse."""
    root = life.first.tree / "root"
    known = make_authority(life.outsider.directory, "known to all")
    issued = known.issue("lab.example", ["DNS:lab.example"])
    shutil.copy(known.certificate, life.first.tree / "usr/local/share/ca-certificates/known.crt")
    life.first.run("update-ca-certificates")
    shutil.copy(issued.certificate, root / "lab.example.crt")
    shutil.copy(issued.key, root / "lab.example.key")
    before = {name: _read(root / name) for name in ("bench-1.key", "alice.token")}
    admin = _read(life.first.tree / "var/lib/tackroom/admin.token")
    yield
    (life.first.tree / "usr/local/share/ca-certificates/known.crt").unlink()
    life.outsider.trusts("first")
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        life.outsider.get("livez")
    life.outsider.trust(life.first.tree / "etc/tackroom/ca/ca.crt", "other")
    assert life.outsider.get("jobs/", before["alice.token"])[0] == 401
    assert life.outsider.get("jobs/", _read(root / "alice.token"))[0] == 200
    assert life.outsider.get("tokens/", admin)[0] == 401
    claim = "systems/bench-1/claim"
    assert life.outsider.post(claim, before["bench-1.key"])[0] in (401, 403)
    assert life.outsider.post(claim, _read(root / "bench-1.key"))[0] == 204


@contextmanager
def upgrade(life: Life) -> Iterator[None]:
    """Nobody who called meanwhile was refused; the release before is there still."""
    with life.outsider.calling("jobs/") as answers:
        yield
    assert len(answers) > 20
    assert {status for status, _ in answers} == {200}
    releases = life.first.run("ls /opt/tackroom/releases; readlink /opt/tackroom/current /opt/tackroom/previous").stdout
    assert [name.partition("-")[0].removeprefix("releases/") for name in releases.split()] == [
        "0.1.0.dev0",
        "0.1.0.dev1",
        "0.1.0.dev0",
        "0.1.0.dev1",
    ]
    assert life.outsider.get(LOG) == (200, "hello\n")


@contextmanager
def restore(life: Life) -> Iterator[None]:
    """Another machine has the lab now, and who trusts the lab's CA trusts it."""
    yield
    life.outsider.goes_to("lab2.example", life.ports["https2"])
    assert life.outsider.get(LOG) == (200, "hello\n")
    assert (life.second.tree / "var/lib/tackroom.damaged/tackroom.db").exists()
    life.outsider.goes_to("lab.example", life.ports["https"])


@contextmanager
def move(life: Life) -> Iterator[None]:
    """All is on the other machine, with its tokens and by its old name, and the old one rests, also after a boot."""
    admin = _read(life.first.tree / "var/lib/tackroom/admin.token")
    answered, jobs = life.outsider.get("jobs/", admin)
    assert answered == 200
    yield
    with pytest.raises(ConnectionRefusedError):
        life.outsider.get("livez")
    life.outsider.goes_to("lab.example", life.ports["https2"])
    assert life.outsider.get("jobs/", admin) == (200, jobs)
    assert life.outsider.get(LOG) == (200, "hello\n")
    assert life.first.run("systemctl is-enabled tackroom.target", check=False).stdout == "disabled\n"


@contextmanager
def uninstall(life: Life) -> Iterator[None]:
    """Nothing of ours is left: no unit, no user, no file."""
    yield
    assert life.first.run("systemctl list-units --all --no-legend 'tackroom*'").stdout == ""
    assert life.first.run("systemctl --failed --no-legend").stdout == ""
    assert life.first.run("getent passwd tackroom; getent group tackroom", check=False).stdout == ""
    life.first.run("rm -r tackroom")
    assert {name for name in _files(life.first) - life.bare if "tackroom" in name} == set()
    left = sorted(_files(life.first) - life.bare)
    owned = set(life.first.run("cat /var/lib/dpkg/info/*.list").stdout.split("\n"))
    assert [name for name in left if f"/{name}" not in owned and not name.startswith(LEFT_BY_PACKAGES)] == []


LIFE: dict[str, Callable[[Life], AbstractContextManager[None]]] = {
    page.__name__: page for page in (install, rotate, upgrade, restore, move, uninstall)
}


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    """Two bare machines, a checkout on the first, and ports of this machine's that they may have."""
    ports = {name: free_port() for name in ("https", "http", "https2")}
    with machines(PLACE, ["m1", "m2"]) as made:
        first, second = made["m1"], made["m2"]
        bare = _files(first)
        _checkout(first.tree / "root/source")
        # machines share this one's network, so they have ports of their own, which are none of the pages'
        _write(first, "host_vars/lab.example.yml", f"lab_controller_https_listen: 127.0.0.1:{ports['https']}\n")
        _write(first, "host_vars/lab2.example.yml", f"lab_controller_https_listen: 127.0.0.1:{ports['https2']}\n")
        for machine, other, name in ((first, second, "lab2.example"), (second, first, "lab.example")):
            machine.know(["lab.example", "lab2.example"])
            _write(machine, ".ssh/config", f"Host {name}\n  Port {other.port}\n  StrictHostKeyChecking accept-new\n")
            shutil.copy(machine.key, machine.tree / "root/.ssh/id_ed25519")
        instead = {
            "https://lab.example/": f"https://lab.example:{ports['https']}/",
            "http://lab.example/": f"http://lab.example:{ports['http']}/",
            "0.0.0.0:80": f"127.0.0.1:{ports['http']}",
        }
        typist = Typist({"lab.example": first, "lab2.example": second}, instead)
        outsider = Outsider(tmp_path_factory.mktemp("outsider"), "lab.example", ports["https"])
        yield Life(first, second, ports, typist, outsider, bare)


def _checkout(place: Path) -> None:
    for name in SOURCES:
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in SOURCE_FILES:
        shutil.copy(ROOT / name, place / name)


def _write(machine: Machine, name: str, text: str) -> None:
    file = machine.tree / "root" / name
    file.parent.mkdir(mode=0o700, exist_ok=True)
    file.write_text(text)


def _read(file: Path) -> str:
    return file.read_text().strip()


def _files(machine: Machine) -> set[str]:
    """Return the names of all that lies where something would be left behind."""
    return {str(path.relative_to(machine.tree)) for place in PLACES for path in (machine.tree / place).rglob("*")}


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", LIFE)
def test_page(name: str, life: Life) -> None:
    """Every command of the page works and says what the page shows, and afterwards all is as the page promises."""
    life.reach(name)


def test_no_page_is_left_out() -> None:
    """Every page that is for machines is pasted."""
    assert set(PAGES) == set(LIFE)

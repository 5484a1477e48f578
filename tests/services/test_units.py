"""systemd's units, looked at by systemd itself: in a root tree of their own, so that nothing of this machine counts."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import cast

import pytest
import yaml
from jinja2.nativetypes import NativeEnvironment

#: the services, and what systemd calls everything
SERVICES = ("web", "indexer", "timer", "httpd", "backup")
FILES = Path(__file__).resolve().parents[2] / "ansible/roles/lab_controller/files"
#: of 10: what each may be exposed to
MOST = 2.5


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root tree with our units, systemd's own, and the programs that ours start."""
    root = tmp_path_factory.mktemp("root")
    shutil.copytree(FILES / "systemd", root / "etc/systemd/system")
    shutil.copytree("/usr/lib/systemd/system", root / "usr/lib/systemd/system", symlinks=True)
    for program in ("bin/rm", "bin/kill", "usr/sbin/apache2", "opt/tackroom/current/bin/tackroom"):
        path = root / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o755)
    site = root / "etc/systemd/system/tackroom-.service.d/site.conf"
    site.write_text("[Service]\nWorkingDirectory=/var/lib/tackroom\nReadWritePaths=/var/lib/tackroom\n")
    return root


def _analyze(root: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    vector = ["systemd-analyze", f"--root={root}", *words]
    return subprocess.run(vector, capture_output=True, text=True, check=False, timeout=60)


def _security(root: Path, service: str) -> "subprocess.CompletedProcess[str]":
    threshold = f"--threshold={MOST * 10:.0f}"
    return _analyze(root, "security", "--offline=true", threshold, "--json=short", f"tackroom-{service}.service")


def test_systemd_understands_every_line(tree: Path) -> None:
    """`systemd-analyze verify` says nothing about any unit: no unknown setting, no program or unit that is missing."""
    units = sorted(path.name for path in (FILES / "systemd").iterdir() if path.is_file())
    assert {f"tackroom-{name}.service" for name in SERVICES} < set(units)
    done = _analyze(tree, "--man=no", "verify", *units)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_exposed_to_little(tree: Path, service: str) -> None:
    """`systemd-analyze security` gives each service 2.5 of 10 or less, and it is the shared drop-in that sees to it."""
    done = _security(tree, service)
    assert done.returncode == 0, done.stdout
    settings = {entry["name"]: entry["set"] for entry in json.loads(done.stdout)}
    for name in ("ProtectSystem=", "NoNewPrivileges=", "MemoryDenyWriteExecute=", "User=/DynamicUser="):
        assert settings[name], name
    assert settings["CapabilityBoundingSet=~CAP_NET_(BIND_SERVICE|BROADCAST|RAW)"] is (service != "httpd")
    assert settings["PrivateNetwork="] is (service not in ("httpd", "timer"))


def test_an_application_that_fetches_is_exposed_to_little_more(tree: Path, tmp_path: Path) -> None:
    """With the role's drop-in for `descriptor_hosts` the web has a network, and still no more than 2.5 of 10."""
    root = tmp_path / "root"
    shutil.copytree(tree, root, symlinks=True)
    template = (FILES.parent / "templates/network.conf.j2").read_text()
    lines = [line for line in template.splitlines() if not line.startswith(("{%", "#"))]
    drop_in = root / "etc/systemd/system/tackroom-web.service.d/network.conf"
    drop_in.parent.mkdir()
    drop_in.write_text("\n".join([*lines, ""]))
    done = _security(root, "web")
    assert done.returncode == 0, done.stdout
    settings = {entry["name"]: entry["set"] for entry in json.loads(done.stdout)}
    assert settings["PrivateNetwork="] is False
    assert settings["RestrictAddressFamilies=~AF_(INET|INET6)"] is False
    assert settings["RestrictAddressFamilies=~AF_PACKET"] is True


def test_git_is_there_where_it_may_ask_somebody() -> None:
    """The role installs git where `descriptor_hosts` names hosts, and nowhere else."""
    variables = yaml.safe_load((FILES.parent / "vars/main.yml").read_text())
    jinja = NativeEnvironment()

    def packages(settings: dict[str, object]) -> list[str]:
        names = ("lab_controller_own_packages", "lab_controller_fetching_packages")
        own, fetching = variables[names[0]], jinja.from_string(variables[names[1]])
        given = {names[0]: own, names[1]: fetching.render(lab_controller_settings=settings)}
        return cast(list[str], jinja.from_string(variables["lab_controller_apt_packages"]).render(given))

    assert packages({}) == packages({"descriptor_hosts": []}) == variables["lab_controller_own_packages"]
    assert packages({"descriptor_hosts": ["git.example"]}) == [*packages({}), "git"]


def test_without_the_shared_drop_in_no_service_would_pass(tree: Path, tmp_path: Path) -> None:
    """The measure measures: a unit that lost its hardening is told."""
    bare = tmp_path / "etc/systemd/system"
    bare.mkdir(parents=True)
    shutil.copy(tree / "etc/systemd/system/tackroom-web.service", bare)
    assert _security(tmp_path, "web").returncode != 0


def test_paths_of_the_data_are_the_default_everywhere() -> None:
    """Whoever has the data elsewhere replaces one path: every file names it in the same way."""
    named = set()
    for path in FILES.rglob("*"):
        if path.is_file():
            named |= set(re.findall(r"/var/lib/[a-z]+", path.read_text()))
    assert named == {"/var/lib/tackroom"}

"""A whole Debian 12, booted: systemd-nspawn on a tree of debootstrap's. What `make test-ansible` provisions.

Machines share this one's network: whatever listens on them listens on 127.0.0.1, on ports of its own. The names of all
machines are in the /etc/hosts of each. Needs root, debootstrap and systemd-container.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from attrs import define, field
from debian import Base, run
from lab import free_port
from pages import ROOT
from waiting import until

#: where machines are kept, and their base for the next time
PLACE = ROOT / "build/machines"
#: seconds until a machine must be up; it takes one when nothing else runs
BOOT_SECONDS = 90.0
#: seconds until it must have gone down
POWER_OFF_SECONDS = 90.0
#: seconds that a command may take when nobody says
COMMAND_SECONDS = 300.0


@define
class Machine:
    """A machine: `boot` it, reach it with `run`, take its power away with `kill`."""

    name: str
    directory: Path
    key: Path
    #: where its sshd listens, on 127.0.0.1
    port: int = field(factory=free_port)
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def tree(self) -> Path:
        """Its root file system."""
        return self.directory / "tree"

    @property
    def console(self) -> str:
        """What it said while it started and stopped."""
        return (self.directory / "console.log").read_text(errors="replace")

    @property
    def inventory(self) -> str:
        """Its line in an inventory of Ansible's."""
        options = f"-o UserKnownHostsFile={self.directory / 'known_hosts'} -o StrictHostKeyChecking=accept-new"
        return (
            f"{self.name} ansible_host=127.0.0.1 ansible_port={self.port} ansible_user=root "
            f"ansible_ssh_private_key_file={self.key} ansible_ssh_common_args='{options}'"
        )

    def install(self, base: Path) -> None:
        """Copy the base to be this machine's tree."""
        self.directory.mkdir(parents=True)
        run(["cp", "-a", "--reflink=auto", str(base), str(self.tree)])
        (self.tree / "etc/hostname").write_text(f"{self.name}\n")
        drop_in = f"Port {self.port}\nListenAddress 127.0.0.1\nPermitRootLogin prohibit-password\nUseDNS no\n"
        (self.tree / "etc/ssh/sshd_config.d/machine.conf").write_text(drop_in)
        home = self.tree / "root/.ssh"
        home.mkdir(mode=0o700, exist_ok=True)
        shutil.copy(self.key.with_suffix(".pub"), home / "authorized_keys")

    def know(self, names: Sequence[str]) -> None:
        """Let it find these names on this machine: its /etc/hosts is all the DNS there is."""
        (self.tree / "etc/hosts").write_text(f"127.0.0.1 localhost {self.name} {' '.join(names)}\n::1 localhost\n")

    def boot(self) -> None:
        """Switch it on, and wait until it can be reached. Fails when it does not come up."""
        log = (self.directory / "console.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                ["sh", "-c", _OWN_CGROUP + _POWER, f"tackroom-{self.name}-{self.port}", *self._nspawn()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.wait_until_up()

    def wait_until_up(self) -> None:
        """Wait until it can be reached, and has started all that it starts."""
        process = self._process
        assert process is not None, f"{self.name} was not switched on"

        def up() -> bool:
            assert process.poll() is None, f"{self.name} cannot boot here:\n{self.console[-3000:]}"
            asked = self.run("systemctl is-system-running", check=False, seconds=10.0)
            return asked.stdout.strip() in ("running", "degraded")

        until(up, f"{self.name} to boot; its console:\n{self.console[-2000:]}", BOOT_SECONDS)

    def power_off(self) -> None:
        """Shut it down in an orderly way."""
        process, self._process = self._process, None
        if process is not None:
            for nspawn in _children(process.pid):
                os.kill(nspawn, signal.SIGTERM)
            process.wait(POWER_OFF_SECONDS)

    def reboot(self) -> None:
        """Have it restart itself, and wait until it is up again."""
        before = self.boot_id()
        # the answer may be cut off
        self.run("systemctl reboot", check=False)
        self.wait_until_rebooted(before)

    def wait_until_rebooted(self, before: str) -> None:
        """Wait until it is up, and its boot is another one than `before`."""

        def another() -> bool:
            asked = self.run("cat /proc/sys/kernel/random/boot_id", check=False, seconds=10.0)
            return asked.returncode == 0 and asked.stdout.strip() != before

        until(another, f"{self.name} to reboot", BOOT_SECONDS)
        self.wait_until_up()

    def boot_id(self) -> str:
        """Return what its present boot is called by its kernel."""
        return self.run("cat /proc/sys/kernel/random/boot_id").stdout.strip()

    def kill(self) -> None:
        """Take its power away: nothing on it gets a moment more."""
        process, self._process = self._process, None
        if process is None:
            return
        nspawn = _children(process.pid)
        init = [pid for parent in nspawn for pid in _children(parent)]
        # from the outside in: each would see what it looks after end, and act
        process.kill()
        for pid in (*nspawn, *init):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()
        # the first process of a pid namespace is gone when all others are
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in init), f"{self.name} to be dead")

    def run(
        self, command: str, *, check: bool = True, text: str | None = None, seconds: float = COMMAND_SECONDS
    ) -> "subprocess.CompletedProcess[str]":
        """Run a shell command on it as root, over SSH; `text` is its standard input. Fails on a status not 0."""
        done = subprocess.run(
            [*self.ssh(), "--", command],
            input="" if text is None else text,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
        told = f"{self.name}: {command}: status {done.returncode}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
        assert not check or done.returncode == 0, told
        return done

    def ssh(self) -> list[str]:
        """Return the argument vector that reaches it."""
        options = {
            "BatchMode": "yes",
            "ConnectTimeout": "5",
            "LogLevel": "ERROR",
            "StrictHostKeyChecking": "accept-new",
            "UserKnownHostsFile": str(self.directory / "known_hosts"),
            # one login for many commands
            "ControlMaster": "auto",
            "ControlPath": f"/run/tackroom-ssh-{self.port}",
            "ControlPersist": "30",
        }
        flags = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        return ["ssh", *flags, "-i", str(self.key), "-p", str(self.port), "root@127.0.0.1"]

    def remove(self) -> None:
        """Switch it off, and give its room back."""
        self.kill()
        shutil.rmtree(self.tree, ignore_errors=True)

    def _nspawn(self) -> list[str]:
        shared = [f"--bind-ro={place}" for place in _package_files()]
        vector = ["systemd-nspawn", "--directory", str(self.tree), "--machine", self.name, "--boot", "--keep-unit"]
        # without a service manager on this machine there is nobody to register with
        vector += ["--register=no", "--resolv-conf=copy-host", "--link-journal=no", "--console=pipe", *shared]
        # no login prompt on a console that nobody has
        return [*vector, "--", "systemd.mask=console-getty.service"]


#: Each machine has a cgroup of its own, named after $0: two in one would take each other's processes for strays.
_OWN_CGROUP = """
while IFS=: read -r _ controllers path; do
    case $controllers in
        name=systemd) root=/sys/fs/cgroup/systemd ;;
        '') root=/sys/fs/cgroup/unified; [ -d $root ] || root=/sys/fs/cgroup ;;
        *) continue ;;
    esac
    mkdir -p "$root/$0" && echo $$ > "$root/$0/cgroup.procs"
done < /proc/self/cgroup
"""
#: nspawn ends with 133 when its machine asks to be rebooted.
_POWER = 'while "$@"; [ $? = 133 ]; do :; done'


@contextlib.contextmanager
def machines(place: Path, names: Sequence[str]) -> Iterator[dict[str, Machine]]:
    """Yield booted machines of these names, which know one another; they are gone afterwards.

    `place` is where trees are kept; the base stays there for the next time.
    """
    base = Base(place).tree()
    _forget_the_dead(place)
    directory = place / f"run-{os.getpid()}-{time.monotonic_ns()}"
    directory.mkdir(parents=True)
    key = directory / "key"
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)])
    made = {name: Machine(name, directory / name, key) for name in names}
    try:
        for machine in made.values():
            machine.install(base)
            machine.know(names)
        for machine in made.values():
            machine.boot()
        yield made
    finally:
        for machine in made.values():
            machine.remove()
        shutil.rmtree(directory, ignore_errors=True)


def _forget_the_dead(place: Path) -> None:
    """Give the room back that runs left behind which were ended before they could do so."""
    for left in place.glob("run-*"):
        if not Path("/proc", left.name.split("-")[1]).exists():
            shutil.rmtree(left, ignore_errors=True)


def _children(pid: int) -> list[int]:
    with contextlib.suppress(FileNotFoundError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _package_files() -> list[Path]:
    """Return the directories of this machine in which pip looks for packages, too."""
    configured = [os.environ.get("PIP_FIND_LINKS", "")]
    for path in (Path("/etc/pip.conf"), Path.home() / ".config/pip/pip.conf"):
        if path.exists():
            configured.append(path.read_text())
    found = re.findall(r"(?:file://|(?<=[\s=])|^)(/[\w./-]+)", "\n".join(configured))
    # the pages of an index name the files beside it
    places = {Path(place) for place in found if Path(place).is_dir()}
    return sorted({place.parent if place.name == "simple" else place for place in places})

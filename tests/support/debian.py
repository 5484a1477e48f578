"""A smallest Debian 12 as a tree of files, by debootstrap: what machines of tests are copied from.

It inherits this machine's way to the package registries: apt's sources and settings, pip's configuration, the
certificates that are trusted.
"""

import fcntl
import hashlib
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import frozen

#: packages of the smallest machine that can be reached: an installer leaves more than that
PACKAGES = ("systemd", "systemd-sysv", "dbus", "openssh-server", "python3", "ca-certificates", "sudo")
#: what would fetch packages, or look for disks, in the middle of a test
IDLE_UNITS = ("apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_all.timer", "dpkg-db-backup.timer", "ssh.socket")
#: which names in the environment are the way to the registries
WAY_OUT = re.compile(r"PIP_|SSL_CERT_|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|https?_proxy|no_proxy", re.IGNORECASE)

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n", re.DOTALL)
_BUNDLE = Path("etc/ssl/certs/ca-certificates.crt")


@frozen
class Base:
    """A tree that machines are copied from, made once: in `directory`, by what it is made of."""

    directory: Path

    def tree(self) -> Path:
        """Return the tree, made now if need be; it takes about a minute. One process makes it, others wait."""
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        with self.directory.with_name(self.directory.name + ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return self._tree()

    def _tree(self) -> Path:
        sources = _apt_sources()
        recipe = "\n".join([*PACKAGES, *IDLE_UNITS, *sources.values(), *_environment(), Path(__file__).read_text()])
        tree = self.directory / f"base-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
        if not tree.exists():
            # one is enough
            for old in self.directory.glob("base-*"):
                shutil.rmtree(old, ignore_errors=True)
            fresh = tree.with_name(tree.name + ".new")
            fresh.mkdir(parents=True)
            self._make(fresh, sources)
            fresh.rename(tree)
        return tree

    def _make(self, tree: Path, sources: Mapping[str, str]) -> None:
        mirror = re.search(r"(?:^URIs:|^deb(?: \[[^]]*\])?)\s+(\S+)", "\n".join(sources.values()), re.MULTILINE)
        assert mirror is not None, "apt has no sources on this machine"
        debootstrap = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", "bookworm", str(tree)]
        # what it mounts in the tree is gone when it ends, however it ends: nobody removes a half-made tree through that
        run(["unshare", "--mount", "--propagation", "private", *debootstrap, mirror[1]], 600)
        (tree / "etc/apt/sources.list").unlink(missing_ok=True)
        for name, text in sources.items():
            (tree / name).write_text(text)
        for name in ("etc/pip.conf", "root/.config/pip/pip.conf"):
            if Path("/", name).exists():
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(Path("/", name), tree / name)
        self._trust(tree)
        (tree / "etc/environment").write_text("".join(f"{line}\n" for line in _environment()))
        # a machine of its own at its first boot, and nobody is asked for its language
        (tree / "etc/machine-id").unlink(missing_ok=True)
        run(["systemctl", f"--root={tree}", "mask", *IDLE_UNITS, "systemd-firstboot.service"])

    def _trust(self, tree: Path) -> None:
        """Have the tree trust what this machine trusts, also when the tree's own store is made anew."""
        known = set(_CERTIFICATE.findall((tree / _BUNDLE).read_bytes()))
        for certificate in set(_CERTIFICATE.findall(Path("/", _BUNDLE).read_bytes())) - known:
            name = f"host-{hashlib.sha256(certificate).hexdigest()[:12]}.crt"
            (tree / "usr/local/share/ca-certificates" / name).write_bytes(certificate)
        run(["chroot", str(tree), "update-ca-certificates"])


def run(vector: Sequence[str], seconds: float = 120.0) -> None:
    """Run a command on this machine. Fails on a status not 0."""
    done = subprocess.run(vector, capture_output=True, text=True, check=False, timeout=seconds)
    assert done.returncode == 0, f"{shlex.join(vector)}: {done.stdout[-2000:]}{done.stderr[-2000:]}"


def _apt_sources() -> dict[str, str]:
    """Return apt's sources and settings on this machine, by their paths below the root."""
    paths = [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*.sources")]
    paths += [*Path("/etc/apt/sources.list.d").glob("*.list"), *Path("/etc/apt/apt.conf.d").glob("*")]
    skipped = ("docker-", "20packagekit")
    return {
        str(path.relative_to("/")): path.read_text()
        for path in sorted(paths)
        if path.is_file() and not path.name.startswith(skipped)
    }


def _environment() -> list[str]:
    """Return how this machine reaches the registries, as lines of an environment file."""
    return sorted(f"{name}={value}" for name, value in os.environ.items() if WAY_OUT.match(name))

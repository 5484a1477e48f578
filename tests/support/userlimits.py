"""Limits of the kernel that hold for a Tackroom alone: it runs in a user namespace, which has its own."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from attrs import frozen

#: whoever is in the namespace is there who he was outside; root may still become others
_ENTER = """
import ctypes, os, sys
user, group = os.geteuid(), os.getegid()
users, groups = ("0 0 4294967295",) * 2 if user == 0 else (f"{user} {user} 1", f"{group} {group} 1")
ready, unshared = os.pipe()
outside = os.fork()
if outside == 0:
    os.close(unshared)
    if os.read(ready, 1):
        place = f"/proc/{os.getppid()}/"
        for name, value in (("setgroups", "deny"), ("uid_map", users), ("gid_map", groups))[user == 0 :]:
            with open(place + name, "w") as file:
                file.write(value)
        os._exit(0)
    os._exit(1)
if ctypes.CDLL(None).unshare(0x10000000) == 0:
    os.write(unshared, b"!")
os.close(unshared)
if os.waitpid(outside, 0)[1] != 0:
    sys.exit("no user namespace")
os.execvp(sys.argv[1], sys.argv[1:])
"""
#: who joins the namespace may do everything there, but only root keeps that beyond the start of another program
_SET = """
import ctypes, os, sys
pid, name, value = sys.argv[1:]
if ctypes.CDLL(None).setns(os.open(f"/proc/{pid}/ns/user", os.O_RDONLY), 0) != 0:
    sys.exit("not let into the namespace")
with open(f"/proc/sys/user/{name}", "w") as file:
    file.write(value)
"""


def within() -> Sequence[str]:
    """Return what goes before a command that is to have its own limits; skips the test where that is not allowed."""
    words = [sys.executable, "-c", _ENTER]
    done = subprocess.run([*words, "true"], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"no user namespaces on this machine: {done.stderr.strip()}")
    return words


@frozen
class UserLimits:
    """Those of the namespace that the process `pid` is in."""

    pid: int

    def set(self, name: str, value: int) -> None:
        """Let every user have at most so many, such as `max_inotify_watches`."""
        if Path(f"/proc/{self.pid}/ns/user").readlink() == Path("/proc/self/ns/user").readlink():
            raise AssertionError(f"process {self.pid} has no limits of its own")
        subprocess.run([sys.executable, "-S", "-c", _SET, str(self.pid), name, str(value)], check=True)

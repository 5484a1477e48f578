"""What tasks do in these tests, and what must be left of them."""

import os
import subprocess

from tests.restraint.bench import Given, words
from tests.restraint.client import Restraintd, Task


def ordinary(task: Task) -> int:
    """A task that makes use of everything."""
    task.output(b"begin\n")
    assert task.report_result("/sub", "PASS", 7, ("dmesg.log", words(24402, "dmesg"))) == 0
    assert task.report_log("big.log", words(404000, "big")) == 0
    task.adjust_watchdog(600)
    task.output(b"end\n")
    return 0


def failing(task: Task) -> int:
    """A task that ends with status 3."""
    task.output(b"no\n")
    return 3


def quiet(task: Task) -> int:
    """A task that ends well and says nothing."""
    task.output(b"yes\n")
    return 0


def fetched(task: Task) -> int:
    """A task that runs what was fetched, as restraint does: its own variables, and nothing of the controller's."""
    assert task.fetched is not None
    env = {
        "HOME": "/root",
        "LANG": "en_US.UTF-8",
        "TERM": "vt100",
        "PATH": os.environ["PATH"],
        "HARNESS_PREFIX": "RSTRNT_",
    }
    argv = task.fetched.entry_point.split(" ")
    done = subprocess.run(argv, cwd=task.fetched.place, env=env, capture_output=True, check=False, timeout=60)
    task.output(done.stdout + done.stderr)
    return done.returncode


def over(task: Task) -> int:
    """A task that had ended before it was fetched: nothing of it runs."""
    status = fetched(task)
    assert bytes(task.daemon.memory.logs["taskout.log"]) == b"The recipe has ended: there is nothing to run.\n"
    return status


def never(_task: Task) -> int:
    """A task that must not run."""
    raise AssertionError("this task has ended already")


def ranges(daemon: Restraintd, name: str) -> list[str]:
    """The ranges in which a log was sent."""
    return [one.content_range for one in daemon.trace if one.target.endswith(name) and one.status != 401]


def require_ordinary(given: Given) -> None:
    """Fail unless `ordinary` and then `failing` have left everything."""
    job = given.settled()
    assert (job["status"], job["verdict"]) == ("Completed", "fail")
    first, second = given.tasks
    found = given.results()
    assert [(one["task"], one["result"], one["path"], one["score"]) for one in found] == [
        (first, "Pass", "/sub", 7),
        (second, "Fail", "exit_code", 768),
    ]
    given.require_log(f"tasks/{first}/results/{found[0]['id']}/logs/dmesg.log", words(24402, "dmesg"))
    given.require_log(f"tasks/{first}/logs/big.log", words(404000, "big"))
    given.require_log(f"tasks/{first}/logs/taskout.log", b"begin\nend\n")
    given.require_log(f"tasks/{second}/logs/taskout.log", b"no\n")

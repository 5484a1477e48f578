"""SIGHUP to `serve` in the worst moments: httpd has just died, or nothing can be started; the lab goes on."""

import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab import Lab
from waiting import until

READ = "httpd reads its configuration again"


def said(lab: Lab, words: str) -> int:
    """How often it has said so."""
    return lab.said.read_text().count(words)


def asleep(pid: int) -> bool:
    """Whether a process was stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_a_reload_for_an_httpd_that_has_died(apache_lab: Lab) -> None:
    """The signal waits for the next httpd; it goes to no process that has the dead one's number."""
    lab, serve = apache_lab, apache_lab.process
    assert serve is not None
    before, old = said(lab, READ), lab.pids("apache2")[0]
    # both happen before serve looks
    serve.send_signal(signal.SIGSTOP)
    until(lambda: asleep(serve.pid), "serve to stand still")
    serve.send_signal(signal.SIGHUP)
    os.kill(old, signal.SIGKILL)
    serve.send_signal(signal.SIGCONT)
    until(lambda: said(lab, READ) > before, "the reload", 20)
    until(lambda: lab.call("GET", "/livez").status == 200, "an answer", 20)
    assert serve.poll() is None
    assert lab.pids("apache2")[0] != old
    assert "Traceback" not in lab.said.read_text()


@contextmanager
def one_file(pid: int) -> Iterator[None]:
    """Let a process open one more file for a while: enough to read one, too few to start a process."""
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    taken = {int(entry.name) for entry in Path(f"/proc/{pid}/fd").iterdir()}
    free = next(number for number in range(before[0]) if number not in taken)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (free + 1, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def test_nothing_can_be_started(apache_lab: Lab) -> None:
    """Without descriptors `serve` says what it cannot do, and does it when it can; httpd answers all the while."""
    lab, serve = apache_lab, apache_lab.process
    assert serve is not None
    before = said(lab, READ)
    with one_file(serve.pid):
        serve.send_signal(signal.SIGHUP)
        until(lambda: said(lab, "httpd goes on as it is"), "serve's words")
        os.kill(lab.pids("wsgi_app.cli timer")[0], signal.SIGKILL)
        until(lambda: said(lab, "timer cannot be started"), "serve's words")
        assert lab.call("GET", "/livez").status == 200
    until(lambda: lab.pids("wsgi_app.cli timer"), "the timer", 20)
    serve.send_signal(signal.SIGHUP)
    until(lambda: said(lab, READ) > before, "the reload")
    assert serve.poll() is None
    assert "Traceback" not in lab.said.read_text()

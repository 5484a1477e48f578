"""What befalls a provisioned lab controller: processes die or stand still, the machine restarts, its power goes."""

import time
from collections.abc import Iterator
from functools import partial

import pytest
import told
from atwork import at_work
from controller import SERVICES, Controller
from waiting import until

#: seconds within which a service that died is there again: systemd waits one, and it has to start
RETURN_SECONDS = 20.0
#: who must give signs of life
WATCHED = ("tackroom-web", "tackroom-indexer", "tackroom-timer", "tackroom-publisher", "tackroom-workers")
#: what a service that gives no sign of life is given in these tests, and how long it takes until another is there
WATCHDOG = 6
WATCHDOG_SECONDS = 60.0


def test_killed_services_return(controller: Controller) -> None:
    """kill -9 of each service's main process, under a fleet: it is there again in seconds, and nothing is lost."""
    with at_work(controller, "kills") as work:
        for service in SERVICES:
            began, before = time.monotonic(), controller.main(service)
            controller.machine.run(f"kill -KILL {before}")
            until(partial(another, controller, service, before), f"{service} again", RETURN_SECONDS)
            told.note(f"{service} returns after kill -9", time.monotonic() - began, "s", RETURN_SECONDS)
            work.get_on()
        work.finish()


@pytest.fixture
def short_watchdog(controller: Controller) -> Iterator[None]:
    """Services that must give signs of life more often; the machine forgets it at its next boot, too."""
    drop_ins = [f"/run/systemd/system/{service}.service.d" for service in WATCHED]
    anew = "systemctl daemon-reload && systemctl restart tackroom-web tackroom-workers"
    for drop_in in drop_ins:
        text = f"[Service]\nWatchdogSec={WATCHDOG}\n"
        controller.machine.run(f"mkdir -p {drop_in} && cat > {drop_in}/test.conf", text=text)
    controller.machine.run(anew)
    yield
    controller.machine.run(f"rm -r {' '.join(drop_ins)} && {anew}")
    until(partial(all_run, controller), "all services", RETURN_SECONDS)


@pytest.mark.usefixtures("short_watchdog")
def test_services_that_hang_are_replaced(controller: Controller) -> None:
    """One that stands still, all its processes, gives no sign of life: systemd ends it and starts another."""
    for service in WATCHED:
        # what has not come up is waited for, and not watched yet
        until(partial(all_run, controller), "all services", RETURN_SECONDS)
        began, before = time.monotonic(), controller.main(service)
        controller.machine.run(f"systemctl kill --signal=STOP {service}")
        until(partial(another, controller, service, before), f"another {service}", WATCHDOG_SECONDS)
        told.note(f"{service} is replaced when it hangs, watchdog {WATCHDOG} s", time.monotonic() - began, "s")
        assert f"{service}.service: Watchdog timeout" in controller.words()
    until(controller.ready, "its answer", RETURN_SECONDS)


@pytest.mark.parametrize("fault", ["reboot", "power cut"])
def test_the_machine_restarts(controller: Controller, fault: str) -> None:
    """In the middle of uploads it reboots, or its power goes: all comes back by itself, recipes and logs go on."""
    with at_work(controller, fault.replace(" ", "-")) as work:
        began = time.monotonic()
        if fault == "reboot":
            controller.machine.reboot()
        else:
            controller.machine.kill()
            controller.machine.boot()
        until(controller.ready, "the lab controller to be there again", WATCHDOG_SECONDS)
        told.note(f"{fault}: ready again", time.monotonic() - began, "s")
        work.get_on()
        work.finish()
    assert controller.machine.run("tackroom doctor").returncode == 0


def another(controller: Controller, service: str, before: int) -> bool:
    """Whether a service runs, and not as that process."""
    return controller.main(service) not in (0, before) and controller.show(service, "ActiveState") == "active"


def all_run(controller: Controller) -> bool:
    """Whether all services have come up."""
    return all(controller.show(service, "ActiveState") == "active" for service in SERVICES)

"""A lab controller that tells by mail, callback and ZMQ, as its inventory says."""

from collections.abc import Iterator
from typing import Any

import pytest
from acting import Acting
from attrs import frozen
from controller import Controller
from freeports import free_port
from mailserver import MailServer, taking_mail
from receiver import PRIVATE, Receiver, receiving
from releases import Release
from subscriber import knocking, subscribed
from waiting import until

PASSWORD = "of the lab's mailbox"


@frozen
class Listeners:
    """Who is told."""

    mails: MailServer
    callbacks: Receiver
    zmq: str


@pytest.fixture(scope="module")
def listeners(
    controller: Controller, release: Release, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Listeners]:
    """Those that the controller is told of by a play, and the controller as it was afterwards."""
    password = tmp_path_factory.mktemp("mail") / "password"
    password.write_text(f"{PASSWORD}\n")
    with taking_mail(users={"lab": PASSWORD}) as mails, receiving() as callbacks:
        place = f"127.0.0.1:{free_port()}"
        variables = {
            "zmq_listen": place,
            "mail_host": "127.0.0.1",
            "mail_port": mails.port,
            "mail_user": "lab",
            "mail_password_file": str(password),
            "mail_from": "lab@example.org",
            "callback_private": [PRIVATE],
        }
        controller.play(release, **variables)
        second = controller.play(release, **variables)
        assert (second.changed, second.changes) == (0, [])
        yield Listeners(mails, callbacks, f"tcp://{place}")
        controller.play(release)


def test_a_job_is_told_of_by_all_ways(controller: Controller, listeners: Listeners) -> None:
    """Its owner's mail, its callback and the device's events come once each, from the hardened unit."""
    system = "told-by-all-ways"
    controller.post("/systems/", {"name": system})
    before = len(listeners.callbacks.got)
    notify = {
        "criteria": {"status": "finished"},
        "recipients": [{"method": "email", "email": "ann@example.org"}],
        "callbacks": [{"url": listeners.callbacks.url("/hook"), "token": "sesame, open"}],
    }
    with subscribed(listeners.zmq, knocking(controller, system)) as subscriber:
        acting = Acting(controller, "t", system=system, notify=notify, name="told").claim()
        acting.run(0, ("Pass", "/"))
        (mail,) = listeners.mails.wait()
        assert (mail.user, mail.receivers) == ("lab", ("ann@example.org",))
        assert f"LAVA notification for Test Job {acting.recipe} told" in mail.content.decode()
        (callback,) = listeners.callbacks.wait(before + 1)[before:]
        assert (callback.headers["Authorization"], callback.json["id"]) == ("sesame, open", acting.recipe)
        subscriber.wait("testjob", job=str(acting.recipe), state="Finished", health="Complete")
    until(lambda: {one["state"] for one in deliveries(controller, acting)} == {"delivered"}, "both are noted")


def test_the_password_is_no_ones_to_read(controller: Controller, listeners: Listeners) -> None:
    """What the publisher was given is in no file that others read, and in no log; the doctor finds nothing wrong."""
    assert listeners.mails
    found = controller.machine.run(
        f"grep -rlF {PASSWORD!r} /etc /opt/tackroom/current/bin /run /var/log 2>/dev/null", check=False
    ).stdout.split()
    for file in found:
        # root's, and what systemd gives the service alone
        mode = controller.machine.run(f"stat --format=%a {file}").stdout.strip()
        assert mode in ("600", "400", "440"), (file, mode)
    assert PASSWORD not in controller.words()
    assert controller.machine.run("tackroom doctor").returncode == 0


def test_it_goes_on_after_kill_9(controller: Controller, listeners: Listeners) -> None:
    """Killed before the callback's receiver answers well, the publisher comes again by itself, and so does the call."""
    before = len(listeners.callbacks.got)
    listeners.callbacks.answers.append((503, {}))
    notify = {"criteria": {"status": "finished"}, "callbacks": [{"url": listeners.callbacks.url("/again")}]}
    acting = Acting(controller, "t", system="told-after-kill", notify=notify).claim()
    acting.run(0, ("Pass", "/"))
    until(lambda: [one["attempts"] for one in deliveries(controller, acting)] == [1], "the first attempt is noted")
    controller.machine.run(f"kill -KILL {controller.main('tackroom-publisher')}")
    first, second = listeners.callbacks.wait(before + 2, 120)[before:]
    assert first.key == second.key


def deliveries(controller: Controller, acting: Acting) -> list[Any]:
    """What was to be told of a recipe."""
    found: list[Any] = controller.call("GET", f"/deliveries/?recipe={acting.recipe}").json["deliveries"]
    return found

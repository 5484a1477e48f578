"""Lines on IRC, said on a real server. Checklist: readers-lava.md section 12."""

from pathlib import Path

import pytest
from acting import Acting
from couriering import at_work, log, over, sending_lab
from ircserver import chatting
from lab import running_lab
from receiver import PRIVATE
from waiting import until

from wsgi_app.notification import DeliveryState, Method, Outcome


def test_64_one_sentence_for_each_transition() -> None:
    """Items 64 and 66: running and finished, once each, in one line whatever the job is called; its owner is told."""
    settings = {"CALLBACK_PRIVATE": PRIVATE, "BASE_URL": "https://lab.example.org/"}
    with (
        chatting("ann") as server,
        running_lab("none", **{f"TACKROOM_{name}": value for name, value in settings.items()}) as lab,
    ):
        who = {"method": "irc", "handle": "ann", "server": f"127.0.0.1:{server.port}"}
        notify = {"criteria": {"status": "all"}, "recipients": [who]}
        acting = Acting(lab, "smoke", system="irc", notify=notify, name="x\r\nQUIT :evil\r\n").claim()
        acting.run(0)
        server.wait(2)
        link = f"submitted by admin: https://lab.example.org/scheduler/job/{acting.recipe}"
        assert {(nick, target) for nick, target, _ in server.said} == {("tackroom", "ann")}
        running, finished = sorted((text for _, _, text in server.said), key=lambda text: "Finished" in text)
        assert running == f"job {acting.recipe} is in state Running with health Unknown, {link}"
        assert finished.startswith(f"job {acting.recipe} is in state Finished with health Complete at ")
        assert finished.endswith(link)
        assert not any("evil" in one for one in server.lines)


@pytest.mark.parametrize("handle", ["ann", "#lab"])
def test_another_name_and_a_channel(tmp_path: Path, handle: str) -> None:
    """Where our name is taken, by another one; a channel is joined first."""
    with chatting(handle) as server, sending_lab(tmp_path, callback_private=(PRIVATE,)) as lab:
        server.taken = {"tackroom", "tackroom1"}
        with at_work(lab):
            target = f"{handle}@127.0.0.1:{server.port}"
            (found,) = over(lab, lab.gateway.deliveries.test(lab.admin, Method.IRC, target))
        assert found.state is DeliveryState.DELIVERED
        assert [(nick, target) for nick, target, _ in server.said] == [("tackroom2", handle)]
        assert ("JOIN #lab" in server.lines) is (handle == "#lab")


def test_somebody_who_is_not_there(tmp_path: Path) -> None:
    """It is said again until he is."""
    with chatting() as server, sending_lab(tmp_path, callback_private=(PRIVATE,)) as lab, at_work(lab):
        made = lab.gateway.deliveries.test(lab.admin, Method.IRC, f"bob@127.0.0.1:{server.port}")
        until(lambda: len(server.said) > 1, "two attempts")
        server.present.add("bob")
        (found,) = over(lab, made)
        outcomes = [one.outcome for one in log(lab, made)]
        assert (found.state, set(outcomes[:-1])) == (DeliveryState.DELIVERED, {Outcome.FAILED})


def test_62_a_server_that_hangs_up(tmp_path: Path) -> None:
    """Whether it was said is not known: not again."""
    with chatting("bob") as server, sending_lab(tmp_path, callback_private=(PRIVATE,)) as lab, at_work(lab):
        server.rude = True
        made = lab.gateway.deliveries.test(lab.admin, Method.IRC, f"bob@127.0.0.1:{server.port}")
        (found,) = over(lab, made)
        assert "whether it was said is not known" in (found.reason or "")
        assert len(server.said) == 1


def test_63_a_server_of_the_network_within(tmp_path: Path) -> None:
    """Who names a server must not make us call what only we can reach."""
    with chatting("bob") as server, sending_lab(tmp_path) as lab, at_work(lab):
        made = lab.gateway.deliveries.test(lab.admin, Method.IRC, f"bob@127.0.0.1:{server.port}")
        (found,) = over(lab, made)
        assert (found.state, server.lines) == (DeliveryState.FAILED, [])
        assert "not public" in (found.reason or "")

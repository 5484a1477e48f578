"""The queue of deliveries: due, tried again, given up, sent once more, forgotten."""

from typing import Any

import pytest
from attrs import evolve
from notifying import COMPLETED, HOOK, run

from wsgi_app.core import deliveries
from wsgi_app.core.deliveries import wait_after
from wsgi_app.errors import Conflict, DeliveryWaiting, Denied, Invalid, NoSuchDelivery, Unauthenticated
from wsgi_app.model import Caller
from wsgi_app.notification import (
    Callback,
    Criteria,
    Delivery,
    DeliveryState,
    Ended,
    Method,
    Notify,
    Outcome,
    Recipient,
    When,
)


def made(bench: Any, *hooks: Callback, **said: Any) -> list[Delivery]:
    """Run a job that calls these back at its end, and return the deliveries."""
    recipe = run(bench, Notify(Criteria(When.FINISHED), callbacks=hooks, **said), COMPLETED)
    while bench.gateway.notices.decide():
        pass
    found: list[Delivery] = bench.gateway.deliveries.page(bench.admin, recipe=recipe)
    return found[::-1]


def note(bench: Any, delivery: Delivery, outcome: Outcome, **said: Any) -> Delivery:
    """Say how an attempt ended; return what is known then."""
    bench.gateway.deliveries.ended([Ended(delivery.id, bench.clock.now, 0.5, outcome, **said)])
    found: Delivery = bench.gateway.deliveries.get(bench.admin, delivery.id)
    return found


def test_due(bench: Any) -> None:
    """What is made is due at once; what somebody has in hand is left out."""
    first, second = made(bench, HOOK, evolve(HOOK, url="http://ci.example/other"))
    queue = bench.gateway.deliveries
    assert [one.id for one in queue.due(10)] == [first.id, second.id]
    assert [one.id for one in queue.due(10, without={first.id})] == [second.id]
    assert [one.id for one in queue.due(1)] == [first.id]
    assert queue.next_due() == bench.clock.now
    assert queue.next_due(without={first.id, second.id}) is None
    assert [one.id for one in queue.unfinished()] == [first.id, second.id]
    assert queue.by_keys([first.key, "none"]) == {first.key: first}
    assert queue.due(10)[0].order.callback == HOOK


def test_delivered(bench: Any) -> None:
    """What was taken is over."""
    (one,) = made(bench, HOOK)
    bench.clock.now += 3
    after = note(bench, one, Outcome.DELIVERED, status=204)
    assert (after.state, after.due, after.ended, after.status) == (DeliveryState.DELIVERED, None, bench.clock.now, 204)
    assert (after.attempts, after.reason) == (1, None)
    assert bench.gateway.deliveries.due(10) == []
    (attempt,) = bench.gateway.deliveries.attempts(bench.admin, one.id)
    assert (attempt.number, attempt.outcome, attempt.status, attempt.seconds) == (1, Outcome.DELIVERED, 204, 0.5)


def test_tried_again_until_it_is_given_up(bench: Any) -> None:
    """Each wait is twice the one before, none longer than an hour; after a day it has failed, and says why."""
    (one,) = made(bench, HOOK)
    created, waits = bench.clock.now, []
    while one.state is DeliveryState.WAITING:
        bench.clock.now = one.due
        one = note(bench, one, Outcome.FAILED, reason="connection refused", status=None)
        if one.due is not None:
            waits.append(one.due - bench.clock.now)
    for number, wait in enumerate(waits[:8]):
        assert 0.75 * 10 * 2**number <= wait <= 1.25 * 10 * 2**number
    assert all(2699.9 <= wait <= 3600.1 for wait in waits[10:])
    assert (one.state, one.reason) == (DeliveryState.FAILED, "connection refused")
    assert 24 * 3600 <= bench.clock.now - created < 25.5 * 3600
    assert len(bench.gateway.deliveries.attempts(bench.admin, one.id)) == one.attempts == len(waits) + 1


def test_retry_after() -> None:
    """The receiver may ask for a longer wait, but for no longer one than an hour, nor for a shorter one."""
    assert wait_after(1, 300.0) == 300.0
    assert wait_after(1, 1e9) == deliveries.LONGEST_WAIT
    assert wait_after(1, 0.0) >= 7.5
    assert wait_after(1000, None) <= deliveries.LONGEST_WAIT


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.UNKNOWN])
def test_not_tried_again(bench: Any, outcome: Outcome) -> None:
    """What was refused for good, and what may have arrived, is not sent again by itself."""
    (one,) = made(bench, HOOK)
    after = note(bench, one, outcome, reason="404 Not Found", status=404)
    assert (after.state, after.due, after.reason) == (DeliveryState.FAILED, None, "404 Not Found")


def test_given_up(bench: Any) -> None:
    """Whoever restarts says of what it cannot know that it is not known; what is over stays as it is."""
    first, second = made(bench, HOOK, evolve(HOOK, url="http://ci.example/other"))
    note(bench, second, Outcome.DELIVERED)
    bench.gateway.deliveries.give_up({first.id: "whether it arrived is not known", second.id: "no", 12345: "no"})
    states = {one.id: (one.state, one.reason) for one in bench.gateway.deliveries.page(bench.admin)}
    assert states[first.id] == (DeliveryState.FAILED, "whether it arrived is not known")
    assert states[second.id] == (DeliveryState.DELIVERED, None)
    assert bench.gateway.deliveries.counts() == {
        DeliveryState.WAITING: 0,
        DeliveryState.DELIVERED: 1,
        DeliveryState.FAILED: 1,
    }


def test_redelivered(bench: Any) -> None:
    """What is over is sent once more with a key of its own, as often as somebody wants; what waits is not."""
    (one,) = made(bench, HOOK)
    queue = bench.gateway.deliveries
    with pytest.raises(DeliveryWaiting):
        queue.redeliver(bench.admin, one.id)
    note(bench, one, Outcome.REFUSED, reason="410 Gone", status=410)
    again = queue.redeliver(bench.admin, one.id)
    assert (again.key, again.copy_of, again.state, again.due) == (
        f"{one.key}-r1",
        one.id,
        DeliveryState.WAITING,
        bench.clock.now,
    )
    assert (again.order, again.target, again.recipe, again.attempts) == (one.order, one.target, one.recipe, 0)
    note(bench, again, Outcome.DELIVERED)
    assert queue.redeliver(bench.admin, again.id).key == f"{one.key}-r2"
    with pytest.raises(NoSuchDelivery):
        queue.redeliver(bench.admin, 4711)


def test_nowhere_to_send_it(bench: Any) -> None:
    """What had no address has none when it is repeated."""
    (one,) = made(bench, recipients=(Recipient(Method.EMAIL, user="nobody"),))
    with pytest.raises(Conflict, match="there is nowhere to send it: where user nobody gets mail"):
        bench.gateway.deliveries.redeliver(bench.admin, one.id)


def test_tests(bench: Any) -> None:
    """A test tells of no job; where it could not go is refused."""
    queue = bench.gateway.deliveries
    mail = queue.test(bench.admin, Method.EMAIL, "ann@example.org")
    assert (mail.order.test, mail.recipe, mail.job, mail.owner) == (True, None, None, "admin")
    hook = queue.test(bench.admin, Method.CALLBACK, "http://h/", evolve(HOOK, token="t"))
    assert hook.order.callback == evolve(HOOK, url="http://h/", token="t")
    assert queue.test(bench.admin, Method.IRC, "ann@irc.example").target == "ann@irc.example"
    note(bench, mail, Outcome.DELIVERED)
    assert queue.redeliver(bench.admin, mail.id).order.test
    for method, target in ((Method.EMAIL, "ann"), (Method.IRC, "ann"), (Method.CALLBACK, "file:///etc/passwd")):
        with pytest.raises(Invalid):
            queue.test(bench.admin, method, target)


def test_rights(bench: Any) -> None:
    """Each user sees and repeats what is of his jobs; nobody else is told that it is there."""
    (one,) = made(bench, HOOK)
    note(bench, one, Outcome.DELIVERED)
    queue, tokens = bench.gateway.deliveries, bench.gateway.tokens

    def user(name: str, *scopes: str) -> Caller:
        return Caller(f"Bearer {tokens.create(bench.admin, name='t', user=name, scopes=scopes).secret}", "")

    ann, writer = user("ann", "read", "submit"), user("admin", "submit")
    assert queue.page(ann) == []
    for call in (queue.get, queue.attempts, queue.redeliver):
        with pytest.raises(NoSuchDelivery):
            call(ann, one.id)
    with pytest.raises(Denied):
        queue.get(writer, one.id)
    with pytest.raises(Unauthenticated):
        queue.page(Caller(None, ""))
    with pytest.raises(Unauthenticated):
        queue.test(Caller(None, ""), Method.EMAIL, "a@b")
    own = queue.test(ann, Method.EMAIL, "ann@example.org")
    assert [found.id for found in queue.page(ann)] == [own.id]
    assert queue.redeliver(writer, one.id).owner == "admin"


def test_forgotten(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is over is forgotten after three months, and the oldest beyond a number; what waits is not."""
    first, second = made(bench, HOOK, evolve(HOOK, url="http://ci.example/other"))
    note(bench, first, Outcome.DELIVERED)
    assert bench.gateway.deliveries.sweep() == 0
    bench.clock.now += 91 * 86400
    assert bench.gateway.deliveries.sweep() == 1
    assert [one.id for one in bench.gateway.deliveries.page(bench.admin)] == [second.id]
    note(bench, second, Outcome.REFUSED)
    monkeypatch.setattr(deliveries, "KEPT_SECONDS", 1e9)
    monkeypatch.setattr(deliveries, "MOST_KEPT", 1)
    (third,) = made(bench, HOOK)
    assert bench.gateway.deliveries.sweep() == 1
    assert [one.id for one in bench.gateway.deliveries.page(bench.admin)] == [third.id]

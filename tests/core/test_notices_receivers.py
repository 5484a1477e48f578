"""To whom messages go, and what is refused. Numbers are those of readers-lava.md section 12."""

from typing import Any

import pytest
from attrs import evolve
from notifying import ABORTED, COMPLETED, HOOK, address, begin, end, run, submit, told

from wsgi_app.conditions import AnyOf, Condition
from wsgi_app.errors import Invalid
from wsgi_app.notification import Callback, Criteria, DeliveryState, Method, Moment, Notify, Recipient, Turn, When


@pytest.mark.parametrize(
    ("notify", "field"),
    [
        (Notify(Criteria(When.ALL, others=AnyOf(()))), "notify.criteria.others"),
        (Notify(Criteria(When.FINISHED, Turn.REGRESSION)), "notify.criteria"),
        (Notify(Criteria(When.ABORTED, Turn.REGRESSION, AnyOf(()))), "notify.criteria.others"),
        (Notify(Criteria(When.FINISHED, others=Condition("colour", "exact", "red"))), "notify.criteria.others"),
        (Notify(Criteria(When.ALL), recipients=(Recipient(Method.EMAIL),)), "notify.recipients[0]"),
        (Notify(Criteria(When.ALL), recipients=(Recipient(Method.IRC, handle="x"),)), "notify.recipients[0]"),
        (Notify(Criteria(When.ALL), recipients=(Recipient(Method.CALLBACK),)), "notify.recipients[0].method"),
        (
            Notify(Criteria(When.ALL), recipients=(Recipient(Method.EMAIL, email="a@b\nBcc: c@d"),)),
            "notify.recipients[0].email",
        ),
        (
            Notify(Criteria(When.ALL), recipients=(Recipient(Method.IRC, handle="a\r\nQUIT", server="h"),)),
            "notify.recipients[0].handle",
        ),
        (
            Notify(Criteria(When.ALL), recipients=(Recipient(Method.EMAIL, user="u"),) * 21),
            "notify.recipients",
        ),
        (Notify(Criteria(When.ALL), callbacks=(HOOK,) * 11), "notify.callbacks"),
        (Notify(Criteria(When.ALL), callbacks=(Callback("ftp://h/"),)), "notify.callbacks[0].url"),
        (Notify(Criteria(When.ALL), callbacks=(Callback("http://u:p@h/"),)), "notify.callbacks[0].url"),
        (Notify(Criteria(When.ALL), callbacks=(Callback("http://h/" + "x" * 2000),)), "notify.callbacks[0].url"),
        (Notify(Criteria(When.ALL), callbacks=(Callback("http://h/", method="PUT"),)), "notify.callbacks[0].method"),
        (Notify(Criteria(When.ALL), callbacks=(Callback("http://h/", header="Host"),)), "notify.callbacks[0].header"),
        (Notify(Criteria(When.ALL), callbacks=(Callback("http://h/", token="a\nb"),)), "notify.callbacks[0].token"),
    ],
)
def test_refused(bench: Any, notify: Notify, field: str) -> None:
    """What cannot be done is refused with the job, and nothing is stored."""
    with pytest.raises(Invalid) as caught:
        submit(bench, notify)
    assert caught.value.field == field
    assert bench.gateway.jobs.page(bench.admin) == []


def test_64_all_tells_both_once(bench: Any) -> None:
    """Of each transition everybody is told once, whatever else is said of the recipe."""
    bench.gateway.addresses.put(bench.admin, address("ann"))
    people = (
        Recipient(Method.EMAIL, user="ann"),
        Recipient(Method.EMAIL, email="ann@example.org"),
        Recipient(Method.EMAIL, email="bob@example.org"),
        Recipient(Method.IRC, user="ann"),
    )
    hooks = (HOOK, evolve(HOOK, token="other"))
    recipe = run(bench, Notify(Criteria(When.ALL), recipients=people, callbacks=hooks), COMPLETED)
    told(bench)
    found = bench.gateway.deliveries.page(bench.admin, recipe=recipe)
    seen = sorted((one.transition, one.method, one.target) for one in found)
    each = [
        (Method.CALLBACK, HOOK.url),
        (Method.CALLBACK, HOOK.url),
        (Method.EMAIL, "ann@example.org"),
        (Method.EMAIL, "bob@example.org"),
        (Method.IRC, "ann_@irc.example:6697"),
    ]
    assert seen == sorted((at, *one) for at in Moment for one in each)
    assert len({one.key for one in found}) == len(found)
    assert {one.state for one in found} == {DeliveryState.WAITING}


def test_64_settled_again(bench: Any) -> None:
    """What is said of a recipe after it is settled tells nobody again, though it would now."""
    notify = Notify(Criteria(When.ABORTED, Turn.REGRESSION), callbacks=(HOOK,))
    recipe = run(bench, notify, ABORTED)
    assert told(bench) == []
    run(bench, None, COMPLETED)
    with bench.gateway.notices._ground.change() as change:
        change.recipe_event(bench.recipe(recipe))
    assert told(bench) == []


def test_65_nobody_named(bench: Any) -> None:
    """No recipients and no callbacks: the owner gets mail, or it is recorded that nobody knows where."""
    recipe = run(bench, Notify(Criteria(When.FINISHED)), COMPLETED)
    told(bench)
    (found,) = bench.gateway.deliveries.page(bench.admin, recipe=recipe)
    assert (found.method, found.target, found.state, found.due) == (Method.EMAIL, "admin", DeliveryState.FAILED, None)
    assert found.reason == "where user admin gets mail is not known: tackroom notify address"
    bench.gateway.addresses.put(bench.admin, address("admin"))
    recipe = run(bench, Notify(Criteria(When.FINISHED)), COMPLETED)
    told(bench)
    (found,) = bench.gateway.deliveries.page(bench.admin, recipe=recipe)
    assert (found.target, found.state, found.order.user) == ("admin@example.org", DeliveryState.WAITING, "admin")


def test_65_callbacks_only(bench: Any) -> None:
    """With callbacks and no recipients nobody gets mail."""
    recipe = run(bench, Notify(Criteria(When.FINISHED), callbacks=(HOOK,)), COMPLETED)
    told(bench)
    assert [one.method for one in bench.gateway.deliveries.page(bench.admin, recipe=recipe)] == [Method.CALLBACK]


def test_65_device_owner(bench: Any) -> None:
    """Whoever owns the system is told; where nobody does, nobody is, and it is no failure."""
    notify = Notify(Criteria(When.FINISHED), recipients=(Recipient(Method.EMAIL, system_owner=True),))
    run(bench, notify, COMPLETED)
    assert told(bench) == []
    bench.gateway.systems.change(bench.admin, "a", owner="ann")
    assert bench.gateway.systems.get("a").owner == "ann"
    bench.gateway.addresses.put(bench.admin, address("ann"))
    recipe = run(bench, notify, COMPLETED)
    assert told(bench) == [(recipe, Moment.FINISHED)]
    (found,) = bench.gateway.deliveries.page(bench.admin, recipe=recipe)
    assert (found.target, found.order.user) == ("ann@example.org", "ann")


def test_a_retry_tells_the_same(bench: Any) -> None:
    """A job that repeats another tells whom that told."""
    recipe = run(bench, Notify(Criteria(When.FINISHED), callbacks=(HOOK,)), COMPLETED)
    copy = bench.gateway.jobs.retry(bench.admin, bench.recipe(recipe).job).recipe_sets[0].recipes[0].id
    begin(bench, copy)
    end(bench, copy, COMPLETED)
    assert told(bench) == [(recipe, Moment.FINISHED), (copy, Moment.FINISHED)]

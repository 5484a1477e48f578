"""The checklist, watchdog: items 37 to 42 of harness-beaker.md section 4.

43 (a script that extends) and 44 (reservations) are not ours. Time passes by setting a watchdog into the past; a round
of the timer is `expire()`.
"""

from collections.abc import Callable

from tests.protocols.harness.checklist.doors import Recipe, post
from wsgi_app.app import Application

EXPIRED = "External Watchdog Expired"


def messages(recipe: Recipe) -> list[tuple[str, str | None]]:
    """The results of a recipe with their messages."""
    return [(result["result"], result["message"]) for result in recipe.results()]


def test_37_get(recipe: Recipe) -> None:
    """GET says in JSON how many seconds are left."""
    recipe.form("watchdog", "seconds=600", 204)
    answer = recipe.call("GET", "watchdog", status=200)
    assert answer.headers["Content-Type"] == "application/json"
    assert set(answer.json) == {"seconds"}
    assert 595 <= answer.json["seconds"] <= 600


def test_38_set(recipe: Recipe) -> None:
    """POST sets it to so many seconds from now: it can be brought forward, and nothing is added."""
    for seconds in (86400, 600, 600):
        recipe.form("watchdog", f"seconds={seconds}", 204)
        assert seconds - 10 <= recipe.left() <= seconds


def test_39_without_a_time(recipes: Callable[..., list[Recipe]], application: Application) -> None:
    """A recipe that is queued has no watchdog: GET says false, none can be set, and it does not expire."""
    (queued,) = recipes([{}], keys=False)
    assert queued.left() is False
    queued.form("watchdog", "seconds=-60", 409)
    assert application.gateway.watchdogs.expire() == 0
    assert queued.read()["status"] == "Queued"


def test_40_whole_sets_expire(recipes: Callable[..., list[Recipe]], application: Application) -> None:
    """No recipe of a set expires while another one is alive; then all do. A recipe of another set does not count."""
    one, two, other = recipes([{}, {}], [{}])
    one.form("watchdog", "seconds=-60", 204)
    assert application.gateway.watchdogs.expire() == 0
    assert [peer.read()["status"] for peer in (one, two, other)] == ["Waiting"] * 3
    two.form("watchdog", "seconds=-1", 204)
    assert application.gateway.watchdogs.expire() == 2
    assert [peer.read()["status"] for peer in (one, two, other)] == ["Aborted", "Aborted", "Waiting"]


def test_40_a_finished_peer_does_not_count(recipes: Callable[..., list[Recipe]], application: Application) -> None:
    """Who has finished has no watchdog any more, and does not keep the others alive."""
    one, two = recipes([{}, {}])
    one.finish()
    two.form("watchdog", "seconds=-1", 204)
    assert application.gateway.watchdogs.expire() == 1
    assert [peer.read()["status"] for peer in (one, two)] == ["Completed", "Aborted"]


def test_41_cancelled(recipe: Recipe, application: Application) -> None:
    """Beaker leaves out jobs whose update is pending; a job that was cancelled does not expire on top of it."""
    recipe.say(recipe.tasks[0], "Running")
    recipe.form("watchdog", "seconds=-60", 204)
    assert post(recipe.door, f"/jobs/{recipe.job}/cancel", b"").status in (200, 202, 204)
    assert application.gateway.watchdogs.expire() == 0
    assert recipe.read()["status"] == "Cancelled"
    assert EXPIRED not in [message for _, message in messages(recipe)]


def test_42_expiry(recipe: Recipe, application: Application) -> None:
    """An expired recipe is aborted, with a Warn that says so for every task that had not finished."""
    first, second = recipe.tasks
    recipe.say(first, "Running")
    recipe.say(first, "Completed")
    recipe.form("watchdog", "seconds=-1", 204)
    assert application.gateway.watchdogs.expire() == 1
    assert recipe.statuses() == ["Completed", "Aborted"]
    assert messages(recipe) == [("Warn", EXPIRED)]
    assert [result["task"] for result in recipe.results()] == [second]
    assert recipe.left() is False
    # once is enough
    assert application.gateway.watchdogs.expire() == 0

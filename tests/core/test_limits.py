"""Limits of a recipe's logs in bytes, and of what is repeated: refused with one Warn, never half done."""

from typing import Any

import pytest
from attrs import evolve

from wsgi_app.core.gateway import open_gateway
from wsgi_app.errors import Conflict, Invalid, TooManyBytes, TooManyLogs
from wsgi_app.model import Caller
from wsgi_app.states import ResultValue, TaskStatus
from wsgi_app.submitted import NewJob, NewRecipe, NewRecipeSet

BYTES = "Too many bytes in recipe"


@pytest.fixture
def small(bench: Any) -> Any:
    """A bench whose recipes may have 100 bytes of logs and 2 task logs."""
    gateway = open_gateway(evolve(bench.config, max_recipe_bytes=100, max_logs=2), bench.clock)
    yield evolve(bench, gateway=gateway)
    gateway.close()


def start(bench: Any, recipe: NewRecipe) -> Any:
    """Submit a recipe and claim it; return its id, first task and harness."""
    job = bench.submit(NewRecipeSet((recipe,)))
    found = job.recipe_sets[0].recipes[0]
    return found.id, found.tasks[0].id, bench.claim("a")


def warnings(bench: Any, number: int) -> list[tuple[str | None, ResultValue]]:
    """Messages and results of a recipe."""
    return [(one.message, one.result) for one in bench.gateway.results.of_recipe(bench.admin, number)]


def test_bytes(small: Any, one: NewRecipe) -> None:
    """From the limit on new logs are refused, a recipe's own too, with one Warn; those that exist go on."""
    number, task, harness = start(small, one)
    small.put(harness, number, "first", task)
    small.gateway.logs.grew({(number, f"tasks/{task}/logs/first"): 99})
    small.gateway.logs.weigh([number])
    assert small.put(harness, number, "second")
    assert "full" not in small.gate(number)
    small.gateway.logs.grew({(number, f"tasks/{task}/logs/first"): 100})
    small.gateway.logs.weigh([number])
    assert "full" in small.gate(number)
    for name, owner in (("third", None), ("third", task), ("fourth", None)):
        with pytest.raises(TooManyBytes):
            small.put(harness, number, name, owner)
    small.gateway.logs.grew({(number, f"tasks/{task}/logs/first"): 200})
    small.gateway.logs.weigh([number])
    assert not small.put(harness, number, "first", task)
    assert warnings(small, number) == [(BYTES, ResultValue.WARN)]
    small.gateway.gate_image.rebuild()
    assert "full" in small.gate(number)


def test_bytes_without_an_indexer(small: Any, one: NewRecipe) -> None:
    """The refusal does not wait for the indexer's word; it says so once all the same."""
    number, task, harness = start(small, one)
    small.put(harness, number, "first", task)
    small.gateway.logs.grew({(number, f"tasks/{task}/logs/first"): 100})
    small.gateway.logs.weigh([number])
    (small.config.gate / str(number) / "full").unlink()
    with pytest.raises(TooManyBytes):
        small.put(harness, number, "second")
    assert warnings(small, number) == [(BYTES, ResultValue.WARN)]


def test_both_limits(small: Any, one: NewRecipe) -> None:
    """The limit of logs does not hold for a recipe's own; each limit has its own Warn."""
    number, task, harness = start(small, one)
    for name in ("first", "second"):
        small.put(harness, number, name, task)
    with pytest.raises(TooManyLogs):
        small.put(harness, number, "third", task)
    assert small.put(harness, number, "own")
    small.gateway.logs.grew({(number, "logs/own"): 1000})
    small.gateway.logs.weigh([number])
    with pytest.raises(TooManyBytes):
        small.put(harness, number, "third", task)
    assert warnings(small, number) == [("Too many logs in recipe", ResultValue.WARN), (BYTES, ResultValue.WARN)]


def report(bench: Any, harness: Any, number: int, task: int, key: str | None, message: str) -> int:
    """Report a result with an idempotency key."""
    found = bench.gateway.results.report(
        harness, number, task, result=ResultValue.PASS, message=message, idempotency_key=key
    )
    return int(found.id)


def test_results_once(bench: Any, one: NewRecipe) -> None:
    """The same key and words within a day are one result, after the task's end too; other words are refused."""
    number, task, harness = start(bench, one)
    first = report(bench, harness, number, task, "k", "m")
    assert report(bench, harness, number, task, "k", "m") == first
    assert report(bench, harness, number, task, "other", "m") != first
    assert report(bench, harness, number, task, None, "m") != report(bench, harness, number, task, None, "m")
    with pytest.raises(Conflict):
        report(bench, harness, number, task, "k", "other")
    with pytest.raises(Invalid, match="255"):
        report(bench, harness, number, task, "k" * 256, "m")
    for status in (TaskStatus.RUNNING, TaskStatus.COMPLETED):
        bench.gateway.tasks.update(harness, number, task, status=status)
    assert report(bench, harness, number, task, "k", "m") == first
    assert len(warnings(bench, number)) == 4


def test_keys_are_the_callers(bench: Any, one: NewRecipe) -> None:
    """Two recipes may use the same key, and a key is forgotten after a day."""
    number, task, harness = start(bench, one)
    second = bench.submit(NewRecipeSet((evolve(one, system="b"),))).recipe_sets[0].recipes[0]
    other = bench.claim("b")
    first = report(bench, harness, number, task, "k", "m")
    assert report(bench, other, second.id, second.tasks[0].id, "k", "n") != first
    bench.gateway.watchdogs.set(harness, number, 200_000)
    bench.clock.now += 86401
    assert report(bench, harness, number, task, "k", "n") != first


def test_strangers_keys(bench: Any, one: NewRecipe) -> None:
    """Where anyone may submit, the same key from another address is another's; an empty key is none."""
    gateway = open_gateway(evolve(bench.config, anonymous_submit=True), bench.clock)
    job = NewJob((NewRecipeSet((one,)),))

    def submit(address: str, key: str) -> int:
        return gateway.jobs.submit(Caller(None, address), lambda: job, idempotency_key=key).id

    first = submit("192.0.2.1", "k")
    assert submit("192.0.2.1", "k") == first
    assert submit("192.0.2.2", "k") != first
    assert submit("192.0.2.1", "") != submit("192.0.2.1", "")
    gateway.close()

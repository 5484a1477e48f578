"""Systems that are reserved for a campaign's recipes: whether they have asked for work or not, until they do."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from attrs import evolve
from sqlalchemy import Engine, event
from waiting import until

from wsgi_app.campaign import Campaign, CampaignEnd, PlannedTest, Reporter, ReporterKind, Step, StepKind, Target
from wsgi_app.campaign import TargetList as Targets
from wsgi_app.config import Config
from wsgi_app.core.gateway import open_gateway
from wsgi_app.errors import Conflict, Denied, Invalid, JobFinished, JobRunning, Unauthenticated
from wsgi_app.model import Caller, Job, Recipe
from wsgi_app.states import RecipeStatus, ResultValue, SystemState, TaskStatus
from wsgi_app.store import times
from wsgi_app.store.db import Database
from wsgi_app.submitted import NewJob, NewRecipe, NewRecipeSet, NewTask

STEPS = (Step(StepKind.ECHO, "hello", {"text": ("hi",)}), Step(StepKind.ECHO, "bye", {"text": ("bye",)}))
NOBODY = Caller(None, "203.0.113.9")


def plan(*names: str, **fields: Any) -> Campaign:
    """A campaign of one test on these targets."""
    test = PlannedTest("first", Targets(tuple(Target(name) for name in names)), STEPS)
    return evolve(Campaign((test,), final_reporters=(Reporter(ReporterKind.NOOP),)), **fields)


def begin(bench: Any, *names: str, caller: Caller | None = None, **fields: Any) -> Job:
    """Submit such a campaign."""
    new = NewJob((), "campaign", campaign=plan(*names, **fields))
    job: Job = bench.gateway.jobs.submit(caller or bench.admin, lambda: new)
    return job


def recipes(bench: Any, job: Job) -> tuple[Recipe, ...]:
    """The recipes of its newest set."""
    found: Job = bench.gateway.jobs.get(bench.admin, job.id)
    return found.recipe_sets[-1].recipes


def settle(bench: Any, job: Job) -> None:
    """Settle what is finished of a job, as the indexer does."""
    for recipe in recipes(bench, job):
        bench.gateway.recipes.settle(recipe.id)


def test_reserved_at_once(bench: Any) -> None:
    """A system that has never asked is given its recipe, which waits for it no longer than the acquire timeout."""
    job = begin(bench, "a", "b", acquire_timeout=300.0)
    assert (job.status, job.started, job.settled) == (RecipeStatus.RUNNING, job.submitted, False)
    for recipe in recipes(bench, job):
        assert (recipe.status, recipe.taken, recipe.reserved) == (RecipeStatus.SCHEDULED, None, True)
        assert (recipe.assigned, recipe.watchdog) == (bench.clock.now, bench.clock.now + 300)
        assert not (bench.config.gate / str(recipe.id)).exists()
        assert not (bench.config.logs / str(recipe.id)).exists()
        system = bench.gateway.systems.get(recipe.system)
        assert (system.recipe, bench.gateway.systems.state(system)) == (recipe.id, SystemState.RUNNING)
    assert len({recipe.archive_secret for recipe in recipes(bench, job)}) == 2
    assert all(len(recipe.archive_secret or "") >= 43 for recipe in recipes(bench, job))


def test_whole_set_starts(bench: Any) -> None:
    """Who claims first waits for the other; both watchdogs count from the start of the set."""
    first, second = recipes(bench, begin(bench, "a", "b"))
    bench.clock.now += 100
    assert bench.claim("a") is None
    taken = bench.recipe(first.id)
    assert (taken.status, taken.taken, taken.reserved) == (RecipeStatus.SCHEDULED, bench.clock.now, False)
    bench.clock.now += 100
    assert bench.claim("a") is None
    assert bench.recipe(first.id).taken == bench.clock.now - 100
    harness = bench.claim("b")
    assert harness is not None
    for number in (first.id, second.id):
        found = bench.recipe(number)
        place = bench.config.logs / str(number) / "tasks" / str(found.tasks[1].id) / "logs"
        assert sorted(log.name for log in place.iterdir()) == ["harness.log", "taskout.log"]
        assert (found.status, found.watchdog) == (RecipeStatus.WAITING, bench.clock.now + 1800)
    assert bench.claim("a") is not None
    assert bench.put(harness, second.id, "log")


def test_a_waiting_claim_takes_it(bench: Any) -> None:
    """Harnesses that wait for work are handed a reserved set as soon as each of its systems has asked."""
    keys: dict[str, Caller | None] = {}

    def ask(name: str) -> None:
        claimed = bench.gateway.systems.claim(bench.admin, name, wait=20)
        keys[name] = None if claimed is None else Caller(f"Bearer {claimed.key.secret}", "")

    threads = [threading.Thread(target=ask, args=(name,)) for name in ("a", "b")]
    threads[0].start()
    until(lambda: bench.gateway.systems.get("a").claimed_until, "a's claim", 10)
    job = begin(bench, "a", "b")
    until(lambda: recipes(bench, job)[0].taken, "a's recipe to be taken", 10)
    threads[1].start()
    for thread in threads:
        thread.join(20)
    assert {recipe.status for recipe in recipes(bench, job)} == {RecipeStatus.WAITING}
    assert None not in (keys["a"], keys["b"])


def test_a_key_takes_it(bench: Any) -> None:
    """Whoever asks for a key brings the harness, as with recipes that wait for a system."""
    (recipe,) = recipes(bench, begin(bench, "a"))
    bench.gateway.recipes.issue_key(bench.admin, recipe.id)
    assert bench.recipe(recipe.id).status is RecipeStatus.WAITING


def task_runs(bench: Any, caller: Caller, recipe: Recipe) -> None:
    """A task begins."""
    bench.gateway.tasks.update(caller, recipe.id, recipe.tasks[0].id, status=TaskStatus.RUNNING)


def result(bench: Any, caller: Caller, recipe: Recipe) -> None:
    """A result is reported."""
    bench.gateway.results.report(caller, recipe.id, recipe.tasks[0].id, result=ResultValue.PASS)


def watchdog(bench: Any, caller: Caller, recipe: Recipe) -> None:
    """The watchdog is set."""
    bench.gateway.watchdogs.set(caller, recipe.id, 50)


def arrival(bench: Any, caller: Caller, recipe: Recipe) -> None:
    """It is there."""
    bench.gateway.sync.arrive(caller, recipe.id, "up", lambda: None)


def install(bench: Any, caller: Caller, recipe: Recipe) -> None:
    """The installer begins."""
    bench.gateway.installs.begin(caller, recipe.id)


@pytest.mark.parametrize("word", [task_runs, result, watchdog, arrival, install])
def test_a_word_takes_it(bench: Any, word: Callable[[Any, Caller, Recipe], None]) -> None:
    """Harness and installer of a system with an address need no key: their first word takes the recipe."""
    bench.gateway.systems.change(bench.admin, "a", address="192.0.2.1")
    recipe, other = recipes(bench, begin(bench, "a", "b"))
    with pytest.raises(Unauthenticated):
        word(bench, NOBODY, recipe)
    assert bench.recipe(recipe.id).reserved
    word(bench, Caller(None, "192.0.2.1"), recipe)
    assert bench.recipe(recipe.id).taken == bench.clock.now
    assert bench.recipe(other.id).reserved


@pytest.mark.parametrize("seconds", [10.0, 4000.0])
def test_nobody_took_it(bench: Any, seconds: float) -> None:
    """What one system has not taken in time is the end of the campaign; who took his own waited, and has not hung."""
    job = begin(bench, "a", "b", acquire_timeout=seconds, runs=2)
    assert bench.claim("a") is None
    bench.clock.now += seconds - 1
    assert bench.round() == 0
    bench.clock.now += 1
    assert bench.round() == 2
    taken, untaken = recipes(bench, job)
    assert (taken.status, untaken.status) == (RecipeStatus.ABORTED,) * 2
    assert (taken.closes, untaken.closes) == (bench.clock.now + 60, bench.clock.now)
    assert {bench.gateway.systems.get(name).recipe for name in "ab"} == {None}
    assert not bench.gateway.jobs.get(bench.admin, job.id).settled
    settle(bench, job)
    found = bench.gateway.jobs.get(bench.admin, job.id)
    assert (found.status, found.settled, len(found.recipe_sets)) == (RecipeStatus.ABORTED, True, 1)
    history = bench.gateway.campaigns.history(bench.admin, job.id)
    assert history.end is CampaignEnd.FAILED
    assert history.error == "Acquire timeout: no harness on b asked for its recipe"


def test_taken_late(bench: Any) -> None:
    """With a long acquire timeout, who was first has a whole watchdog's time from the start."""
    first, _ = recipes(bench, begin(bench, "a", "b", acquire_timeout=4000.0))
    bench.claim("a")
    bench.clock.now += 1900
    assert bench.round() == 0
    assert bench.claim("b") is not None
    bench.clock.now += 1799
    assert bench.round() == 0
    assert bench.recipe(first.id).status is RecipeStatus.WAITING
    bench.clock.now += 1
    assert bench.round() == 2


def test_many_names_are_cut(bench: Any) -> None:
    """Of a large set that nobody took, the message names a few."""
    names = [f"n{number:02}" for number in range(12)]
    bench.systems(*names)
    job = begin(bench, *names, acquire_timeout=0.0)
    assert bench.round() == 12
    assert recipes(bench, job)[0].reason == (
        f"Acquire timeout: no harness on {', '.join(names[:10])} and 2 more asked for its recipe"
    )


def test_not_there(bench: Any, one: NewRecipe) -> None:
    """A set that waits keeps nothing for the sake of a system that is reserved and not there, and the queue says so."""
    begin(bench, "a")
    single = evolve(one, system="b")
    waiting = bench.submit(NewRecipeSet((one,)))
    pair = bench.submit(NewRecipeSet((one, single)), priority=100)
    later = bench.submit(NewRecipeSet((single,)), priority=0)
    assert bench.claim("b") is not None
    assert recipes(bench, later)[0].status is RecipeStatus.WAITING
    assert {recipe.status for recipe in recipes(bench, pair)} == {RecipeStatus.QUEUED}
    number = bench.gateway.systems.get("a").recipe
    (entry,) = bench.gateway.queue.page(bench.admin, job=waiting.id)
    assert entry.reason == f"system a is reserved for recipe {number}"
    bench.claim("a")
    (entry,) = bench.gateway.queue.page(bench.admin, job=waiting.id)
    assert entry.reason == f"system a runs recipe {number}"


def test_there(bench: Any, one: NewRecipe) -> None:
    """For the sake of one that has taken its recipe, a set keeps what is free; also of one that is about to."""
    begin(bench, "a")
    bench.claim("a")
    single = evolve(one, system="b")
    bench.submit(NewRecipeSet((one, single)), priority=100)
    later = bench.submit(NewRecipeSet((single,)), priority=0)
    assert bench.claim("b") is None
    assert recipes(bench, later)[0].status is RecipeStatus.QUEUED


def test_cancelled(bench: Any, one: NewRecipe) -> None:
    """A campaign whose systems have not asked is stopped at once, and they are free; what they claimed still counts."""
    job = begin(bench, "a", "b")
    assert bench.claim("a") is None
    with pytest.raises(JobRunning):
        bench.gateway.jobs.retry(bench.admin, job.id, finished_only=True)
    bench.gateway.jobs.cancel(bench.admin, job.id, unfinished_only=True)
    found = bench.gateway.jobs.get(bench.admin, job.id)
    assert (found.status, found.settled) == (RecipeStatus.CANCELLED, False)
    # it may be stopped as often as one likes until it is settled
    bench.gateway.jobs.cancel(bench.admin, job.id, unfinished_only=True)
    number = bench.submit(NewRecipeSet((one,))).recipe_sets[0].recipes[0].id
    assert bench.recipe(number).status is RecipeStatus.WAITING
    settle(bench, job)
    assert bench.gateway.jobs.get(bench.admin, job.id).settled
    with pytest.raises(JobFinished):
        bench.gateway.jobs.cancel(bench.admin, job.id, unfinished_only=True)
    bench.gateway.jobs.cancel(bench.admin, job.id)
    bench.run(number)
    again = bench.gateway.jobs.retry(bench.admin, job.id, finished_only=True)
    assert (again.retry_of, again.status, again.campaign) == (job.id, RecipeStatus.RUNNING, True)


def test_strangers(config: Config) -> None:
    """Where strangers may submit, they may cancel what strangers submitted, and nothing else."""
    gateway = open_gateway(evolve(config, anonymous_submit=True))
    gateway.access.issue_admin_token()
    admin = Caller(f"Bearer {config.admin_token.read_text().strip()}", "127.0.0.1")
    user = Caller(f"Bearer {gateway.tokens.create(admin, name='n', user='ann', scopes=('submit',)).secret}", "")
    new = NewJob((NewRecipeSet((NewRecipe((NewTask("t"),)),)),))
    theirs, hers = (gateway.jobs.submit(caller, lambda: new).id for caller in (NOBODY, user))
    with pytest.raises(Unauthenticated):
        gateway.jobs.cancel(NOBODY, hers)
    with pytest.raises(Denied, match="another user's"):
        gateway.jobs.cancel(user, theirs)
    gateway.jobs.cancel(NOBODY, theirs)
    gateway.jobs.cancel(user, hers)
    assert {gateway.jobs.get(admin, job).status for job in (theirs, hers)} == {RecipeStatus.CANCELLED}
    gateway.close()


def test_repeated(bench: Any) -> None:
    """The same campaign under the same idempotency key is one job; another one is refused."""
    jobs = [
        bench.gateway.jobs.submit(bench.admin, lambda: NewJob((), campaign=plan("a")), idempotency_key="k").id
        for _ in range(2)
    ]
    assert jobs[0] == jobs[1]
    with pytest.raises(Conflict):
        bench.gateway.jobs.submit(bench.admin, lambda: NewJob((), campaign=plan("b")), idempotency_key="k")


def test_restored(bench: Any) -> None:
    """After a restore, a campaign is over, wherever it was: nobody knows what became of it."""
    running = begin(bench, "a")
    between = begin(bench, "a", runs=2, run_interval=50.0)
    bench.gateway.restored.begin("yesterday")
    settle(bench, running)
    for job in (running, between):
        history = bench.gateway.campaigns.history(bench.admin, job.id)
        assert history.end is CampaignEnd.FAILED
        assert (history.error or "").startswith("Restored from the backup of yesterday")
        assert (history.job.status, history.job.settled) == (RecipeStatus.ABORTED, True)
    bench.clock.now += 100
    bench.gateway.campaigns.advance()
    assert len(bench.gateway.jobs.get(bench.admin, between.id).recipe_sets) == 0


def test_a_step_of_the_clock(bench: Any, config: Config) -> None:
    """What a campaign waits for, and counts from, moves with the clock; what is over does not."""
    over = begin(bench, "nobody")
    waits = begin(bench, "nobody", runs=2, run_interval=50.0)
    (recipe,) = recipes(bench, begin(bench, "a"))
    bench.claim("a")
    before = bench.recipe(recipe.id)
    database = Database(config.database)
    with database.write() as tx:
        times.move(tx, 500.0, now=bench.clock.now + 500)
    database.close()
    after = bench.recipe(recipe.id)
    assert (after.taken, after.assigned) == (before.taken + 500, before.assigned + 500)
    begun = [bench.gateway.campaigns.history(bench.admin, job.id).runs[0].started for job in (over, waits)]
    assert begun == [bench.clock.now, bench.clock.now + 500]
    bench.clock.now += 549
    bench.gateway.campaigns.advance()
    assert len(bench.gateway.campaigns.history(bench.admin, waits.id).runs) == 1
    bench.clock.now += 1
    bench.gateway.campaigns.advance()
    assert len(bench.gateway.campaigns.history(bench.admin, waits.id).runs) == 2


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (plan("a", tests=()), "campaign.tests"),
        (plan("a", tests=(PlannedTest("t", Targets(()), ()),)), "campaign.tests[0].steps"),
        (plan(*(f"n{number}" for number in range(2001))), "campaign.tests[0].targets"),
        (plan("a", tests=(PlannedTest("t", Targets(()), STEPS * 501),) * 2), "campaign.tests"),
        (
            plan("a", tests=(PlannedTest("t", Targets((Target("a"),) * 201), STEPS * 50),)),
            "campaign.tests[0]",
        ),
        (plan("a", tests=(PlannedTest("n" * 2001, Targets(()), STEPS),)), "campaign.tests[0].name"),
    ],
    ids=["no tests", "no steps", "targets", "steps", "tasks", "name"],
)
def test_too_much(bench: Any, bad: Campaign, field: str) -> None:
    """A campaign has tests with steps, and no more of anything than a job may have."""
    with pytest.raises(Invalid) as caught:
        bench.gateway.jobs.submit(bench.admin, lambda: NewJob((), campaign=bad))
    assert caught.value.field == field
    assert bench.gateway.jobs.page(bench.admin) == []


@contextmanager
def statements() -> Iterator[list[str]]:
    """What is said to the database meanwhile."""
    said: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        said.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def test_many_targets(bench: Any) -> None:
    """A start of many targets, and the last one's claim, keep others waiting for a few statements per target."""
    cost = {}
    for size in (4, 24):
        names = [f"{size}-{number}" for number in range(size)]
        bench.systems(*names)
        with statements() as starting:
            begin(bench, *names)
        for name in names[:-1]:
            assert bench.claim(name) is None
        with statements() as last:
            assert bench.claim(names[-1]) is not None
        cost[size] = (len(starting), len(last), sum("campaigns.plan" in one for one in last))
    few, many = cost[4], cost[24]
    assert many[0] - few[0] <= 20 * 2
    assert many[1] - few[1] <= 20 * 4
    # a plan may be as long as there are targets
    assert many[2] == few[2] <= 2

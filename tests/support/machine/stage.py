"""What every rule stands on: the lab, this example's job in the model, and what follows each call."""

import time
from collections import Counter
from collections.abc import Collection
from typing import Any

from attrs import define, field
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine
from lab import Answer, Lab
from machine.agree import BACKGROUND_SECONDS, Agreement
from machine.model import HERE, Job, Recipe, System, Task
from machine.wire import Wire
from waiting import until

#: the settings of the lab under test, which the model knows
SETTINGS = {
    "TACKROOM_GRACE_SECONDS": "2",
    "TACKROOM_MAX_RESULTS": "8",
    "TACKROOM_CLAIM_SECONDS": "3600",
    "TACKROOM_QUIET_SECONDS": "0.3",
}
#: how close to a moment that is not known exactly no call is made: one must be over by then
MARGIN = 0.4
NONSENSE = "Bearer nonsense"

#: of the two recipes, and of the first one's second task
ROLES = ("SERVERS", "CLIENTS")
DRIVER = "DRIVER"
#: which of the two recipes
RECIPES = st.integers(0, 1)
#: which task: the recipe's own two, the other recipe's, none
TASKS = st.sampled_from((0, 1, 0, 1, 0, 1, 0, 1, 2, 3))
#: with what credentials
WHO = st.sampled_from(
    ("key",) * 6 + ("basic", "basic", "oldest", "oldest", "none", "wrong", "other", "revoked", "admin")
)
ADMIN_OR_NOT = st.sampled_from(("admin",) * 8 + ("none", "wrong", "key"))
ADDRESSES = st.sampled_from((None, None, "10.9.8.7", HERE))


@define
class Ended:
    """An example that is over: its job is looked at once more when it is settled."""

    job: Job
    trace: list[str]
    #: whether its systems are still there
    kept: bool


@define
class Bench:
    """What all examples share."""

    lab: Lab
    steps: int = 0
    examples: int = 0
    #: how often each call was answered what
    seen: Counter[tuple[str, int]] = field(factory=Counter)
    #: seconds from a watchdog's end to the abort
    delays: list[float] = field(factory=list)
    #: seconds from the end of what was waited for in sync to the answer
    waits: list[float] = field(factory=list)
    #: when a process was last ended by us
    disturbed: dict[str, float] = field(factory=dict)
    disturbances: Counter[str] = field(factory=Counter)
    backlog: list[Ended] = field(factory=list)
    wire: Wire = field(init=False)
    agreement: Agreement = field(init=False)
    admin: str = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Be ready to call."""
        self.admin = f"Bearer {self.lab.token}"
        self.wire = Wire(self.lab)
        self.agreement = Agreement(self.lab, self.wire, self.admin)

    def close(self) -> None:
        """Let go."""
        self.wire.close()
        self.agreement.close()

    def finish(self) -> None:
        """Look at all examples once more, settled."""
        for ended in self.backlog:
            try:
                self.agreement.settled(ended.job)
                for recipe in ended.job.recipes if ended.kept else ():
                    path = f"/systems/{recipe.system.name}"
                    assert self.wire.call("DELETE", path, authorization=self.admin).status == 204
            except AssertionError as error:
                error.add_note("after: " + "\n       ".join(ended.trace))
                raise
        self.backlog.clear()


class Stage(RuleBasedStateMachine):
    """One example: a fresh job of one set with two recipes of two tasks each, on two systems of its own."""

    def __init__(self, bench: Bench) -> None:
        """Begin with nothing; the first rule makes the job."""
        super().__init__()
        self.bench = bench
        self.wire = bench.wire
        self.admin = bench.admin
        self.wire.trace = []
        self.looks = 0
        self.jobs: list[Job] = []
        #: steps before which nothing ends as a whole
        self.calm = 0
        self.forgetful = False
        bench.examples += 1

    @property
    def job(self) -> Job:
        """The job that this example is about at the moment."""
        return self.jobs[-1]

    def recipe(self, number: int) -> Recipe:
        """The first or second recipe."""
        return self.job.recipes[number]

    def fresh_job(self, private: bool, systems: list[System]) -> Job:
        """Submit a job for these systems."""
        value = {
            "name": "machine",
            "visibility": "private" if private else "public",
            "recipe_sets": [{"recipes": [_recipe(0, systems[0]), _recipe(1, systems[1])]}],
        }
        answer = self.wire.json("POST", "/jobs/", value, self.admin)
        assert answer.status == 201, answer
        return read_job(answer.json, private, systems)

    def header(self, number: int, who: str) -> str | None:
        """The Authorization that this caller sends to the recipe."""
        recipe, other = self.recipe(number), self.recipe(1 - number)
        if who == "none":
            return None
        if who == "admin":
            return self.admin
        keys = {"other": other.keys, "revoked": recipe.revoked}.get(who, recipe.keys)
        if who == "wrong" or not keys:
            return NONSENSE
        key = keys[0 if who == "oldest" else -1]
        return recipe.basic(key) if who == "basic" else recipe.bearer(key)

    def begin(self) -> float:
        """Let pass what happens on its own at about this time; return the time."""
        for recipe in self.job.recipes:
            if recipe.closing is not None and time.time() > recipe.closing.first - MARGIN:
                self.bench.agreement.closing(recipe)
        return time.time()

    def expect(self, what: str, answer: Answer, allowed: Collection[int]) -> bool:
        """Compare an answer's status; True when the call was carried out."""
        self.bench.seen[what, answer.status] += 1
        assert answer.status in allowed, f"{what}: {answer.status}, the model says {sorted(allowed)}: {answer}"
        return answer.status < 300

    def answers(
        self, number: int, authorization: str | None, early: int | None, *late: int | None, done: int
    ) -> set[int]:
        """What a harness's call may be answered: `done` when it is carried out.

        Who may is asked before what else is wrong (`late`, the first counts), but a form that cannot be read (`early`)
        may be refused before or after that.
        """
        refusals = [status for status in (early, *late) if status]
        allowed: set[int] = set()
        for status in self.recipe(number).harness(authorization, self.admin):
            if status:
                allowed |= {status, early} if early else {status}
            else:
                allowed.add(refusals[0] if refusals else done)
        return allowed

    @property
    def may_end(self) -> bool:
        """Whether all may end by now; when it has ended, the calls that do so are made again now and then only."""
        return self.looks >= self.calm and (not self.job.finished or self.looks % 7 == 0)

    def task(self, number: int, place: int) -> Task | None:
        """The recipe's task, None for a place where it has none."""
        return self.recipe(number).tasks[place] if place < 2 else None

    def look(self) -> None:
        """Bring in what follows from the step, and compare everything."""
        self.job.start()
        if self.job.doomed:
            self.expire()
        self.begin()
        self.bench.agreement.look(self.job)

    def expire(self) -> None:
        """Wait until the timer has seen that the watchdogs are past."""
        before = time.time()
        path = f"/recipes/{self.job.unfinished[0].id}/"

        def aborted() -> bool:
            answer = self.wire.call(
                "GET", path, b"", {"Accept": "application/json"}, authorization=self.admin, quiet=True
            )
            return bool(answer.json["status"] == "Aborted")

        until(aborted, "the abort", BACKGROUND_SECONDS)
        self.bench.delays.append(time.time() - before)
        self.job.expire(before)

    def teardown(self) -> None:
        """End what is unfinished; what is to be seen later waits in the backlog."""
        if not self.jobs:
            return
        self.bench.agreement.access_log()
        job = self.job
        before = self.begin()
        answer = self.wire.call("POST", f"/jobs/{job.id}/cancel", authorization=self.admin)
        assert answer.status == 204, answer
        job.cancel(before)
        for recipe in job.recipes if self.forgetful else ():
            answer = self.wire.call("DELETE", f"/systems/{recipe.system.name}", authorization=self.admin)
            assert answer.status == 204, answer
        for number, past in enumerate(self.jobs):
            kept = not self.forgetful and number == len(self.jobs) - 1
            self.bench.backlog.append(Ended(past, self.wire.trace, kept))


def _recipe(number: int, system: System) -> dict[str, object]:
    first = {"name": f"first-{number}", "command": ["true"]}
    second = {"name": f"second-{number}", "command": ["true"], "role": (DRIVER, None)[number]}
    return {"system": system.name, "role": ROLES[number], "tasks": [first, second]}


def read_job(value: dict[str, Any], private: bool, systems: list[System]) -> Job:
    """Make the model of a job that was just submitted: its ids are all that is taken from the answer."""
    (group,) = value["recipe_sets"]
    recipes = []
    for number, (told, system) in enumerate(zip(group["recipes"], systems, strict=True)):
        first, second = told["tasks"]
        tasks = [
            Task(first["id"], f"first-{number}", None),
            Task(second["id"], f"second-{number}", (DRIVER, None)[number]),
        ]
        recipes.append(Recipe(told["id"], system, ROLES[number], tasks, private))
    return Job(value["id"], group["id"], recipes, private)

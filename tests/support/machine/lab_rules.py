"""Rules of the lab: systems, claims, keys, jobs, and processes that end."""

import os
import signal
import time
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule
from machine.harness_rules import HarnessRules
from machine.model import HERE, System
from machine.stage import ADDRESSES, ADMIN_OR_NOT, RECIPES, read_job
from waiting import until

HEALTHS = st.sampled_from(("good", "good", "unknown", "bad", "maintenance", "excellent"))
#: seconds between two ends of one process: `serve` waits before it starts again what has just been started
CALM_SECONDS = 15.0


class LabRules(HarnessRules):
    """What the lab's people, systems and machines do."""

    @initialize(
        private=st.booleans(),
        addresses=st.tuples(ADDRESSES, ADDRESSES),
        begun=st.sampled_from(("submitted", "claimed", "running", "half", "half")),
        calm=st.integers(0, 40),
        forgetful=st.booleans(),
    )
    def set_up(
        self, private: bool, addresses: tuple[str | None, str | None], begun: str, calm: int, forgetful: bool
    ) -> None:
        """Two systems and a job for them; most often they have asked for it, or are in the middle of it."""
        self.calm, self.forgetful = calm, forgetful
        systems = []
        for letter, address in zip("ab", addresses, strict=True):
            system = System(f"machine-{self.bench.examples}{letter}", address)
            given = {"name": system.name, "address": address}
            assert self.wire.json("POST", "/systems/", given, self.admin).status == 201
            answer = self.wire.call("POST", f"/systems/{system.name}/key", authorization=self.admin)
            system.secret = answer.json["key"]
            systems.append(system)
        self.jobs.append(self.fresh_job(private, systems))
        if begun != "submitted":
            self.claim(0, "admin")
            self.claim(1, "system")
            self.claim(0, "system")
        for number, place in ((0, 0), (1, 0), (0, 1)) if begun in ("running", "half") else ():
            self.post(number, place, "key", "Running", None)
        for number in (0, 1) if begun == "half" else ():
            self.post(number, 0, "key", "Completed", None)

    @rule(number=RECIPES, who=st.sampled_from(("system", "system", "admin", "other", "none", "wrong", "key")))
    def claim(self, number: int, who: str) -> None:
        """A system asks for work; a repeated claim gets the same recipe, with one more key."""
        recipe = self.recipe(number)
        system = recipe.system
        secrets = {"system": system.secret, "other": self.recipe(1 - number).system.secret}
        authorization = f"Bearer {secrets[who]}" if who in secrets else self.header(number, who)
        before = self.begin()
        answer = self.wire.call("POST", f"/systems/{system.name}/claim?wait=0", authorization=authorization)
        if who not in ("system", "admin"):
            self.expect("claim", answer, {401})
            return
        system.claimed = True
        if system.holds is None:
            self.job.assign(before)
        held = system.holds is recipe and recipe.status != "Scheduled"
        self.expect("claim", answer, {200 if held else 204})
        if held:
            told: dict[str, Any] = answer.json
            assert told["id"] == recipe.id, told
            recipe.add_key(told["key"])

    @rule(number=RECIPES, who=ADMIN_OR_NOT, rotate=st.booleans(), system=st.sampled_from((None, None, "own", "other")))
    def issue_key(self, number: int, who: str, rotate: bool, system: str | None) -> None:
        """One more key, in place of the earlier ones or beside them; a queued recipe is given its system."""
        recipe = self.recipe(number)
        named = {"own": recipe.system.name, "other": self.recipe(1 - number).system.name}.get(system or "")
        before = self.begin()
        busy = not recipe.assigned and not recipe.system.free
        query = f"?rotate={int(rotate)}" + (f"&system={named}" if named else "")
        answer = self.wire.call("POST", f"/recipes/{recipe.id}/key{query}", authorization=self.header(number, who))
        refused = recipe.finished or busy or system == "other"
        self.expect("POST key", answer, {401} if who != "admin" else {409} if refused else {201})
        if answer.status == 201:
            if not recipe.assigned:
                self.job.give(recipe, before)
                self.job.assign(before)
            recipe.add_key(answer.json["key"], rotate=rotate)

    @rule(number=RECIPES, who=ADMIN_OR_NOT, health=HEALTHS)
    def set_health(self, number: int, who: str, health: str) -> None:
        """A system breaks, or is well again."""
        system = self.recipe(number).system
        before = self.begin()
        answer = self.wire.json("PATCH", f"/systems/{system.name}", {"health": health}, self.header(number, who))
        wrong = health == "excellent"
        allowed = {200} if who == "admin" and not wrong else {400} if who == "admin" else {401, 400 if wrong else 401}
        if self.expect("PATCH health", answer, allowed):
            system.health = health
            self.job.assign(before)

    @rule(number=RECIPES, address=st.sampled_from((None, HERE, "10.9.8.7", "10.9.8.7", "::1", "127.0.0.01", "here")))
    def set_address(self, number: int, address: str | None) -> None:
        """A system moves: whoever has its old address has nothing to do with its recipe any more."""
        recipe = self.recipe(number)
        system = recipe.system
        before = self.begin()
        wrong = address in ("127.0.0.01", "here")
        answer = self.wire.json("PATCH", f"/systems/{system.name}", {"address": address}, self.admin)
        if self.expect("PATCH address", answer, {400 if wrong else 200}):
            system.address = address
            if system.holds is recipe:
                recipe.addresses = {address}
            elif recipe.assigned and not recipe.settled:
                # it has ended, and its system is free: which of the two addresses counts until it is settled is open
                recipe.addresses = recipe.addresses | {address}
            self.job.assign(before)

    @precondition(lambda self: self.may_end)
    @rule(who=st.sampled_from(("admin", "none", "wrong", "key")))
    def cancel(self, who: str) -> None:
        """The job is cancelled."""
        before = self.begin()
        answer = self.wire.call("POST", f"/jobs/{self.job.id}/cancel", authorization=self.header(0, who))
        if self.expect("cancel", answer, {204 if who == "admin" else 401}):
            self.job.cancel(before)

    @rule(who=ADMIN_OR_NOT)
    def retry(self, who: str) -> None:
        """The job once more: this example goes on with the new one when the old one is finished, else it is dropped."""
        old = self.job
        before = self.begin()
        answer = self.wire.call("POST", f"/jobs/{old.id}/retry", authorization=self.header(0, who))
        if not self.expect("retry", answer, {201 if who == "admin" else 401}):
            return
        told: dict[str, Any] = answer.json
        assert (told["retry_of"], answer.headers["Location"]) == (old.id, f"/jobs/{told['id']}"), answer
        assert told["visibility"] == ("private" if old.private else "public"), told
        fresh = read_job(told, old.private, [recipe.system for recipe in old.recipes])
        unfinished = not old.finished
        if not unfinished:
            fresh.assign(before)
        self.jobs.append(fresh)
        self.bench.agreement.look(fresh)
        if unfinished:
            answer = self.wire.call("POST", f"/jobs/{fresh.id}/cancel", authorization=self.admin)
            assert answer.status == 204, answer
            fresh.cancel(before)
            self.bench.agreement.look(fresh)
            self.jobs.insert(0, self.jobs.pop())

    @rule(number=RECIPES, who=st.sampled_from(("admin", "admin", "none", "wrong")))
    def queue(self, number: int, who: str) -> None:
        """The queue has the job while one of its recipes waits for a system, for those who may see it, and says why."""
        self.begin()
        answer = self.wire.call("GET", f"/queue?job={self.job.id}", authorization=self.header(number, who))
        if not self.expect("queue", answer, {401 if who == "wrong" else 200}):
            return
        visible = who == "admin" or not self.job.private
        waiting = [recipe.id for recipe in self.job.recipes if visible and recipe.status == "Queued"]
        told = answer.json["queue"]
        assert [entry["job"] for entry in told] == ([self.job.id] if waiting else []), told
        for entry in told:
            assert (entry["recipe_set"], sorted(entry["recipes"])) == (self.job.recipe_set, waiting), told
            assert entry["reason"], told

    @rule(victim=st.sampled_from(("web", "worker", "timer", "indexer")))
    def disturb(self, victim: str) -> None:
        """A process ends or is killed, and `serve` starts it again; not too often."""
        lab, now = self.bench.lab, time.monotonic()
        if now - self.bench.disturbed.get(victim, now - CALM_SECONDS - 10) < CALM_SECONDS:
            return
        self.begin()
        word = {"web": "gunicorn", "worker": "gunicorn"}.get(victim, f"wsgi_app.cli {victim}")
        pids = lab.pids(word)
        pid = pids[-1 if victim == "worker" else 0]
        os.kill(pid, signal.SIGTERM if victim == "web" else signal.SIGKILL)
        until(lambda: len(fresh := lab.pids(word)) >= len(pids) and pid not in fresh, f"a new {victim}")
        until(lambda: self.wire.call("GET", "/readyz", quiet=True).status == 200, "answers")
        self.bench.disturbed[victim] = time.monotonic()
        self.bench.disturbances[victim] += 1

"""Rules of sync: recipes arrive, ask, and wait for one another."""

import threading
import time
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule
from lab import Answer
from machine.model import Recipe
from machine.stage import RECIPES, WHO, Stage
from machine.wire import Wire

#: state names that may be, and one that may not
STATES = st.sampled_from(("READY", "READY", "DONE", "ünï x", "a\x01b"))
#: bodies, and what they are to the others, or how they are refused
BODIES: dict[str, tuple[bytes, Any]] = {
    "nothing": (b"", None),
    "object": (b'{"port":7}', {"port": 7}),
    "4096 bytes": (b'"' + b"x" * 4094 + b'"', "x" * 4094),
    "4097 bytes": (b'"' + b"x" * 4095 + b'"', 413),
    "no JSON": (b"{", 400),
}
WORDS = st.sampled_from(("nothing", "nothing", "object", "object", "4096 bytes", "4097 bytes", "no JSON"))
#: a role, and which of the recipes have it
ROLES = st.sampled_from(
    (
        (None, (0, 1)),
        (None, (0, 1)),
        ("RECIPE_MEMBERS", (0, 1)),
        ("SERVERS", (0,)),
        ("CLIENTS", (1,)),
        ("DRIVER", (0,)),
        ("X", ()),
    )
)


class SyncRules(Stage):
    """Where the two recipes meet."""

    @rule(number=RECIPES, who=WHO, state=STATES, words=WORDS)
    def arrive(self, number: int, who: str, state: str, words: str) -> None:
        """A recipe says that it is there."""
        recipe, authorization = self.recipe(number), self.header(number, who)
        self.begin()
        body, said = BODIES[words]
        early = [*((400,) if state == "a\x01b" else ()), *((said,) if said in (400, 413) else ())]
        late = 409 if recipe.finished or not recipe.assigned else None
        done = 204 if state in recipe.said else 201
        wrongs = early or (None,)
        allowed = {status for wrong in wrongs for status in self.answers(number, authorization, wrong, late, done=done)}
        url = f"/recipes/{recipe.id}/sync/{state}"
        answer = self.wire.call("PUT", url, body, {"Content-Type": "application/json"}, authorization=authorization)
        if self.expect("PUT sync", answer, allowed):
            recipe.said[state] = said

    @rule(number=RECIPES, who=WHO, state=STATES, role=ROLES, some=st.booleans())
    def ask(self, number: int, who: str, state: str, role: tuple[str | None, tuple[int, ...]], some: bool) -> None:
        """A recipe asks who is there, and does not wait."""
        self._ask(number, who, state, role, some)

    def probe_sync(self, number: int) -> None:
        """Ask for all and for any, with the right key."""
        for state in ("READY", "DONE"):
            for some in (False, True):
                self._ask(number, "key", state, (None, (0, 1)), some)

    def _ask(self, number: int, who: str, state: str, role: tuple[str | None, tuple[int, ...]], some: bool) -> None:
        recipe, authorization = self.recipe(number), self.header(number, who)
        self.begin()
        early = 400 if state == "a\x01b" else None
        scope = [self.recipe(place) for place in role[1]]
        there = [peer for peer in scope if state in peer.said]
        dead = [peer for peer in scope if peer.finished and peer not in there]
        stuck = not there and len(dead) == len(scope) if some else bool(dead)
        late = 409 if recipe.finished or stuck else None
        # a role that nobody has may be found before or after the end of the recipe
        wrongs = {late} if scope else {400, late or 400}
        allowed = {status for wrong in wrongs for status in self.answers(number, authorization, early, wrong, done=200)}
        if not recipe.assigned:
            allowed |= {200, 409}
        url = f"/recipes/{recipe.id}/sync/{state}?timeout=0&any={int(some)}" + (f"&role={role[0]}" if role[0] else "")
        answer = self.wire.call("GET", url, authorization=authorization)
        if not self.expect("GET sync", answer, allowed):
            return
        told: dict[str, Any] = answer.json
        reached = bool(there) if some else len(there) == len(scope)
        assert told["reached"] is reached, told
        assert told["said"] == {str(peer.id): peer.said[state] for peer in there}, told
        if not reached:
            assert {peer["recipe"] for peer in told["waiting_for"]} == {p.id for p in scope if p not in there}, told

    @rule(number=RECIPES, state=st.sampled_from(("READY", "DONE")), end=st.sampled_from(("arrive", "abort", "expire")))
    def wait_for_the_other(self, number: int, state: str, end: str) -> None:
        """One recipe waits for both; the other arrives, is aborted, or its watchdog goes off, which ends both."""
        recipe, other = self.recipe(number), self.recipe(1 - number)
        if end != "arrive" and (self.looks < self.calm or state in other.said):
            end = "arrive"
        if recipe.finished or other.finished or not (recipe.assigned and other.assigned):
            return
        if end == "arrive" and other.past:
            # who waits for one that is past its watchdog goes with it, if the timer looks at that moment
            return
        before = self.begin()
        self._arrive(recipe, state)
        url = f"/recipes/{recipe.id}/sync/{state}?timeout=30"
        answers: list[Answer] = []
        wire = Wire(self.bench.lab)
        waiting = threading.Thread(target=lambda: answers.append(wire.call("GET", url, authorization=self.admin)))
        waiting.start()
        if end == "arrive":
            self._arrive(other, state)
        elif end == "abort":
            fields = {"status": "Aborted", "message": "gone"}
            assert self.wire.form("POST", f"/recipes/{other.id}/status", fields, self.admin).status == 204
            other.abort("gone", self.admin, before)
        else:
            assert self.wire.form("POST", f"/recipes/{other.id}/watchdog", {"seconds": "0"}, self.admin).status == 204
            self.expire()
        happened = time.monotonic()
        waiting.join(20)
        self.bench.waits.append(time.monotonic() - happened)
        wire.close()
        assert answers, "the wait did not end"
        self.expect(f"wait sync, {end}", answers[0], {200} if end == "arrive" else {409})
        if end == "arrive":
            assert answers[0].json["reached"] is True, answers
        elif end == "abort":
            assert str(other.id) in answers[0].body.decode(), answers

    def _arrive(self, recipe: Recipe, state: str) -> None:
        answer = self.wire.call("PUT", f"/recipes/{recipe.id}/sync/{state}", b"", authorization=self.admin)
        assert answer.status == (204 if state in recipe.said else 201), answer
        recipe.said[state] = None

    @rule(number=RECIPES, who=WHO)
    def states(self, number: int, who: str) -> None:
        """All states that anyone has reached, by name."""
        recipe, authorization = self.recipe(number), self.header(number, who)
        self.begin()
        allowed = {status or 200 for status in recipe.reader(authorization, self.admin)}
        answer = self.wire.call("GET", f"/recipes/{recipe.id}/sync/", authorization=authorization)
        if not self.expect("GET sync/", answer, allowed):
            return
        found = {
            (entry["state"], peer["recipe"]): peer["said"]
            for entry in answer.json["states"]
            for peer in entry["recipes"]
            if peer["there"] is not None
        }
        assert found == {(state, peer.id): body for peer in self.job.recipes for state, body in peer.said.items()}

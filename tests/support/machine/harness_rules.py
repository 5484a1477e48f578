"""Rules of the harness protocol, logs apart: statuses, results, watchdogs, installers."""

import math
import time
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from machine.log_rules import owner_url
from machine.model import (
    ANY,
    GRACE_SECONDS,
    INSTALL_SECONDS,
    MAX_RESULTS,
    TOO_MANY,
    WATCHDOG_SECONDS,
    Recipe,
    Result,
    Task,
    Window,
)
from machine.place import task_id
from machine.stage import RECIPES, TASKS, WHO, Stage

STATUSES = st.sampled_from(
    ("Running",) * 4 + ("running", "Completed", "Completed", "COMPLETED", "Aborted", "Cancelled", "", None)
)
RESULTS = st.sampled_from(("Pass", "PASS", "pass", "Warn", "Fail", "None", "Skip", "Panic", "", None))
#: what is sent as score, and what it comes to (harness-beaker.md 1.3)
SCORES = st.sampled_from(
    ((None, None), ("7", 7), ("", 0), ("123foo", 123), ("/foo", 0), ("8.88", 9), ("-1", -1), ("9" * 12, 9_999_999_999))
)
WHO_ENDS = st.sampled_from(("key", "key", "basic", "admin", "admin", "none", "wrong", "other", "revoked"))
OWN = st.sampled_from(("key", "basic", "oldest"))
MESSAGES = st.sampled_from((None, "why", "línea & más"))
SECONDS = st.sampled_from(("600", "5000", "100000", "-1", "0", "-5000", "", "x", "1.5", None))
INSTALLER = st.sampled_from(("install_start", "install_done", "postinstall_done", "install_fail"))


class HarnessRules(Stage):
    """What a harness says and asks."""

    @rule(number=RECIPES, place=st.integers(0, 1), who=OWN, status=st.sampled_from(("Running", "Running", "Completed")))
    def go_on(self, number: int, place: int, who: str, status: str) -> None:
        """A task begins, or ends."""
        self.post(number, place, who, status, None)

    @rule(number=RECIPES, place=st.integers(0, 1), who=OWN, result=st.sampled_from(("Pass", "Pass", "Warn", "Fail")))
    def report_well(self, number: int, place: int, who: str, result: str) -> None:
        """A result as it should be."""
        self._report(number, place, who, result, ("1", 1), "fine", "/here", None)

    @rule(number=RECIPES, place=TASKS, who=WHO, status=STATUSES, message=MESSAGES)
    def post_status(self, number: int, place: int, who: str, status: str | None, message: str | None) -> None:
        """POST of a task's status, good or bad."""
        self.post(number, place, who, status, message)

    def post(self, number: int, place: int, who: str, status: str | None, message: str | None) -> None:
        """POST a task's status, and compare the answer's."""
        recipe, authorization = self.recipe(number), self.header(number, who)
        before = self.begin()
        early = None if known(status) else 400
        late = self._move(recipe, self.task(number, place), status)
        allowed = self.answers(number, authorization, early, *late, done=204)
        fields = given(status=status, message=message, stime="0", etime="0")
        url = owner_url(recipe, self.recipe(1 - number), place) + "status"
        answer = self.wire.form("POST", url, fields, authorization)
        if self.expect("POST task status", answer, allowed):
            self._moved(recipe, self.task(number, place), status, message, before)

    @rule(
        number=RECIPES,
        place=TASKS,
        who=WHO,
        status=STATUSES,
        name=st.sampled_from((None, None, "renamed")),
        version=st.sampled_from((None, None, "1.2-3")),
        as_json=st.booleans(),
    )
    def patch_task(
        self,
        number: int,
        place: int,
        who: str,
        status: str | None,
        name: str | None,
        version: str | None,
        as_json: bool,
    ) -> None:
        """PATCH of a task: status, name and version in one call, or none of them."""
        recipe, task, authorization = self.recipe(number), self.task(number, place), self.header(number, who)
        before = self.begin()
        fields = given(status=status, name=name, version=version)
        early = 415 if not fields and not as_json else None if status is None or known(status) else 400
        moves = self._move(recipe, task, status) if status is not None else (None if task else 404,)
        allowed = self.answers(number, authorization, early, *moves, done=200)
        url = owner_url(recipe, self.recipe(1 - number), place)
        send = self.wire.json if as_json else self.wire.form
        answer = send("PATCH", url, fields, authorization)
        if not self.expect("PATCH task", answer, allowed):
            return
        assert task is not None
        if status is not None:
            self._moved(recipe, task, status, None, before)
        task.name, task.version = name or task.name, version or task.version
        told: dict[str, Any] = answer.json
        if name is None and version is None:
            assert told == given(status=status), told
        else:
            assert (told["id"], told["name"], told["version"]) == (task.id, task.name, task.version), told

    def _move(self, recipe: Recipe, task: Task | None, status: str | None) -> tuple[int | None, ...]:
        """Why a task's status cannot become that."""
        if task is None:
            return (404,)
        unstarted = (status or "").lower() == "completed" and not task.started
        return (409 if task.finished or not recipe.assigned or unstarted else None,)

    def _moved(self, recipe: Recipe, task: Task | None, status: str | None, message: str | None, before: float) -> None:
        assert task is not None and status is not None
        task.status = status.capitalize()
        if task.status == "Running":
            task.started = True
            recipe.watchdog = Window.since(before, WATCHDOG_SECONDS)
        else:
            task.closed = True
        if task.status == "Aborted":
            recipe.add_result(Result(task.id, "/", "Warn", 0, message or ANY))
            recipe.reason = ANY
        recipe.progress()

    @rule(number=RECIPES, place=TASKS, who=WHO, result=RESULTS, score=SCORES, message=MESSAGES, path=MESSAGES)
    def report(
        self,
        number: int,
        place: int,
        who: str,
        result: str | None,
        score: tuple[str | None, int | None],
        message: str | None,
        path: str | None,
    ) -> None:
        """A result."""
        self._report(number, place, who, result, score, message, path, None)

    @rule(number=RECIPES, place=TASKS, who=WHO, result=st.sampled_from(("Pass", "Pass", "Fail")))
    def report_again(self, number: int, place: int, who: str, result: str) -> None:
        """A result with an Idempotency-Key: sent again, it is the same one."""
        self._report(number, place, who, result, (None, None), None, None, f"again-{place}")

    def _report(
        self,
        number: int,
        place: int,
        who: str,
        result: str | None,
        score: tuple[str | None, int | None],
        message: str | None,
        path: str | None,
        repeat: str | None,
    ) -> None:
        recipe, task, authorization = self.recipe(number), self.task(number, place), self.header(number, who)
        self.begin()
        early = None if (result or "").lower() in ("pass", "warn", "fail", "none", "skip") else 400
        fields = given(result=result, score=score[0], message=message, path=path, no_plugins="\x01")
        earlier = recipe.repeats.get(repeat or "")
        full = task is not None and len(recipe.results) >= MAX_RESULTS
        if earlier is None:
            late = (None if task else 404, 409 if task and task.finished else None, 403 if full else None)
        else:
            late = (409 if earlier[0] != fields else None, None, None)
        allowed = self.answers(number, authorization, early, *late, done=201)
        url = owner_url(recipe, self.recipe(1 - number), place) + "results/"
        more = {"Idempotency-Key": repeat} if repeat else {}
        answer = self.wire.form("POST", url, fields, authorization, **more)
        if self.expect("POST result", answer, allowed):
            made = int(answer.headers["Location"])
            if earlier is not None:
                assert made == earlier[1], (made, earlier)
                return
            value = str(result).capitalize()
            recipe.add_result(Result(task_id(place, recipe, recipe), path, value, score[1], message, made))
            if repeat:
                recipe.repeats[repeat] = (fields, made)
        elif answer.status == 403 and full and TOO_MANY in answer.body.decode():
            assert task is not None
            if not any(known.message == TOO_MANY for known in recipe.results):
                recipe.add_result(Result(task.id, "/", "Warn", None, TOO_MANY))

    @rule(number=RECIPES, who=WHO, seconds=SECONDS)
    def set_watchdog(self, number: int, who: str, seconds: str | None) -> None:
        """POST of the watchdog: far away, at once, in the past, or no number at all."""
        recipe, authorization = self.recipe(number), self.header(number, who)
        if seconds is not None and not seconds.strip("-").strip("123456789") and self.looks < self.calm:
            seconds = "700"
        before = self.begin()
        early = None if seconds and seconds.strip("-").isdigit() else 400
        late = 409 if recipe.finished or not recipe.assigned else None
        allowed = self.answers(number, authorization, early, late, done=204)
        answer = self.wire.form("POST", f"/recipes/{recipe.id}/watchdog", given(seconds=seconds), authorization)
        if self.expect("POST watchdog", answer, allowed):
            recipe.watchdog = Window.since(before, int(seconds or 0))

    @precondition(lambda self: self.may_end)
    @rule(seconds=st.sampled_from(("0", "-1", "-100000")))
    def let_die(self, seconds: str) -> None:
        """Everything unfinished is past its watchdog."""
        before = self.begin()
        for recipe in self.job.unfinished:
            if recipe.assigned:
                fields = {"seconds": seconds}
                answer = self.wire.form("POST", f"/recipes/{recipe.id}/watchdog", fields, self.admin)
                self.expect("POST watchdog", answer, {204})
                recipe.watchdog = Window.since(before, int(seconds))

    @rule(number=RECIPES, who=WHO)
    def get_watchdog(self, number: int, who: str) -> None:
        """The seconds that are left."""
        recipe, authorization = self.recipe(number), self.header(number, who)
        before = self.begin()
        allowed = {status or 200 for status in recipe.reader(authorization, self.admin)}
        answer = self.wire.call("GET", f"/recipes/{recipe.id}/watchdog", authorization=authorization)
        if self.expect("GET watchdog", answer, allowed):
            seconds = answer.json["seconds"]
            if recipe.watchdog is None:
                assert seconds is False, seconds
            else:
                least, most = recipe.watchdog.first - time.time(), recipe.watchdog.last - before
                assert math.floor(least) <= seconds <= math.floor(most), (seconds, least, most)

    @precondition(lambda self: self.may_end)
    @rule(
        number=RECIPES,
        who=WHO_ENDS,
        status=st.sampled_from(("Aborted", "aborted", "Completed", None)),
        message=MESSAGES,
    )
    def abort_recipe(self, number: int, who: str, status: str | None, message: str | None) -> None:
        """POST of a recipe's status: all of it is aborted, its logs stay open for a while."""
        recipe, authorization = self.recipe(number), self.header(number, who)
        before = self.begin()
        early = None if (status or "").lower() == "aborted" else 400
        allowed = self.answers(number, authorization, early, done=204)
        fields = given(status=status, message=message)
        answer = self.wire.form("POST", f"/recipes/{recipe.id}/status", fields, authorization)
        if self.expect("POST recipe status", answer, allowed) and not recipe.finished:
            recipe.abort(message or ANY, authorization, before)

    @rule(number=RECIPES, who=WHO, word=INSTALLER, method=st.sampled_from(("GET", "POST", "PUT")), slash=st.booleans())
    def installer(self, number: int, who: str, word: str, method: str, slash: bool) -> None:
        """What an installer says, by any verb."""
        if word == "install_fail" and self.looks < self.calm:
            word = "install_start"
        recipe, authorization = self.recipe(number), self.header(number, who)
        before = self.begin()
        ended = recipe.finished and word != "install_fail"
        late = 409 if ended or not (recipe.assigned or recipe.finished) else None
        allowed = self.answers(number, authorization, None, late, done=200)
        url = f"/{word}/{recipe.id}" + ("/" if slash else "")
        answer = self.wire.call(method, url, authorization=authorization)
        if not self.expect(word, answer, allowed):
            return
        expected = {"postinstall_done": "True", "install_fail": "None", "install_done": repr(recipe.system.name)}
        if word == "install_start":
            first = word not in recipe.installs
            expected[word] = repr(first)
            if first:
                recipe.watchdog = Window.since(before, INSTALL_SECONDS)
        assert answer.body.decode() == expected[word], answer
        assert answer.headers["Content-Type"].startswith("text/plain"), answer
        if word != "install_fail":
            recipe.installs.add(word)
        elif not recipe.finished:
            recipe.end("Aborted", "Installation failed", grace=GRACE_SECONDS, before=before)


def known(status: str | None) -> bool:
    """Whether a harness may set that status."""
    return (status or "").lower() in ("running", "completed", "aborted")


def given(**fields: str | None) -> dict[str, str]:
    """The fields that are there."""
    return {name: value for name, value in fields.items() if value is not None}

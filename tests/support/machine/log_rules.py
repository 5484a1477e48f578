"""Rules of the data plane: PUT, GET, listing, other methods."""

import re
import time
from collections.abc import Collection
from html import unescape
from typing import Any
from urllib.parse import unquote

from hypothesis import strategies as st
from hypothesis.stateful import rule
from machine.model import Log, Recipe, Task, denied
from machine.place import BAD_NAMES, NAMES, NOBODY, Spot, clashes, task_id
from machine.stage import RECIPES, TASKS, WHO, Stage

SPOTS = st.builds(
    Spot,
    st.sampled_from(("recipe", "task", "task", "task", "result")),
    TASKS,
    st.sampled_from((0, 0, 0, 1, -1)),
    st.sampled_from(NAMES * 3 + BAD_NAMES),
)
BODIES = {
    "a line": b"one line\n",
    "nothing": b"",
    "a byte": b"x",
    "lines": b"many\nlines\n" * 30,
    "any bytes": bytes(range(256)) * 20,
}
BODY = st.sampled_from(tuple(BODIES))
#: where a range begins, as a part of the log's length and bytes added to that
STARTS = st.sampled_from(((0, 0), (1, 0), (1, 0), (1, 0), (0.5, 0), (1, 7), (1, 5000), (0, 3)))
#: what is behind the slash, and how much longer than the body the range pretends to be
FORMS = st.sampled_from((("*", 0),) * 4 + (("exact", 0), ("more", 0), ("*", 3), ("*", -1)))
#: which of the logs that are there
PICKS = st.integers(0, 9)
METHODS = st.sampled_from(("GET", "GET", "GET", "HEAD"))
OTHERS = st.sampled_from(("DELETE", "PATCH", "MKCOL", "PROPFIND", "MOVE", "watchdog", "status", "tasks/1/status"))
#: what is no range, or too far away; or nothing says how long it is
ODD = st.sampled_from(
    (
        ("bytes 5-2/*", 400),
        ("bytes 0-3/2", 400),
        ("octets 0-4/*", 400),
        ("bytes */4", 400),
        ("bytes=0-4/5", 400),
        ("junk", 400),
        (None, 411),
        ("bytes 4294967290-4294967300/*", 416),
    )
)


class LogRules(Stage):
    """What systems and readers do with logs."""

    @rule(number=RECIPES, spot=SPOTS, who=WHO, body=BODY)
    def put_whole(self, number: int, spot: Spot, who: str, body: str) -> None:
        """A whole log."""
        self.put(number, spot, who, BODIES[body])

    @rule(number=RECIPES, spot=SPOTS, who=WHO, body=BODY, start=STARTS, form=FORMS)
    def put_range(
        self, number: int, spot: Spot, who: str, body: str, start: tuple[float, int], form: tuple[str, int]
    ) -> None:
        """A range: behind what is there, over it, beyond its end; of the body's length or not."""
        recipe = self.recipe(number)
        log = recipe.logs.get(spot.path(recipe, self.recipe(1 - number)))
        first = int(start[0] * (len(log.content) if log else 0)) + start[1]
        sent = BODIES[body]
        last = max(first, first + len(sent) - 1 + form[1])
        total = {"*": "*", "exact": str(last + 1), "more": str(last + 100)}[form[0]]
        fits = last - first + 1 == len(sent)
        self.put(number, spot, who, sent, f"bytes {first}-{last}/{total}", first=first, fits=fits)

    @rule(number=RECIPES, spot=SPOTS, who=WHO, odd=ODD)
    def put_wrong(self, number: int, spot: Spot, who: str, odd: tuple[str | None, int]) -> None:
        """What is no range of ours; and no Content-Length."""
        self.put(number, spot, who, b"12345", odd[0], measured=odd[1] != 411, refused=odd[1])

    @rule(number=RECIPES, pick=PICKS, who=WHO, body=BODY, start=STARTS, whole=st.booleans())
    def put_more(self, number: int, pick: int, who: str, body: str, start: tuple[float, int], whole: bool) -> None:
        """More of a log that is there, or all of it anew."""
        recipe = self.recipe(number)
        path = self._pick(recipe, pick)
        if path is None:
            return
        first = None if whole else int(start[0] * len(recipe.logs[path].content)) + start[1]
        sent = BODIES[body]
        span = None if first is None else f"bytes {first}-{max(first, first + len(sent) - 1)}/*"
        self._put(number, path, self._owner(recipe, path), who, sent, span, first=first)

    def _pick(self, recipe: Recipe, pick: int) -> str | None:
        """One of the recipe's logs: those that hold something first."""
        paths = sorted(recipe.logs, key=lambda path: not recipe.logs[path].content)
        return paths[pick % len(paths)] if paths else None

    def _owner(self, recipe: Recipe, path: str) -> Task | None:
        return next((task for task in recipe.tasks if path.startswith(f"tasks/{task.id}/")), None)

    def put(self, number: int, spot: Spot, who: str, body: bytes, span: str | None = None, **more: Any) -> None:
        """PUT a log at this place."""
        recipe, other = self.recipe(number), self.recipe(1 - number)
        path = spot.path(recipe, other)
        task = recipe.tasks[spot.task] if spot.level != "recipe" and spot.task < 2 else None
        refusals = set() if spot.owned(recipe, other) else {404}
        self._put(number, path, task, who, body, span, permitted=spot.permitted, refusals=refusals, **more)

    def _put(
        self,
        number: int,
        path: str,
        task: Task | None,
        who: str,
        body: bytes,
        span: str | None,
        *,
        first: int | None = None,
        fits: bool = True,
        measured: bool = True,
        refused: int | None = None,
        permitted: bool = True,
        refusals: Collection[int] = (),
    ) -> None:
        """PUT a log of that task, and compare the status; `refused` is that of a call that is wrong in itself."""
        recipe = self.recipe(number)
        authorization = self.header(number, who)
        allowed: set[int] = set()
        self.begin()
        for admitted in recipe.admits(authorization):
            if not permitted:
                allowed.add(403)
            elif not admitted:
                allowed.add(denied(authorization))
            elif recipe.closed or (task is not None and task.closed):
                allowed.add(409)
            elif refused:
                allowed.add(refused)
            else:
                allowed |= self._written(recipe, path, fits, refusals)
        headers = {} if span is None else {"Content-Range": span}
        url = f"/recipes/{recipe.id}/{path}"
        answer = self.wire.call("PUT", url, body, headers, authorization=authorization, measured=measured)
        if recipe.closing is not None and time.time() > recipe.closing.first:
            allowed.add(409)
        if self.expect("PUT log", answer, allowed):
            recipe.logs.setdefault(path, Log(b"", registered=True)).write(body, first)

    def _written(self, recipe: Recipe, path: str, fits: bool, refusals: Collection[int]) -> set[int]:
        if path in recipe.logs:
            # mod_dav_fs does not compare the body's length with its range
            return {204}
        if not fits:
            return {400}
        return {*refusals, *((409,) if clashes(list(recipe.logs), path) else ())} or {201}

    @rule(number=RECIPES, spot=SPOTS, who=WHO, method=METHODS)
    def get_log(self, number: int, spot: Spot, who: str, method: str) -> None:
        """Read a log that may be there or not."""
        recipe = self.recipe(number)
        self._get(number, spot.path(recipe, self.recipe(1 - number)), who, method, None, permitted=spot.permitted)

    @rule(number=RECIPES, pick=PICKS, who=WHO, method=METHODS, span=st.sampled_from((None, (0, 3), (2, 8))))
    def get_there(self, number: int, pick: int, who: str, method: str, span: tuple[int, int] | None) -> None:
        """Read a log that is there, whole or in part."""
        path = self._pick(self.recipe(number), pick)
        if path is not None:
            self._get(number, path, who, method, span)

    def _get(
        self, number: int, path: str, who: str, method: str, span: tuple[int, int] | None, *, permitted: bool = True
    ) -> None:
        recipe = self.recipe(number)
        authorization = self.header(number, who)
        self.begin()
        log = recipe.logs.get(path)
        part = slice(span[0], span[1] + 1) if span and log and len(log.content) > span[1] else None
        allowed: set[int] = set()
        for status in recipe.reader(authorization, self.admin):
            if not permitted or status:
                allowed.add(status if permitted else 403)
            elif log is None or not (log.content or log.registered or log.doubtful):
                allowed.add(404)
            else:
                allowed |= {206 if part else 200, *((404,) if log.doubtful else ())}
        headers = {"Range": f"bytes={part.start}-{part.stop - 1}"} if part else {}
        answer = self.wire.call(method, f"/recipes/{recipe.id}/{path}", headers=headers, authorization=authorization)
        if self.expect(f"{method} log", answer, allowed) and method == "GET":
            assert log is not None
            assert answer.body == (log.content[part] if part else log.content), (path, answer, log)

    @rule(number=RECIPES, spot=SPOTS, who=WHO)
    def list_logs(self, number: int, spot: Spot, who: str) -> None:
        """The listing of a level has its own logs, and no others."""
        recipe, other = self.recipe(number), self.recipe(1 - number)
        authorization = self.header(number, who)
        self.begin()
        missing = None if spot.owned(recipe, other) else 404
        allowed = {status or missing or 200 for status in recipe.reader(authorization, self.admin)}
        owner = spot.owner(recipe, other) + "logs/"
        answer = self.wire.call("GET", f"/recipes/{recipe.id}/{owner}", authorization=authorization)
        if not self.expect("GET logs/", answer, allowed):
            return
        mine = {path.removeprefix(owner): log for path, log in recipe.logs.items() if path.startswith(owner)}
        listed = [unquote(unescape(href)) for href in re.findall(r'href="([^"]*)"', answer.body.decode())]
        must = {name for name, log in mine.items() if log.content or (log.registered and not log.doubtful)}
        assert must <= set(listed) <= must | {name for name, log in mine.items() if log.doubtful}, (listed, must)

    @rule(number=RECIPES, spot=SPOTS, who=WHO, call=OTHERS)
    def other(self, number: int, spot: Spot, who: str, call: str) -> None:
        """Other methods on logs, and calls of a recipe that is not there."""
        recipe = self.recipe(number)
        self.begin()
        if call.isupper():
            url = f"/recipes/{recipe.id}/{spot.path(recipe, self.recipe(1 - number))}"
            answer = self.wire.call(call, url, authorization=self.header(number, who))
            self.expect("other log", answer, {405} if spot.permitted else {403})
        else:
            fields = {"seconds": "60", "status": "Aborted"}
            answer = self.wire.form("POST", f"/recipes/{NOBODY}/{call}", fields, self.header(number, who))
            self.expect("nobody", answer, {404})

    def probe(self, number: int) -> None:
        """Write one byte to a log with each sort of credentials, and read every log."""
        recipe = self.recipe(number)
        spot = Spot("recipe", 0, 0, "probe.log")
        for who in ("key", "basic", "oldest", "none", "wrong", "other", "revoked", "admin"):
            self.put(number, spot, who, b"p", "bytes 0-0/*", first=0)
        for place in (0, 1):
            for who in ("key", "none"):
                self.put(number, Spot("task", place, 0, "taskout.log"), who, b"p", "bytes 0-0/*", first=0)
        reader = self.admin if not recipe.private or not recipe.keys else self.header(number, "key")
        for path, log in recipe.logs.items():
            if log.content:
                url = f"/recipes/{recipe.id}/{path}"
                answer = self.wire.call("GET", url, authorization=reader, quiet=True)
                assert (answer.status, answer.body) == (200, log.content), (path, answer.status)


def owner_url(recipe: Recipe, other: Recipe, place: int) -> str:
    """The URL of the task at that place, below that recipe."""
    return f"/recipes/{recipe.id}/tasks/{task_id(place, recipe, other)}/"

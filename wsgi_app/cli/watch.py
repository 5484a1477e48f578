"""What happens to jobs, a line for each change: what `job watch` prints."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from attrs import define, field

from wsgi_app.cli.client import Client
from wsgi_app.cli.eventstream import follow
from wsgi_app.cli.jobpages import recipes_of
from wsgi_app.cli.jobtext import NEWEST, attempt_text
from wsgi_app.cli.tables import coloured
from wsgi_app.cli.waiting import get_patiently
from wsgi_app.documents.reports.shown import printable
from wsgi_app.states import RecipeStatus, ResultValue, TaskStatus

TOPICS = ("job", "recipe", "task", "result")
#: results worth a line while a job runs
BAD = (ResultValue.WARN, ResultValue.FAIL, ResultValue.PANIC)

_TASK_ORDER = [status.value for status in TaskStatus]
_RECIPE_ORDER = [status.value for status in RecipeStatus]


@define
class Watch:
    """Some jobs, and what was told of them; `settled` has those that are, in the order in which it happened."""

    _client: Client
    _jobs: tuple[int, ...]
    settled: dict[int, dict[str, Any]] = field(factory=dict)
    _names: dict[int, str] = field(factory=dict)
    _systems: dict[int, str | None] = field(factory=dict)
    _told: dict[int, tuple[int, int]] = field(factory=dict)
    _results: set[int] = field(factory=set)
    #: recipe sets whose tasks' names are known; jobs that were looked at
    _sets: set[int] = field(factory=set)
    _seen: set[int] = field(factory=set)

    def lines(self, end: float | None) -> Iterator[str]:
        """Yield a line for each change until all jobs are settled. Raises as `eventstream.follow` does."""
        for event in follow(self._client, topics=TOPICS, end=end):
            if event is None:
                # the stream stands: whatever is not in the state as it is now will come by it
                for job in self._jobs:
                    yield from self._state(job)
            elif _job_of(event) in self._jobs:
                yield from self._change(event)
            if len(self.settled) == len(self._jobs):
                return

    def _state(self, number: int) -> Iterator[str]:
        job = get_patiently(self._client, f"jobs/{number}?sets={NEWEST}")
        now = _clock(datetime.now(UTC).isoformat())
        name = f" {printable(job['name'])}" if job["name"] else ""
        yield f"{now}  job {number}{name}, owner {printable(job['owner'])}: {coloured(job['status'])}"
        if job["earlier_sets"] and number not in self._seen:
            yield f"{now}  {job['earlier_sets']} recipe sets before these"
        self._seen.add(number)
        for group in job["recipe_sets"]:
            yield from self._learn(now, group)
            for recipe in group["recipes"]:
                yield from self._recipe(now, recipe)
                for task in recipe["tasks"]:
                    yield from self._task(now, task)
        query = "&".join(f"result={value}" for value in BAD)
        if job["earlier_sets"]:
            # ids ascend: results of these sets are behind them
            query += f"&after={job['recipe_sets'][0]['id']}"
        results = self._client.pages(f"jobs/{number}/results?{query}&limit=1000", "results")
        recipes = {recipe["id"] for recipe in recipes_of(job)}
        yield from self._bad(now, (result for result in results if result["recipe"] in recipes))
        if job["settled"]:
            yield self._end(now, job)

    def _change(self, event: Any) -> Iterator[str]:
        topic, data, now = event["topic"], event["data"], _clock(event["time"])
        if topic == "task":
            yield from self._task(now, data)
        elif topic == "recipe":
            if data["recipe_set"] not in self._sets:
                # a campaign has made it meanwhile
                job = get_patiently(self._client, f"jobs/{data['job']}?sets={NEWEST}")
                for group in job["recipe_sets"]:
                    yield from self._learn(now, group)
            yield from self._recipe(now, data)
        elif topic == "result":
            yield from self._bad(now, [data])
        elif data["settled"] and data["id"] not in self.settled:
            yield self._end(now, get_patiently(self._client, f"jobs/{data['id']}?sets=1"))

    def _learn(self, now: str, group: Any) -> Iterator[str]:
        """Note the names of a set's tasks; the first time tell which attempt at a test it is, if it is one."""
        if group["id"] in self._sets:
            return
        self._sets.add(group["id"])
        self._names.update((task["id"], printable(task["name"])) for one in group["recipes"] for task in one["tasks"])
        if group["attempt"]:
            yield f"{now}  {attempt_text(group['attempt'])}, recipe set {group['id']}"

    def _recipe(self, now: str, recipe: Any) -> Iterator[str]:
        number, system = recipe["id"], recipe["system"]
        if self._news(number, _RECIPE_ORDER.index(recipe["status"]), recipe["result"]):
            on = f" on {printable(system)}" if system else ""
            yield f"{now}  recipe {number}{on}: {_said(recipe)}"

    def _task(self, now: str, task: Any) -> Iterator[str]:
        number = task["id"]
        if self._news(number, _TASK_ORDER.index(task["status"]), task["result"]):
            yield f"{now}    task {number} {self._names.get(number, '')}: {_said(task)}"

    def _bad(self, now: str, results: Iterable[Any]) -> Iterator[str]:
        for result in results:
            if result["result"] in BAD and result["id"] not in self._results:
                self._results.add(result["id"])
                where = f"recipe {result['recipe']}" if result["task"] is None else f"task {result['task']}"
                yield f"{now}      {coloured(result['result'])}  {printable(result['path'] or '/')}  ({where})"

    def _end(self, now: str, job: dict[str, Any]) -> str:
        self.settled[job["id"]] = job
        return f"{now}  job {job['id']}: {verdict_line(job)}"

    def _news(self, number: int, status: int, result: str) -> bool:
        """Whether it has come further, or worse, than was told: events may be older than the state that was read."""
        severity = ResultValue(result).severity
        # nothing is to be said of what has not begun
        status_told, severity_told = self._told.get(number, (0, 0))
        if status <= status_told and severity <= severity_told:
            return False
        self._told[number] = (max(status, status_told), max(severity, severity_told))
        return True


def verdict_line(job: dict[str, Any]) -> str:
    """Return a settled job's verdict with its reason."""
    reason = f": {printable(job['reason'])}" if job["reason"] else ""
    return f"{coloured(job['verdict'])}{reason}"


def _said(value: Any) -> str:
    result = "" if value["result"] == ResultValue.NEW else f", {coloured(value['result'])}"
    return f"{coloured(value['status'])}{result}"


def _job_of(event: Any) -> Any:
    return event["data"]["id" if event["topic"] == "job" else "job"]


def _clock(time: str) -> str:
    return time[11:19]

"""scheduler.jobs.*: each method decodes, calls core, encodes. A job is a recipe here, or several (README.md)."""

from collections.abc import Sequence
from typing import Any

from wsgi_app.conditions import AnyOf, Condition, Order, Where
from wsgi_app.core.gateway import Gateway
from wsgi_app.errors import Invalid, NotFound
from wsgi_app.protocols.lava import references, wire, words
from wsgi_app.protocols.lava.configuration import device_text
from wsgi_app.protocols.lava.endpoint import Client
from wsgi_app.protocols.lava.records import yaml_lines
from wsgi_app.protocols.lava.submission import Submission
from wsgi_app.protocols.rpc import ByteStream, Fault
from wsgi_app.protocols.rpc.methods import Functions

#: most rows of a list
LONGEST_LIST = 100
_MINUTE = 60

#: how LAVA orders its queue
QUEUE_ORDER = (Order("priority", descending=True), Order("id"))


class Jobs:
    """Jobs: submitted, listed, shown, cancelled."""

    def __init__(self, gateway: Gateway, submission: Submission) -> None:
        self._gateway = gateway
        self._submission = submission

    def methods(self) -> Functions:
        """Return what can be called."""
        return {
            "scheduler.jobs.submit": self.submit,
            "scheduler.jobs.resubmit": self.resubmit,
            "scheduler.jobs.cancel": self.cancel,
            "scheduler.jobs.validate": self.validate,
            "scheduler.jobs.show": self.show,
            "scheduler.jobs.list": self.listed,
            "scheduler.jobs.queue": self.queue,
            "scheduler.jobs.definition": self.definition,
            "scheduler.jobs.configuration": self.configuration,
            "scheduler.jobs.logs": self.logs,
            "scheduler.jobs.logs_count": self.logs_count,
        }

    def submit(self, client: Client, definition: str) -> int | list[Any]:
        """Submit a job: LAVA's YAML, Beaker's XML, a ConTest descriptor or Tackroom's JSON. Return its id, or a list
        of the ids of its parts. The same call again, because its answer was lost, returns the same.
        """
        return _told(words.numbers(self._submission.submit(client.caller, definition, client.landing)))

    def resubmit(self, client: Client, job_id: int | str) -> int | list[Any]:
        """Submit a job once more as it was submitted, and return the id of the new one, or a list as submit does."""
        return _told(words.numbers(self._submission.resubmit(client.caller, job_id, client.landing)))

    def cancel(self, client: Client, job_id: int | str) -> None:
        """Cancel a job with all that runs together with it; nothing is done where it is Finished."""
        self._gateway.jobs.cancel_sets(client.caller, references.parse(job_id))

    def validate(self, client: Client, definition: str, strict: bool = False) -> dict[str, str]:
        """Return {} for a job that could be submitted, else what is wrong: `path` and `msg`. Nothing is submitted."""
        try:
            self._gateway.jobs.validate(client.caller, self._submission.reader(definition, strict=strict))
        except (Invalid, NotFound) as error:
            return {"path": error.field or "", "msg": error.message}
        return {}

    def show(self, client: Client, job_id: int | str) -> dict[str, Any]:
        """Return a job; an id that means several shows them together."""
        return wire.job_shown(self._gateway.selections.find(client.caller, references.parse(job_id)), job_id)

    def listed(
        self,
        client: Client,
        state: str | None = None,
        health: str | None = None,
        start: int = 0,
        limit: int = 25,
        since: int | None = None,
        verbose: bool = False,
        duration_at_least: int | None = None,
    ) -> list[Any]:
        """Return jobs, newest first, at most 100: in a state, of a health, that ended within the last `since` minutes
        or take at least so many.
        """
        where: list[Where] = []
        if state is not None:
            where.append(words.in_state(_word(state, words.JOB_STATES, "state")))
        if health is not None:
            where.append(words.in_health(_word(health, words.JOB_HEALTHS, "health")))
        if since:
            where += [Condition("settled", "exact", True), Condition("finished", "gte", self._ago(since))]
        if duration_at_least:
            where.append(Condition("duration", "gte", duration_at_least * _MINUTE))
        found = self._gateway.listing.page(client.caller, where, offset=max(0, start), limit=_limit(limit))
        return [wire.job_listed(listed, verbose=verbose) for listed in found]

    def queue(
        self, client: Client, device_types: list[Any] | None = None, start: int = 0, limit: int = 25
    ) -> list[Any]:
        """Return the jobs that wait for a device, in the order in which they get one; at most 100, of these types."""
        where: list[Where] = [words.in_state(words.SUBMITTED)]
        if device_types:
            where.append(AnyOf(tuple(Condition("type", "exact", _text(name, "device_types")) for name in device_types)))
        found = self._gateway.listing.page(client.caller, where, QUEUE_ORDER, offset=max(0, start), limit=_limit(limit))
        return [wire.job_queued(listed) for listed in found]

    def definition(self, client: Client, job_id: int | str) -> str:
        """Return a job as it was submitted."""
        return self._gateway.selections.submitted(client.caller, references.parse(job_id)).document.text

    def configuration(self, client: Client, job_id: int | str) -> list[Any]:
        """Return a job's definition and its device as YAML; dispatcher and environments, none here, as nil."""
        given = self._gateway.machines.given(client.caller, references.parse(job_id))
        return [given.submitted.document.text, device_text(given.machine), None, None, None]

    def logs(self, client: Client, job_id: int | str, line: int = 0, end: int | None = None) -> list[Any]:
        """Return the log's records from number `line` (from 0) to before `end` as YAML; and first, whether these are
        the last that there will ever be.
        """
        stream = self._gateway.records.read(client.caller, references.parse(job_id), line, end)
        return [stream.finished, ByteStream(yaml_lines(stream.records))]

    def logs_count(self, client: Client, job_id: int | str) -> int:
        """Return how many records the log has by now."""
        return self._gateway.records.count(client.caller, references.parse(job_id))

    def _ago(self, minutes: int) -> float:
        return self._gateway.clock() - minutes * _MINUTE


def _told(numbers: Sequence[int | str]) -> int | list[Any]:
    """Return one id as it is, and several as a list of texts."""
    if len(numbers) == 1 and isinstance(numbers[0], int):
        return numbers[0]
    return [str(number) for number in numbers]


def _limit(given: int) -> int:
    return max(0, min(given, LONGEST_LIST))


def _word(given: str, known: Sequence[str], what: str) -> str:
    """Return one of the words that are known, however it is capitalised. Raises `Fault`."""
    word = given.capitalize()
    if word not in known:
        raise Fault(400, f"Invalid {what} '{given[:LONGEST_LIST]}'")
    return word


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise Fault(400, f"Invalid {what}: they are strings")
    return value

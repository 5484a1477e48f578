"""The job-control API, version 5, whatever listens: start, stop, status, retry, list, version; and validate, ours.

Each call answers a typed response; `err` in it says what the lab refused. What keeps a call from being taken or
answered is a `TransportError`. Source: jobs-contest.md sections 1.3 to 2 and 4.2.
"""

import socket
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from attrs import evolve

from wsgi_app.config import LONGEST_SERVER_ID
from wsgi_app.core.flights import Flights
from wsgi_app.core.gateway import Gateway
from wsgi_app.core.sources import Sources
from wsgi_app.documents.descriptor import read_descriptor
from wsgi_app.documents.mediatypes import DESCRIPTOR
from wsgi_app.documents.original import document_of
from wsgi_app.errors import Invalid, JobFinished, NoSuchJob, TackroomError
from wsgi_app.model import Caller
from wsgi_app.protocols.contest import responses, wire
from wsgi_app.protocols.contest.channel import Channel, TransportError
from wsgi_app.protocols.contest.status import status_value
from wsgi_app.protocols.web import WSGIApplication
from wsgi_app.submitted import NewJob

LONGEST_REQUESTOR = 32
LARGEST_JOB = (1 << 31) - 1
#: who calls from within the process, without credentials
INSIDE = Caller(None, "")

Data = TypeVar("Data")


class BadRequestor(TransportError):
    """Who asks is not said, at too great length, or not who the credentials are."""


class BadQuery(TransportError):
    """What is asked for cannot be."""


class Refused(TransportError):
    """These credentials, or none, do not allow it."""


class Listener(Protocol):
    """What lets others reach the API."""

    def serve(self, api: "API") -> WSGIApplication:
        """Return the WSGI application by which the API is reached."""


class API:
    """The API of one Tackroom."""

    def __init__(
        self, gateway: Gateway, event_timeout: float = 3.0, server_id: Callable[[], str] = socket.gethostname
    ) -> None:
        """`event_timeout` (seconds) bounds the handing over of a call, and again its answer.

        `server_id` is called once. Raises `Invalid` for one of more than 64 bytes.
        """
        self.server_id = server_id() or "<unknown>"
        length = len(self.server_id.encode())
        if length > LONGEST_SERVER_ID:
            raise Invalid(f"Server ID is too long: {length} > {LONGEST_SERVER_ID}", field="server_id")
        self._gateway = gateway
        self._channel = Channel(event_timeout)
        self._flights = Flights(gateway.config.run / "flights")
        self._sources = Sources(gateway.config)

    def version(self) -> responses.VersionResponse:
        """Return the version of the API; nobody needs to say who asks."""
        return responses.VersionResponse(self.server_id, responses.VersionData())

    def start(self, requestor: str, job_descriptor: str | bytes, *, caller: Caller = INSIDE) -> responses.StartResponse:
        """Submit a job, and return its number.

        A call that times out may have started the job: it is listed then. Identical calls at a time make one job.
        """

        def work() -> responses.StartData:
            descriptor = job_descriptor.encode() if isinstance(job_descriptor, str) else job_descriptor
            who = f"{caller.address} {requestor}" if caller.authorization is None else f"user {requestor}"
            with self._flights.flight(who, descriptor) as token:
                read = self._reader(requestor, descriptor)
                return responses.StartData(self._gateway.jobs.submit(caller, read, idempotency_key=token).id)

        data, error = self._ask("start", caller, requestor, work, responses.StartData(), str)
        return responses.StartResponse(self.server_id, data, error)

    def validate(
        self, requestor: str, job_descriptor: str | bytes, *, caller: Caller = INSIDE
    ) -> responses.ValidateResponse:
        """Check all that `start` checks, and start nothing."""

        def work() -> responses.ValidateData:
            return _summary(self._gateway.jobs.validate(caller, self._reader(requestor, job_descriptor)))

        data, error = self._ask("validate", caller, requestor, work, responses.ValidateData(), str)
        return responses.ValidateResponse(self.server_id, data, error)

    def stop(self, requestor: str, job_id: int, *, caller: Caller = INSIDE) -> responses.StopResponse:
        """Cancel a job that is not over."""

        def work() -> responses.StopData:
            self._gateway.jobs.cancel(caller, _known(job_id), unfinished_only=True)
            return responses.StopData()

        def said(error: TackroomError) -> str:
            unknown = isinstance(error, NoSuchJob | JobFinished)
            return f"could not stop job: {f'unknown job ID: {job_id}' if unknown else error.message}"

        data, error = self._ask("stop", caller, requestor, work, responses.StopData(), said)
        return responses.StopResponse(self.server_id, data, error)

    def status(self, requestor: str, job_id: int, *, caller: Caller = INSIDE) -> responses.StatusResponse:
        """Return all that has happened in a job."""

        def work() -> responses.StatusData:
            campaigns = self._gateway.campaigns
            return responses.StatusData(status_value(campaigns.history(caller, _known(job_id)), campaigns.output))

        def said(error: TackroomError) -> str:
            unknown = f"could not find job request with id {job_id}"
            why = unknown if isinstance(error, NoSuchJob) else error.message
            return f"failed to fetch request for job ID {job_id}: {why}"

        data, error = self._ask("status", caller, requestor, work, responses.StatusData(), said)
        return responses.StatusResponse(self.server_id, data, error)

    def retry(self, requestor: str, job_id: int, *, caller: Caller = INSIDE) -> responses.RetryResponse:
        """Submit a job that is over once more, and return the number of the new one."""

        def work() -> responses.RetryData:
            made = self._gateway.jobs.retry(caller, _known(job_id), finished_only=True)
            return responses.RetryData(job_id, made.id)

        def said(error: TackroomError) -> str:
            why = f"unknown job ID: {job_id}" if isinstance(error, NoSuchJob) else error.message
            return f"could not retry job: {why}"

        data, error = self._ask("retry", caller, requestor, work, responses.RetryData(job_id), said)
        return responses.RetryResponse(self.server_id, data, error)

    def list(
        self, requestor: str, *, states: Sequence[str] = (), tags: Sequence[str] = (), caller: Caller = INSIDE
    ) -> responses.ListResponse:
        """Return the numbers of the jobs in one of these states, if any is given, that have all of these tags."""
        try:
            phases = wire.phases(states)
        except ValueError as error:
            raise BadQuery(str(error)) from error

        def work() -> responses.ListData:
            _check_tags(tags)
            # of states that no job is in here there is nothing to list
            if states and not phases:
                return responses.ListData(())
            return responses.ListData(tuple(self._gateway.campaigns.numbers(caller, phases=phases, tags=tags)))

        def said(error: TackroomError) -> str:
            return f"failed to list jobs: {error.message}"

        data, trouble = self._ask("list", caller, requestor, work, responses.ListData(), said)
        return responses.ListResponse(self.server_id, data, trouble)

    def _ask(
        self,
        name: str,
        caller: Caller,
        requestor: str,
        work: Callable[[], Data],
        nothing: Data,
        said: Callable[[TackroomError], str],
    ) -> tuple[Data, str | None]:
        """Return what the work comes to, or else `nothing` and what is `said` of it."""
        _check_requestor(requestor)

        def checked() -> Data:
            self._check_user(caller, requestor)
            return work()

        try:
            return self._channel.send_receive(name, checked), None
        except TackroomError as error:
            if wire.level_of(error) is wire.Level.REQUEST:
                raise Refused(error.message) from error
            return nothing, said(error)

    def _check_user(self, caller: Caller, requestor: str) -> None:
        """Raise `BadRequestor` when the credentials are somebody else's; `BadCredentials`."""
        user = self._gateway.access.user(caller)
        if user is not None and user != requestor:
            raise BadRequestor(f"requestor {wire.quoted(requestor)} is not the token's user {wire.quoted(user)}")

    def _reader(self, requestor: str, descriptor: str | bytes) -> Callable[[], NewJob]:
        def read() -> NewJob:
            body = descriptor.encode("utf-8", "surrogateescape") if isinstance(descriptor, str) else descriptor
            new = evolve(read_descriptor(descriptor, self._sources), document=document_of(DESCRIPTOR, body))
            if new.campaign is None:
                return new
            plain = requestor.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            return evolve(new, campaign=evolve(new.campaign, requestor=plain))

        return read


def _check_requestor(requestor: str) -> None:
    if not requestor:
        raise BadRequestor("requestor cannot be empty")
    length = len(requestor.encode("utf-8", "surrogateescape"))
    if length > LONGEST_REQUESTOR:
        raise BadRequestor(f"Requestor name is too long: {length} > {LONGEST_REQUESTOR}")


def _check_tags(tags: Sequence[str]) -> None:
    try:
        wire.check_tags(tags)
    except ValueError as error:
        raise Invalid(str(error), field="tags") from error


def _known(job_id: int) -> int:
    """Return a number that a job may have. Raises `NoSuchJob`."""
    if not 0 < job_id <= LARGEST_JOB:
        raise NoSuchJob
    return job_id


def _summary(new: NewJob) -> responses.ValidateData:
    plan = new.campaign
    if plan is None:
        return responses.ValidateData(new.name)
    steps = sum(len(test.steps) for test in plan.tests)
    reporters = len(plan.run_reporters) + len(plan.final_reporters)
    return responses.ValidateData(new.name, len(plan.tests), steps, reporters)

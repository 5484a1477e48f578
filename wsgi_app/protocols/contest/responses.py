"""What the calls of the API answer: typed, and numbered as upstream does (jobs-contest.md section 2)."""

from enum import IntEnum
from typing import Any

from attrs import frozen

#: of the API that is spoken here
API_VERSION = 5


class ResponseType(IntEnum):
    """Which call a response answers; on the wire it is `ResponseTypeStart` and so on."""

    START = 0
    STOP = 1
    STATUS = 2
    RETRY = 3
    VERSION = 4
    LIST = 5
    #: ours
    VALIDATE = 6

    @property
    def mnemonic(self) -> str:
        """The name on the wire."""
        return f"ResponseType{self.name.capitalize()}"


@frozen
class StartData:
    """The number of the new job; 0 when there is none."""

    job_id: int = 0


@frozen
class StopData:
    """Nothing."""


@frozen
class StatusData:
    """The status, in the shape of jobs-contest.md 5.1; None when there is none."""

    status: dict[str, Any] | None = None


@frozen
class RetryData:
    """The job that was to be repeated, and the new one; 0 when there is none."""

    job_id: int
    new_job_id: int = 0


@frozen
class VersionData:
    """The version of the API."""

    version: int = API_VERSION


@frozen
class ListData:
    """Numbers of jobs, ascending; None when they could not be listed."""

    job_ids: tuple[int, ...] | None = None


@frozen
class ValidateData:
    """What a descriptor asks for: its name, and how many tests, steps and reporters it has, disabled tests included."""

    job_name: str = ""
    tests: int = 0
    steps: int = 0
    reporters: int = 0


@frozen
class StartResponse:
    """Answer of `start`; `err` says why there is no job."""

    server_id: str
    data: StartData
    err: str | None = None
    type = ResponseType.START


@frozen
class StopResponse:
    """Answer of `stop`."""

    server_id: str
    data: StopData
    err: str | None = None
    type = ResponseType.STOP


@frozen
class StatusResponse:
    """Answer of `status`."""

    server_id: str
    data: StatusData
    err: str | None = None
    type = ResponseType.STATUS


@frozen
class RetryResponse:
    """Answer of `retry`."""

    server_id: str
    data: RetryData
    err: str | None = None
    type = ResponseType.RETRY


@frozen
class ListResponse:
    """Answer of `list`."""

    server_id: str
    data: ListData
    err: str | None = None
    type = ResponseType.LIST


@frozen
class VersionResponse:
    """Answer of `version`."""

    server_id: str
    data: VersionData
    err: str | None = None
    type = ResponseType.VERSION


@frozen
class ValidateResponse:
    """Answer of `validate`."""

    server_id: str
    data: ValidateData
    err: str | None = None
    type = ResponseType.VALIDATE


Response = (
    StartResponse | StopResponse | StatusResponse | RetryResponse | ListResponse | VersionResponse | ValidateResponse
)

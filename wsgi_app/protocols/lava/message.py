"""What LAVA tells readers of events: five strings. Source: readers-lava.md sections 9.1 and 9.2."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from attrs import frozen

#: who a message is of that is no job's
SERVER = "lavaserver"
#: listeners of LAVA take the word `error` in a message's list for the end
_DEADLY = "error"


@frozen
class Message:
    """One message, and who may read it."""

    #: device, testjob, worker or event
    topic_kind: str
    event_id: int
    uuid: str
    #: seconds since the epoch
    time: float
    username: str
    data: Mapping[str, Any]
    #: the one user who may read it beside admins; None: anyone may
    private_to: str | None
    #: of a testjob: the system that it was given
    system: str | None
    #: what its topic begins with
    prefix: str

    @property
    def topic(self) -> str:
        """What subscribers choose by."""
        return f"{self.prefix}.{self.topic_kind}"

    def frames(self) -> tuple[str, str, str, str, str]:
        """Return the five strings."""
        username = f"{_DEADLY} (user)" if self.username == _DEADLY else self.username
        return self.topic, self.uuid, iso(self.time), username, json.dumps(self.data)

    def json(self) -> str:
        """Return the five strings as a JSON array."""
        return json.dumps(self.frames())


def iso(seconds: float) -> str:
    """Return a time as messages have it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()

"""Two readers of all events: one asks for pages, one follows the stream and resumes where it was cut off."""

import http.client
import json
import time
from collections.abc import Callable

from attrs import define, field
from fleet.harness import Refused
from fleet.ledger import Tally
from fleet.line import Line, bearer
from lab import Lab
from stream import following

PAGE = 500


@define
class PageReader:
    """Reads `GET /events?after=`, page by page."""

    lab: Lab
    tally: Tally
    token: str
    #: in the order in which they were told
    seen: list[int] = field(factory=list)

    def run(self, enough: Callable[[int], bool]) -> None:
        """Read until that is enough of the last id."""
        line = Line(self.lab, self.tally, bearer(self.token))
        try:
            while not enough(last := self.seen[-1] if self.seen else 0):
                reply = line.call("events", "GET", f"/events?after={last}&limit={PAGE}")
                if reply.status != 200:
                    raise Refused(f"events: {reply}")
                told = [event["id"] for event in json.loads(reply.body)["events"]]
                self.seen += told
                if len(told) < PAGE:
                    time.sleep(0.2)
        finally:
            line.close()


@define
class StreamReader:
    """Follows `GET /events` as text/event-stream, as a browser does."""

    lab: Lab
    tally: Tally
    seen: list[int] = field(factory=list)

    def run(self, enough: Callable[[int], bool]) -> None:
        """Follow until that is enough of the last id. A stream that is silent for 40 s hangs, and raises."""
        last = 0
        while not enough(last):
            try:
                last = self._follow(last, enough)
            except TimeoutError:
                raise Refused(f"the stream behind {last} is silent") from None
            except (OSError, http.client.HTTPException):
                self.tally.count("stream", "cut")
                time.sleep(0.1)

    def _follow(self, last: int, enough: Callable[[int], bool]) -> int:
        with following(self.lab, "", {"Last-Event-ID": str(last)}) as stream:
            self.tally.count("stream", f"{stream.status // 100}xx")
            if stream.status >= 500:
                time.sleep(0.1)
                return last
            if stream.status != 200:
                raise Refused(f"the stream behind {last}: {stream.status}")
            for block in stream.blocks():
                if "id" in block.fields:
                    last = block.id
                if block.event is not None:
                    self.seen.append(block.event["id"])
                if enough(last):
                    break
        return last

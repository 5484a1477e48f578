"""Those who listen, and how one tick of news reaches all of them.

Each message is made into bytes once; what a tick has for all who see the same is joined once, and each of them writes
it once.
"""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile

from attrs import define, evolve, field, frozen

from wsgi_app.protocols.lava.events import Message
from wsgi_app.services.publisher.identity import ANONYMOUS, Credentials, View
from wsgi_app.services.publisher.websocket import Socket, text

#: messages that are kept for those who are just catching up, and bytes of them
KEPT, KEPT_BYTES = 5000, 8 << 20
#: bytes that are written at once to a reader, if it is more than one event's
AT_ONCE = 256 << 10
PUBLIC = View()


@frozen
class Audience:
    """Readers who hear the same: what they may see, and the topics that they want (none: all)."""

    view: View
    topics: frozenset[str] = frozenset()

    def hears(self, message: Message) -> bool:
        """Whether a message is for these readers."""
        return (not self.topics or message.topic_kind in self.topics) and self.view.sees(message)


@frozen
class Framed:
    """A message, and its bytes as they go to everybody."""

    message: Message
    frame: bytes

    @classmethod
    def of(cls, message: Message) -> "Framed":
        """Make them."""
        return cls(message, text(message.json()))


@define(eq=False)
class Reader:
    """One who listens."""

    socket: Socket
    credentials: Credentials = ANONYMOUS
    audience: Audience = field(factory=lambda: Audience(View()))
    #: up to which event it was told what there is
    reached: int = 0
    #: what catches it up, or refuses it
    task: "asyncio.Task[None] | None" = None


class Readers:
    """All readers; those who are caught up are told what happens, in crowds that hear the same."""

    def __init__(self) -> None:
        self._all: dict[Socket, Reader] = {}
        self._crowds: defaultdict[Audience, set[Reader]] = defaultdict(set)
        #: the newest messages, and the id behind which they are all there is
        self._recent: deque[Framed] = deque()
        self._bytes = 0
        self._start = 0
        #: up to which event all in the crowds were told
        self.position = 0
        #: readers that were given up because they took too little, or were silent
        self.dropped = 0

    def __len__(self) -> int:
        """How many there are, those included who are not caught up."""
        return len(self._all)

    def __iter__(self) -> Iterator[Reader]:
        """All of them, as they are now."""
        return iter(list(self._all.values()))

    def begin(self, position: int) -> None:
        """Know nothing of what was before that event: nobody was there to be told."""
        self._recent.clear()
        self._bytes = 0
        self._start = self.position = position

    def add(self, reader: Reader) -> None:
        """Take one in; it hears nothing yet."""
        self._all[reader.socket] = reader

    def remove(self, socket: Socket) -> None:
        """Let one go."""
        reader = self._all.pop(socket, None)
        if reader is not None:
            self.leave(reader)
            if reader.task is not None:
                reader.task.cancel()

    def leave(self, reader: Reader) -> None:
        """Take one out of its crowd, if it is in one."""
        crowd = self._crowds.get(reader.audience)
        if crowd is not None:
            crowd.discard(reader)
            if not crowd:
                del self._crowds[reader.audience]

    def join(self, reader: Reader) -> bool:
        """Let one who was told what there is up to `reader.reached` hear all that follows.

        False when what was between is not known here, or too much to be sent without waiting for the reader.
        """
        if reader.reached < self._start:
            return False
        if reader.socket.open:
            # from the newest back: nearly always nothing
            missed = list(takewhile(lambda one: one.message.event_id > reader.reached, reversed(self._recent)))
            data = _joined(reader.audience, reversed(missed))
            if len(data) > AT_ONCE:
                return False
            if not data or reader.socket.write(data):
                self._crowds[reader.audience].add(reader)
            else:
                self.dropped += 1
        return True

    def publish(self, framed: Sequence[Framed], position: int) -> None:
        """Tell the crowds what happened, up to that event."""
        self._keep(framed)
        before, self.position = self.position, position
        if not framed:
            return
        # where nothing is private all users see the same
        private = any(one.message.private_to is not None for one in framed)
        shared: dict[Audience, bytes] = {}
        for audience, crowd in list(self._crowds.items()):
            public = not private and audience.view.system is None
            same = evolve(audience, view=PUBLIC) if public else audience
            if same not in shared:
                shared[same] = _joined(same, framed)
            if shared[same]:
                self._tell(audience, crowd, framed, before, shared[same])

    def _keep(self, framed: Sequence[Framed]) -> None:
        self._recent.extend(framed)
        self._bytes += sum(len(one.frame) for one in framed)
        # of one event all messages or none
        while self._recent and (
            len(self._recent) > KEPT or self._bytes > KEPT_BYTES or self._recent[0].message.event_id <= self._start
        ):
            gone = self._recent.popleft()
            self._bytes -= len(gone.frame)
            self._start = max(self._start, gone.message.event_id)

    def _tell(
        self, audience: Audience, crowd: set[Reader], framed: Sequence[Framed], before: int, shared: bytes
    ) -> None:
        for reader in list(crowd):
            # one who came from the database may be ahead of us
            data = shared if reader.reached <= before else _joined(audience, framed, reader.reached)
            if data and reader.socket.open and not reader.socket.write(data):
                self.dropped += 1
                crowd.discard(reader)

    def look(self) -> None:
        """Ask those who are silent whether they are there, and give up who does not answer."""
        now = time.monotonic()
        for reader in list(self._all.values()):
            if not reader.socket.look(now):
                self.dropped += 1

    def see(self, reader: Reader, view: View) -> None:
        """Let a reader who hears what happens see more of it, or less, from now on."""
        crowd = self._crowds.get(reader.audience, ())
        if reader.audience.view != view and reader in crowd:
            self.leave(reader)
            # it may have been told more than we have read
            reader.audience, reader.reached = evolve(reader.audience, view=view), max(reader.reached, self.position)
            self.join(reader)

    def credentials(self) -> set[Credentials]:
        """Return what readers are known by, those whose rights may be taken away."""
        return {reader.credentials for reader in self._all.values() if not reader.credentials.anonymous}


def parts(framed: Sequence[Framed], position: int) -> Iterator[tuple[Sequence[Framed], int]]:
    """Divide what happened up to an event into parts of at most `AT_ONCE` bytes, of each event all or nothing.

    Each comes with the event up to which all was told then.
    """
    begin = size = 0
    for place, one in enumerate(framed):
        first = place > begin and one.message.event_id != framed[place - 1].message.event_id
        if first and size + len(one.frame) > AT_ONCE:
            yield framed[begin:place], framed[place - 1].message.event_id
            begin, size = place, 0
        size += len(one.frame)
    yield framed[begin:], position


def _joined(audience: Audience, framed: Iterable[Framed], behind: int = -1) -> bytes:
    return b"".join(one.frame for one in framed if one.message.event_id > behind and audience.hears(one.message))

"""Names of messages: UUIDs of version 1, as LAVA's are, from which the event can be told that a message tells of.

The time in it is the event's. The node, marked as no hardware's, is the event's id; the clock sequence says which of
the event's messages it is, or which of the lab as it was when the event was told.
"""

from uuid import RFC_4122, UUID

#: from the first day of the Gregorian calendar to the epoch, in units of 100 ns
_EPOCH = 0x01B21DD213814000
#: messages that one event, or the lab at one moment, may make
MOST = 1 << 20
#: bits of an event's id, and of the number that go into the clock sequence
_EVENT, _LOW = 40, 13


def make(event: int, number: int, time: float, *, replayed: bool = False) -> str:
    """Return the name of a message: the event's id, which of its messages it is (from 0), and its time.

    `replayed`: it tells how something was when that event had been told.
    """
    high, low = number % MOST >> _LOW, number & ((1 << _LOW) - 1)
    # the lowest bit of a node's first byte: it is no address of a network card
    node = (high << 1 | 1) << _EVENT | event & ((1 << _EVENT) - 1)
    ticks = int(time * 10_000_000) + _EPOCH & ((1 << 60) - 1)
    sequence = replayed << _LOW | low
    fields = (ticks & 0xFFFFFFFF, ticks >> 32 & 0xFFFF, ticks >> 48, sequence >> 8, sequence & 0xFF, node)
    return str(UUID(fields=fields, version=1))


def event_of(text: str) -> int | None:
    """Return the id of the event that a message with this name tells of; None: it is no name of ours."""
    try:
        name = UUID(text)
    except ValueError:
        return None
    ours = name.variant == RFC_4122 and name.version == 1 and name.node >> _EVENT & 1
    return name.node & ((1 << _EVENT) - 1) if ours else None

"""Documents in blocks: what is sent piece by piece costs a call of the system each time."""

from collections.abc import Iterable, Iterator

#: characters of a block, about
_SIZE = 32768


def blocks(pieces: Iterable[str]) -> Iterator[str]:
    """Yield the pieces of a document, many at a time."""
    waiting: list[str] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= _SIZE:
            yield "".join(waiting)
            waiting.clear()
            size = 0
    if waiting:
        yield "".join(waiting)

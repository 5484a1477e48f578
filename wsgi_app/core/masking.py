"""Secrets that no log is to show."""

import re
from collections.abc import Iterable, Iterator

MASK = "[MASKED]"
#: a secret of several lines is looked for line by line, but for lines that are shorter than this
SHORTEST_LINE = 4


class Mask:
    """Puts `[MASKED]` where one of the secrets stands."""

    def __init__(self, secrets: Iterable[str]) -> None:
        texts = {text for secret in secrets for text in _parts(secret)}
        # of two that begin alike, the longer one
        ordered = sorted(texts, key=lambda text: (-len(text.encode()), text))
        self._text = re.compile("|".join(map(re.escape, ordered))) if ordered else None
        self._bytes = re.compile(b"|".join(re.escape(text.encode()) for text in ordered)) if ordered else None
        #: bytes of the longest secret
        self.longest = len(ordered[0].encode()) if ordered else 0

    def text(self, value: str) -> str:
        """Return a text without the secrets."""
        return value if self._text is None else self._text.sub(MASK, value)

    def line(self, value: bytes) -> bytes:
        """Return a whole line without the secrets."""
        return value if self._bytes is None else self._bytes.sub(MASK.encode(), value)

    def blocks(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield what all the blocks hold without the secrets, also those that reach from one block into the next."""
        if self._bytes is None:
            yield from blocks
            return
        held = b""
        for block in blocks:
            held += block
            sure = len(held) - self.longest + 1
            done, shown = 0, bytearray()
            for match in self._bytes.finditer(held):
                if match.start() >= sure:
                    break
                shown += held[done : match.start()] + MASK.encode()
                done = match.end()
            if done < sure:
                shown += held[done:sure]
                done = sure
            held = held[done:]
            yield bytes(shown)
        yield self._bytes.sub(MASK.encode(), held)


def _parts(secret: str) -> Iterator[str]:
    lines = [line.strip() for line in secret.splitlines()]
    if len(lines) > 1:
        yield from (line for line in lines if len(line) >= SHORTEST_LINE)
    elif secret.strip():
        yield secret.strip()

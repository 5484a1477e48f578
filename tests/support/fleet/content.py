"""What logs hold: lines that say by a digest where they belong, so that a byte in the wrong place shows."""

import hashlib

#: bytes of a line
LINE = 65


def content(seed: str, first: int, end: int) -> bytes:
    """Return the bytes from `first` to before `end` of the endless log of this seed."""
    lines = range(first // LINE, -(-end // LINE))
    text = "".join(hashlib.sha256(f"{seed} {number}".encode()).hexdigest() + "\n" for number in lines)
    skipped = first - lines.start * LINE
    return text[skipped : skipped + end - first].encode()

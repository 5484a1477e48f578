"""Text of strangers, shown: what would steer whoever displays it, or is no text at all, is written out."""

import re

#: C0 but for tab and line feed, DEL, C1; what turns the direction of writing, or cannot be seen; line separators
UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e0fff\ud800-\udfff]"
)


def escaped(char: str) -> str:
    """Return how a character is shown that is not obeyed: `\\x1b`, `\\u202e`."""
    number = ord(char)
    if number < 0x80:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def printable(value: object) -> str:
    """Return text of printable characters only, in one line; nothing for None."""
    text = "" if value is None else str(value)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else escaped(char) for char in text)

"""Texts of strangers, as messages show them."""

#: letters that are shown
_SHOWN = 200


def short(text: str) -> str:
    """Return a text, or its beginning when nobody would read all of it."""
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"

"""One thing that was looked at."""

from attrs import frozen


@frozen
class Finding:
    """A check by its name, and what it found; `mend` is what to do, None when it is in order."""

    check: str
    what: str
    mend: str | None = None

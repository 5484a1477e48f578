"""What core asks of those who call it."""

from typing import Protocol

from wsgi_app.model import Span


class Upload(Protocol):
    """The body of a PUT."""

    @property
    def length(self) -> int | None:
        """How many bytes are to come; None when the client does not say."""

    def span(self) -> Span | None:
        """Which bytes of the log they are; None: all of it. Raises `BadRange`."""

    def read(self, size: int) -> bytes:
        """Return at most so many further bytes, none at the end. Raises `LateUpload` when the connection breaks."""

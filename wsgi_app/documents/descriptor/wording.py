"""How refusals are put: whose fault it is in front, and no more of a value than can be read."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from wsgi_app.core.excerpt import short
from wsgi_app.errors import BadDescriptor


@contextmanager
def within(words: str) -> Iterator[None]:
    """Put these words in front of what a `BadDescriptor` says."""
    try:
        yield
    except BadDescriptor as error:
        raise BadDescriptor(f"{words}: {error.message}", field=error.field) from None


def quoted(text: str) -> str:
    """Return a text in double quotes, as a message may show it."""
    return json.dumps(short(text), ensure_ascii=False)

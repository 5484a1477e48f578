"""Pieces of TAP: names, and the block of YAML below a test.

Sources: https://testanything.org/tap-version-13-specification.html, tap-version-14-specification.html
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from wsgi_app.documents.reports.shown import printable

_SPECIAL = re.compile(r"[#\\]")


def described(text: str) -> str:
    """Return a test's name as its description, in which nothing is a directive."""
    return _SPECIAL.sub(r"\\\g<0>", printable(text))


def block(values: Mapping[str, str | Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a YAML block: texts, and lists of texts. JSON texts are YAML."""
    yield "  ---\n"
    for key, value in values.items():
        if isinstance(value, str):
            yield f"  {key}: {_text(value)}\n"
            continue
        yield f"  {key}:\n"
        yield from (f"    - {_text(one)}\n" for one in value)
    yield "  ...\n"


def _text(value: str) -> str:
    return json.dumps(printable(value), ensure_ascii=False)

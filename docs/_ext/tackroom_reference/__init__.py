"""Parts of the reference that are made from the code, so that they say what there is.

A page asks for one by a block whose first line is ```` ```{tackroom} NAME WORDS ````; the block is replaced by Markdown
before the page is read. The pages' tests read them the same way.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tackroom_reference import calls, command, errors, events, formats, roles, settings, states, urls

if TYPE_CHECKING:
    from sphinx.application import Sphinx

#: what a page may ask for; each takes the words behind its name
PARTS: dict[str, Callable[..., str]] = {
    "calls": calls.calls,
    "command": command.subcommands,
    "environment": command.environment,
    "errors": errors.errors,
    "events": events.events,
    "exit-statuses": command.exit_statuses,
    "formats": formats.formats,
    "settings": settings.settings,
    "states": states.states,
    "units": roles.units,
    "urls": urls.urls,
    "variables": roles.variables,
}

_BLOCK = re.compile(r"^```{tackroom} (\S+)(.*)\n```$", re.MULTILINE)


def expand(text: str) -> str:
    """Return a page with the parts that it asks for."""
    return _BLOCK.sub(lambda block: PARTS[block[1]](*block[2].split()).rstrip("\n"), text)


def setup(app: "Sphinx") -> dict[str, Any]:
    """Let Sphinx expand each page, and read again those that it has expanded: the code may have changed."""
    app.connect("source-read", _read)
    return {"parallel_read_safe": True}


def _read(app: "Sphinx", _name: str, source: list[str]) -> None:
    expanded = expand(source[0])
    if expanded != source[0]:
        app.env.note_reread()
    # transcripts are no HTTP messages word by word: Pygments would mark their lines as mistakes
    source[0] = expanded.replace("```http\n", "```text\n")

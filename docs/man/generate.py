"""Writes what packages install beside the command: the manual page and the completion of three shells.

`python docs/man/generate.py` in the checkout, after a change of the command's help. A test compares.
"""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click

from wsgi_app.cli.completion import PLACES, script
from wsgi_app.cli.main import ENVIRONMENT, EXIT_STATUSES, FILES, WHICH_LAB, tackroom

DOCS = Path(__file__).resolve().parents[1]
#: where the completion of a shell is, below docs: the names are those under which shells look for it
SCRIPTS = {"bash": "bash/tackroom", "zsh": "zsh/_tackroom", "fish": "fish/tackroom.fish"}

EXAMPLES = {
    "Submit a job and let a script know how it ended:": "tackroom job submit first-job.xml --wait --timeout 3600",
    "See what waits, and why:": "tackroom queue",
    "Follow a job, line by line:": "tackroom job watch 12",
    "Give CI its results:": "tackroom results 12 --format junit > junit.xml",
    "Read the end of a log while it grows:": "tackroom log tail -f 14 tasks/15/logs/taskout.log",
    "Talk to another lab:": "tackroom --profile berlin job list",
}
PROFILES = """\
default = "here"

[profiles.here]
url = "http://lab.example.org/"
token_file = "here.token"

[profiles.berlin]
url = "https://berlin.example.org/lab/"
token = "..."
"""


def page() -> str:
    """Return the manual page, in the macros of man(7)."""
    parts = [
        '.\\" Made by docs/man/generate.py from the help of the command: change that.',
        '.TH TACKROOM 1 "" Tackroom "User commands"',
        ".SH NAME",
        "tackroom \\- run a lab, or talk to one",
        ".SH SYNOPSIS",
        ".B tackroom",
        ".RI [ options ]",
        ".I command",
        ".RI [ argument ...]",
        ".SH DESCRIPTION",
        *_prose(tackroom.help or ""),
        *_prose(WHICH_LAB),
        "Each subcommand explains itself with",
        ".BR \\-\\-help .",
        ".SH OPTIONS",
        *_options(tackroom, "tackroom"),
        ".SH COMMANDS",
        *(line for name, command in _walk(tackroom, "tackroom") for line in _command(name, command)),
        ".SH EXIT STATUS",
        *(line for status, said in EXIT_STATUSES.items() for line in _item(str(status), said)),
        ".SH ENVIRONMENT",
        *(line for name, said in ENVIRONMENT.items() for line in _item(name, said)),
        ".SH FILES",
        *(line for name, said in FILES.items() for line in _item(name, said)),
        ".PP",
        "Profiles:",
        *_block(PROFILES),
        ".SH EXAMPLES",
        *(line for what, how in EXAMPLES.items() for line in (".PP", _text(what), *_block(how))),
    ]
    return "\n".join(parts) + "\n"


def completions() -> dict[str, str]:
    """Return the completion script of each shell."""
    with click.Context(tackroom):
        return {shell: script(shell) for shell in PLACES}


def files() -> dict[Path, str]:
    """Return all that is made."""
    scripts = {DOCS / "completion" / SCRIPTS[shell]: text for shell, text in completions().items()}
    return {DOCS / "man" / "tackroom.1": page(), **scripts}


def _walk(group: click.Group, name: str) -> Iterator[tuple[str, click.Command]]:
    for word, command in sorted(group.commands.items()):
        if command.hidden:
            continue
        if isinstance(command, click.Group):
            yield from _walk(command, f"{name} {word}")
        else:
            yield f"{name} {word}", command


def _command(name: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command, info_name=name)
    yield f".SS {_text(' '.join([name, *command.collect_usage_pieces(context)]))}"
    yield from _prose(command.help or "")
    yield from _options(command, name)
    if command.epilog:
        yield from _prose(command.epilog)


def _options(command: click.Command, name: str) -> Iterator[str]:
    context = click.Context(command, info_name=name)
    for option in command.params:
        record = option.get_help_record(context) if isinstance(option, click.Option) else None
        if record is not None:
            yield from _item(*record)


def _item(term: str, said: str) -> list[str]:
    return [".TP", f".B {_text(term)}", _text(" ".join(said.split()))]


def _prose(text: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(text)):
        if paragraph.startswith("\b"):
            yield from _block(paragraph[1:].strip("\n"))
        else:
            yield ".PP"
            yield _text(" ".join(paragraph.split()))


def _block(text: str) -> list[str]:
    return [".PP", ".nf", *(_text(line) for line in text.splitlines()), ".fi"]


def _text(text: str) -> str:
    """Return text in which nothing is a request or an escape of roff."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    text = text.replace('"', "\\(dq").replace("^", "\\(ha").replace("~", "\\(ti")
    return "\\&" + text if text.startswith(".") else text


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")

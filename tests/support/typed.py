"""Commands that are shown to people: whether there is such a command, with such options."""

import re
import shlex

import click

from wsgi_app.cli.main import tackroom


def require(line: str) -> None:
    """Fail unless a line that calls `tackroom` names a subcommand and options that it has; other lines are let be."""
    words = [word for word in shlex.split(line, comments=True) if not re.match(r"[A-Z_]+=", word)]
    if not words or words[0] not in ("tackroom", ".venv/bin/tackroom"):
        return
    command: click.Command = tackroom
    rest = words[1:]
    while isinstance(command, click.Group):
        while rest and rest[0] in ("--url", "--profile"):
            rest = rest[2:]
        assert rest, f"which subcommand? {line}"
        if rest == ["--version"]:
            return
        assert rest[0] in command.commands, line
        command = command.commands[rest.pop(0)]
    there = {option for parameter in command.params for option in parameter.opts}
    for word in rest:
        if word in (">", "|", "&&", "||", "2>"):
            break
        assert not re.match(r"-+[a-z]", word) or word.split("=")[0] in there, line

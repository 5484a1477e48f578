"""The subcommands and what they take, as their help says it."""

import inspect
import re
from collections.abc import Iterator

import click

from tackroom_reference.markdown import code, table
from wsgi_app.cli.main import ENVIRONMENT, EXIT_STATUSES, tackroom


def subcommands(*words: str) -> str:
    """Return a section for every subcommand (of one group) that is not hidden."""
    group: click.Command = tackroom
    for word in words:
        if not isinstance(group, click.Group):
            raise TypeError(f"{group.name} has no subcommands")
        group = group.commands[word]
    return "\n".join(_section(name, command) for name, command in walk(group, " ".join(("tackroom", *words))))


def walk(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Yield the subcommands that are not hidden, each with the words that call it; of groups only the members."""
    if not isinstance(command, click.Group):
        yield name, command
        return
    for word, member in command.commands.items():
        if not member.hidden:
            yield from walk(member, f"{name} {word}")


def options(command: click.Command) -> list[click.Option]:
    """Return the options of a subcommand that are not hidden."""
    return [option for option in command.params if isinstance(option, click.Option) and not option.hidden]


def exit_statuses() -> str:
    """Return the exit statuses of the command."""
    return table(("status", "meaning"), ((str(status), said) for status, said in EXIT_STATUSES.items()))


def environment() -> str:
    """Return the variables that the command looks at."""
    return table(("variable", "meaning"), ((code(name), _angle(said)) for name, said in ENVIRONMENT.items()))


def _section(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=name)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    parts = [f"## {name}\n", f"```text\n{usage}\n```\n", prose(command.help or "")]
    if taken := options(command):
        parts.append(table(("option", "meaning"), (_option(option, context) for option in taken)))
    if command.epilog:
        parts.append(prose(command.epilog))
    return "\n".join(parts)


def _option(option: click.Option, context: click.Context) -> tuple[str, str]:
    names, said = option.get_help_record(context) or ("", "")
    return ", ".join(code(name) for name in names.split(", ")), _angle(said)


def prose(text: str) -> str:
    """Return a help text as Markdown: paragraphs that click leaves alone (backspace) become text blocks."""
    found = []
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(text)):
        if paragraph.startswith("\b"):
            found.append(f"```text\n{paragraph[1:].strip(chr(10))}\n```\n")
        elif example := re.match(r"(Examples?:)\s+(.*)", paragraph, re.DOTALL):
            calls = " ".join(example[2].split()).replace("; ", "\n  ")
            found.append(f"```text\n{example[1]}\n  {calls}\n```\n")
        else:
            found.append(_angle(" ".join(paragraph.split())) + "\n")
    return "\n".join(found)


def _angle(text: str) -> str:
    """Return text whose stars and angle brackets are meant as such."""
    return re.sub(r"([<>*])", r"\\\1", text)

"""Help texts: of every subcommand, worth reading, on 80 columns."""

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from wsgi_app.cli.main import EXIT_STATUSES, tackroom


def walk(group: click.Group, *words: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield all that is not hidden, groups too, with the words that call it."""
    for word, command in group.commands.items():
        if not command.hidden:
            yield (*words, word), command
            if isinstance(command, click.Group):
                yield from walk(command, *words, word)


ALL = dict(walk(tackroom))


@pytest.mark.parametrize("words", [(), *ALL], ids=" ".join)
def test_help(words: tuple[str, ...]) -> None:
    """It fits 80 columns, lists included; a subcommand's has an example, the whole command's every exit status."""
    shown = CliRunner().invoke(tackroom, [*words, "--help"], terminal_width=80, prog_name="tackroom")
    assert shown.exit_code == 0, shown
    assert max(map(len, shown.output.splitlines())) <= 80
    if not words:
        assert "..." not in shown.output.partition("Commands:")[2]
        assert all(f" {status}  " in shown.output for status in EXIT_STATUSES)
        return
    command = ALL[words]
    if isinstance(command, click.Group):
        assert "..." not in shown.output.partition("Commands:")[2]
    else:
        assert "Example" in (command.epilog or "")
        assert f"tackroom {' '.join(words)}" in " ".join((command.epilog or "").split())


def test_without_words() -> None:
    """A group alone shows its help."""
    shown = CliRunner().invoke(tackroom, ["job"], prog_name="tackroom")
    assert "submit" in shown.output

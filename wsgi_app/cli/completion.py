"""Completion of the command by a shell: the scripts are click's own."""

import click
from click.shell_completion import get_completion_class

#: where each shell looks for it
PLACES = {
    "bash": "~/.local/share/bash-completion/completions/tackroom",
    "zsh": "~/.zfunc/_tackroom, with fpath+=~/.zfunc before compinit in ~/.zshrc",
    "fish": "~/.config/fish/completions/tackroom.fish",
}


@click.command(
    short_help="Let a shell complete tackroom.",
    epilog="Example: tackroom completion bash > ~/.local/share/bash-completion/completions/tackroom\n\n"
    "\b\nTo keep it, write it where the shell looks:\n"
    + "\n".join(f"  {shell:<4}  {place}" for shell, place in PLACES.items()),
)
@click.argument("shell", metavar="SHELL", type=click.Choice([*PLACES]))
def completion(shell: str) -> None:
    """Print the script that lets SHELL (bash, zsh or fish) complete what can be completed of tackroom's words.

    To have it at once: eval "$(tackroom completion bash)", or zsh in place of bash; in fish: tackroom completion fish
    | source. It calls tackroom, which must be on the PATH.
    """
    click.echo(script(shell), nl=False)


def script(shell: str) -> str:
    """Return the script for a shell."""
    kind = get_completion_class(shell)
    if kind is None:
        raise click.ClickException(f"there is no completion for {shell}")
    context = click.get_current_context().find_root()
    return kind(context.command, {}, "tackroom", "_TACKROOM_COMPLETE").source() + "\n"

"""What a shell completes: asked of a real bash; of zsh and fish the scripts that are installed are read."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import Lab, free_port, running_lab, tackroom


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A Tackroom with systems."""
    with running_lab("none") as made:
        for name in ("bench-1", "bench-2", "other"):
            made.command("system", "add", name)
        yield made


class Shell:
    """A bash in which the command is on the PATH."""

    def __init__(self, place: Path, lab: Lab) -> None:
        self.place = place
        command = place / "tackroom"
        command.write_text(f'#!/bin/sh\nexec {" ".join(tackroom())} "$@"\n')
        command.chmod(0o755)
        (place / "tackroom.toml").write_text(
            f'[profiles.berlin]\nurl = "{lab.url}"\n[profiles.boston]\nurl = "http://127.0.0.1:{free_port()}"\n'
        )
        self.environ = {
            **lab.environment(),
            "TACKROOM_URL": lab.url,
            "XDG_CONFIG_HOME": str(place),
            "PATH": f"{place}:{os.environ['PATH']}",
        }

    def complete(self, *words: str) -> list[str]:
        """Return what is offered for the last of the words."""
        script = (
            'eval "$(tackroom completion bash)"\n'
            'COMP_WORDS=(tackroom "$@")\nCOMP_CWORD=$#\n'
            "_tackroom_completion tackroom 2>errors\n"
            'printf "%s\\n" "${COMPREPLY[@]}"'
        )
        done = subprocess.run(
            ["bash", "--norc", "-c", script, "bash", *words],
            env=self.environ,
            cwd=self.place,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        # outside of a completion that a key began, bash does not let a function change its options
        said = [line for line in (self.place / "errors").read_text().splitlines() if "compopt" not in line]
        assert (done.stderr, said) == ("", [])
        return done.stdout.split()


@pytest.fixture
def shell(tmp_path: Path, lab: Lab) -> Shell:
    """A shell that completes."""
    return Shell(tmp_path, lab)


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("jo",), ["job"]),
        (("job", "wa"), ["wait", "watch"]),
        (("job", "list", "--s"), ["--state"]),
        (("job", "list", "--state", "Ca"), ["Cancelled"]),
        (("results", "1", "--format", "j"), ["json", "junit"]),
        (("events", "--topic", "re"), ["recipe", "result"]),
        (("completion", ""), ["bash", "zsh", "fish"]),
        (("--profile", "b"), ["berlin", "boston"]),
        (("recipe", "env", "3", "--system", "bench-"), ["bench-1", "bench-2"]),
        (("--profile", "berlin", "recipe", "env", "3", "--system", "o"), ["other"]),
        (("--profile", "boston", "recipe", "env", "3", "--system", "o"), []),
        (("--profile", "nowhere", "recipe", "env", "3", "--system", "o"), []),
    ],
)
def test_bash(shell: Shell, words: tuple[str, ...], offered: list[str]) -> None:
    """Subcommands, options, choices, profiles, systems of the lab that is meant; nothing when it does not answer."""
    assert shell.complete(*words) == offered


def test_a_broken_file_of_profiles_offers_nothing(shell: Shell) -> None:
    """And says nothing: nobody wants an error at the press of a key."""
    (shell.place / "tackroom.toml").write_text("[")
    assert shell.complete("--profile", "b") == []
    assert shell.complete("recipe", "env", "3", "--system", "b") == []


@pytest.mark.parametrize(
    ("shell_name", "mark"), [("zsh", "#compdef tackroom"), ("fish", "complete --no-files --command")]
)
def test_other_shells(lab: Lab, shell_name: str, mark: str) -> None:
    """Each has a script of its own that asks the command; another shell is wrong use."""
    printed = lab.command("completion", shell_name).stdout
    assert mark in printed
    assert f"_TACKROOM_COMPLETE={shell_name}_complete" in printed
    assert lab.command("completion", "tcsh", check=False).returncode == 2

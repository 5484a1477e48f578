"""Archives of commands, for harnesses that know fetched tasks only: design.md section 6, What a task is.

An archive depends on the task and its recipe alone, byte for byte: it is asked for again after each lost answer.
"""

import hmac
import io
import struct
import tarfile
import zlib
from collections.abc import Mapping

from wsgi_app.core.change import Ground
from wsgi_app.errors import NoSuchArchive, TaskNotReady
from wsgi_app.model import Recipe, Task
from wsgi_app.store import recipes

#: how long a command may take for restraint when its recipe has no `max_seconds`: without a figure there it takes none
#: for its own watchdog, and half an hour for ours
LONGEST = 86400

#: where the command is run: an empty directory, as with our own harness
_DIRECTORY = "work"
#: most bytes of a stored block: RFC 1951 section 3.2.4
_BLOCK = 65535


class Archives:
    """What a stock harness fetches in place of a command."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def archive(self, recipe: int, task: int, secret: str) -> bytes:
        """Return the archive of a task's command or script, as tar.gz, to whoever knows the recipe's secret.

        Of a task that has ended it holds nothing of the command, and says so when it is run. Raises `NoSuchArchive`;
        `TaskNotReady` while what the task runs is not decided.
        """
        with self._ground.read() as tx:
            found = recipes.load_recipe(tx, recipe)
        target = None if found is None else next((one for one in found.tasks if one.id == task), None)
        known = None if found is None else found.archive_secret
        if found is None or known is None or not hmac.compare_digest(known.encode(), secret.encode()):
            raise NoSuchArchive
        if target is None or target.fetch is not None:
            raise NoSuchArchive
        made = target.command is not None or target.script is not None
        if not (made or target.later):
            raise NoSuchArchive
        if target.status.finished:
            # refused, it would be asked for again and again: a stock harness does not look at the status
            return ended(found, target)
        if not made:
            raise TaskNotReady
        return packed(found, target)


def packed(recipe: Recipe, task: Task) -> bytes:
    """Return the archive of a task that has a command or a script."""
    files = {"metadata": (_metadata(recipe, task), 0o644), "runtest.sh": (_program(task), 0o755)}
    if task.script is not None:
        files["script"] = (task.script.encode(), 0o755)
    return _tarred(files)


def ended(recipe: Recipe, task: Task) -> bytes:
    """Return the archive of a task that has ended: whoever runs it is through at once."""
    whose = "recipe" if recipe.status.finished else "task"
    program = f"#!/bin/sh\necho 'The {whose} has ended: there is nothing to run.'\n"
    return _tarred({"metadata": (_metadata(recipe, task), 0o644), "runtest.sh": (program.encode(), 0o755)})


def _tarred(files: Mapping[str, tuple[bytes, int]]) -> bytes:
    """Return an archive of files, each with its mode, and of the directory to work in."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, (content, mode) in sorted(files.items()):
            # the rest is what TarInfo begins with: time, owner and group 0, no names of them
            about = tarfile.TarInfo(name)
            about.size, about.mode = len(content), mode
            archive.addfile(about, io.BytesIO(content))
        directory = tarfile.TarInfo(_DIRECTORY)
        directory.type, directory.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(directory)
    return _gzipped(whole.getvalue())


def _metadata(recipe: Recipe, task: Task) -> bytes:
    """Return restraint's description of a task; with one in it, no Makefile is looked for."""
    lines = (
        "[General]",
        f"name={_key_file_value(task.name)}",
        "[restraint]",
        "entry_point=./runtest.sh",
        f"max_time={recipe.max_seconds or LONGEST}s",
    )
    return ("\n".join(lines) + "\n").encode()


def _key_file_value(text: str) -> str:
    """Write a text as a value of GLib's key files, which know these escapes."""
    for character, escape in (("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        text = text.replace(character, escape)
    return text.replace(" ", "\\s", 1) if text.startswith(" ") else text


def _program(task: Task) -> bytes:
    """Return the program that becomes what a task runs, and so ends as that does.

    The parameters pass through no shell variables: not all their names could be such.
    """
    words = ["exec", "/usr/bin/env", "--", *_assignments(task.params)]
    if task.script is not None:
        words += [*([] if task.script.startswith("#!") else ["/bin/sh"]), '"$here/script"']
    elif task.command is not None:
        # env would take a word with an equals sign for one more variable, were it not another's argument
        words += ["nice", "-n", "0", "--"] if "=" in task.command[0] else []
        words += map(_quoted, task.command)
    lines = ("#!/bin/sh", f"here=$PWD && cd {_DIRECTORY} || exit", " ".join(words))
    return ("\n".join(lines) + "\n").encode()


def _assignments(params: Mapping[str, str]) -> list[str]:
    """Write parameters as env takes them; a name that no variable can have is nobody's."""
    return [_quoted(f"{name}={value}") for name, value in params.items() if name and "=" not in name]


def _quoted(word: str) -> str:
    """Write a word so that any shell takes it as it is, line ends included."""
    return "'" + word.replace("'", "'\\''") + "'"


def _gzipped(content: bytes) -> bytes:
    """Return gzip's form of some bytes, which are not compressed: each version of zlib compresses to other bytes.

    Source: RFC 1951 section 3.2.4, RFC 1952 section 2.3; no time, no name, no system.
    """
    parts = [b"\x1f\x8b\x08\x00\0\0\0\0\x00\xff"]
    for first in range(0, len(content), _BLOCK):
        block = content[first : first + _BLOCK]
        last = first + _BLOCK >= len(content)
        parts += [struct.pack("<BHH", last, len(block), len(block) ^ 0xFFFF), block]
    parts.append(struct.pack("<II", zlib.crc32(content), len(content) & 0xFFFFFFFF))
    return b"".join(parts)

"""The `tackroom` command: its subcommands, and how errors reach a terminal."""

import os
import sys
from typing import Any

import click

from wsgi_app import __version__
from wsgi_app.cli import (
    admin,
    backup,
    completion,
    demo,
    doctor,
    events,
    harness,
    index,
    jobs,
    lab,
    logs,
    notify,
    output,
    processes,
    queue,
    recipes,
    restore,
    results,
    serve,
    settings,
    systems,
    tokens,
    worker,
    workers,
)
from wsgi_app.cli.client import Refused, Unreachable
from wsgi_app.cli.names import profile_names
from wsgi_app.documents.reports.shown import printable
from wsgi_app.errors import TackroomError

#: exit statuses, as the reference documents them
FAILED = 1
WRONG_USE = 2
UNREACHABLE = 3
REFUSED = 4
INTERRUPTED = 130

#: every exit status, in words
EXIT_STATUSES = {
    0: "done; where a verdict is told: pass",
    FAILED: "it did not work: the message says why",
    WRONG_USE: "wrong use: an unknown option, a missing argument",
    UNREACHABLE: "no Tackroom answers",
    REFUSED: "Tackroom refused: status and error code are in the message",
    jobs.UNSETTLED: "not settled before --timeout was over",
    backup.LOGS_DIFFER: "the backup is made, but logs are not what the database says",
    jobs.VERDICTS["fail"]: "verdict fail",
    jobs.VERDICTS["infrastructure"]: "verdict infrastructure",
    jobs.VERDICTS["cancelled"]: "verdict cancelled",
    INTERRUPTED: "ended by Ctrl-C",
}
#: what it reads from the environment
ENVIRONMENT = {
    "TACKROOM_URL": "the Tackroom to talk to",
    "TACKROOM_TOKEN": "the token to talk with; for harness the system's key. It goes to no other URL than TACKROOM_URL",
    "TACKROOM_PROFILE": "the lab to talk to, by its name in tackroom.toml",
    "TACKROOM_KEY": "for log put: a key of the recipe",
    "TACKROOM_DATA": "where this machine's Tackroom has its data; default ./var, then what /etc/tackroom/tackroom.toml "
    "says, then /var/lib/tackroom",
    "TACKROOM_CONFIG": "the configuration file of this machine's Tackroom; default that of a lab controller, if there "
    "is one: /etc/tackroom/tackroom.toml",
    "SSL_CERT_FILE": "a file of CA certificates, for https, in place of this machine's own; curl and our harness "
    "read it too. For one lab, ca_file of its profile is better",
    "NO_COLOR": "with any text: no colours. There are none in pipes and files anyway",
    "XDG_CONFIG_HOME": "where tackroom.toml is; default ~/.config",
}
#: what it reads from files
FILES = {
    "~/.config/tackroom.toml": "labs by name: url, token or token_file, and ca_file, the certificate of a CA of the "
    "lab's own; default is the one that is meant when nobody says which. Keep it to yourself (chmod 600) when it holds "
    "a token",
    "/etc/tackroom/tackroom.toml": "the settings of a lab controller; data in it says where its data is",
    "./var, /var/lib/tackroom": "data of the Tackroom of this machine: run/url and admin.token in it tell the command "
    "where it is, if you may read them",
}
WHICH_LAB = (
    "Talks to the Tackroom that --url or --profile names; else TACKROOM_URL; else TACKROOM_PROFILE; else the default "
    "profile in ~/.config/tackroom.toml; else the one that runs on this machine; else http://127.0.0.1:8080/. A token "
    "of a profile or of this machine is never sent to another URL."
)


class ReaderLeft(Exception):
    """Whoever read our output has seen enough."""


class Tackroom(click.Group):
    """The whole command. A closed pipe is no error of ours; click would make it exit status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand. Raises `ReaderLeft`."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise ReaderLeft from None


@click.group(
    cls=Tackroom,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=f"{WHICH_LAB}\n\n\b\nExit status:\n"
    + "\n".join(f"  {status:>3}  {meaning}" for status, meaning in EXIT_STATUSES.items()),
)
@click.option(
    "--profile",
    metavar="NAME",
    shell_complete=profile_names,
    help="Talk to the lab of this name in ~/.config/tackroom.toml.",
)
@click.option("--url", metavar="URL", help="Talk to the Tackroom at this URL.")
@click.version_option(__version__, prog_name="tackroom")
@click.pass_context
def tackroom(context: click.Context, profile: str | None, url: str | None) -> None:
    """Run a lab: harnesses check in, run recipes, and their logs become results."""
    if output.no_colour():
        context.color = False


tackroom.add_command(serve.serve)
tackroom.add_command(processes.initialise)
tackroom.add_command(processes.web)
tackroom.add_command(processes.indexer)
tackroom.add_command(processes.timer)
tackroom.add_command(processes.publisher)
tackroom.add_command(workers.workers)
tackroom.add_command(demo.demo)
tackroom.add_command(jobs.job)
tackroom.add_command(recipes.recipe)
tackroom.add_command(results.results)
tackroom.add_command(queue.queue)
tackroom.add_command(events.events)
tackroom.add_command(logs.log)
tackroom.add_command(systems.system)
tackroom.add_command(worker.worker)
tackroom.add_command(lab.lab)
tackroom.add_command(tokens.token)
tackroom.add_command(notify.notify)
tackroom.add_command(harness.harness)
tackroom.add_command(settings.config)
tackroom.add_command(doctor.doctor)
tackroom.add_command(index.index)
tackroom.add_command(backup.backup)
tackroom.add_command(restore.restore)
tackroom.add_command(admin.admin)
tackroom.add_command(completion.completion)


def main() -> None:
    """Run the command; errors are one sentence on standard error."""
    output.set_up_streams()
    status = 0
    try:
        status = _run()
        sys.stdout.flush()
    except (ReaderLeft, BrokenPipeError):
        _forget_output()
    except OSError as error:
        # a disk that is full, a closed stream: told already unless this was the first that was written
        status = status or _failed(_reason(error), FAILED)
        _forget_output()
    sys.exit(status)


def _forget_output() -> None:
    """Let what is still to be flushed go nowhere: it has nowhere to go."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _reason(error: OSError) -> str:
    """Return in words what the system says, without its number."""
    where = "" if error.filename is None else f"{error.filename}: "
    return f"{where}{error.strerror or error}"


def _run() -> int:
    try:
        return tackroom.main(prog_name="tackroom", standalone_mode=False) or 0
    except click.exceptions.Abort:
        return INTERRUPTED
    except click.UsageError as error:
        error.show()
        return WRONG_USE
    except UnicodeEncodeError as error:
        # of what the user typed: all that is printed is escaped instead
        return _failed(f"{error.object!r} is no UTF-8: no name, user or path is like that", WRONG_USE)
    except click.ClickException as error:
        return _failed(error.format_message(), error.exit_code)
    except Unreachable as error:
        return _failed(str(error), UNREACHABLE)
    except Refused as error:
        return _failed(str(error), REFUSED)
    except TackroomError as error:
        return _failed(error.message, FAILED)
    except OSError as error:
        return _failed(_reason(error), FAILED)


def _failed(sentence: str, status: int) -> int:
    click.echo(f"tackroom: {printable(sentence)}", err=True)
    return status

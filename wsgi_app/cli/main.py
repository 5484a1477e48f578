"""The `tackroom` command: its subcommands, and how errors reach a terminal."""

import sys

import click

from wsgi_app import __version__
from wsgi_app.cli import demo, doctor, harness, jobs, logs, recipes, serve, systems
from wsgi_app.cli.client import Refused, Unreachable
from wsgi_app.errors import TackroomError

#: exit statuses, as the reference documents them
FAILED = 1
WRONG_USE = 2
UNREACHABLE = 3
REFUSED = 4


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="tackroom")
def tackroom() -> None:
    """Run a lab: harnesses check in, run recipes, and their logs become results."""


tackroom.add_command(serve.serve)
tackroom.add_command(serve.initialise)
tackroom.add_command(serve.indexer)
tackroom.add_command(serve.timer)
tackroom.add_command(jobs.job)
tackroom.add_command(jobs.results)
tackroom.add_command(jobs.queue)
tackroom.add_command(recipes.recipe)
tackroom.add_command(logs.log)
tackroom.add_command(systems.system)
tackroom.add_command(harness.harness)
tackroom.add_command(doctor.doctor)
tackroom.add_command(demo.demo)


def main() -> None:
    """Run the command; errors are one sentence on standard error."""
    try:
        tackroom.main(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except Unreachable as error:
        _fail(str(error), UNREACHABLE)
    except Refused as error:
        _fail(str(error), REFUSED)
    except TackroomError as error:
        _fail(error.message, FAILED)
    except BrokenPipeError:
        # the reader of our output has seen enough
        sys.stderr.close()
        sys.exit(0)


def _fail(sentence: str, status: int) -> None:
    click.echo(f"tackroom: {sentence}", err=True)
    sys.exit(status)

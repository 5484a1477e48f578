"""The command line of the harness: `python -m wsgi_app.harnesses.local` and the zipapp."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from wsgi_app.harnesses.local import harness


def default_state(name: str) -> Path:
    """Where the state is kept unless somebody says otherwise; `name` keeps systems apart."""
    if os.geteuid() == 0:
        return Path("/var/lib/tackroom-harness") / name
    base = os.environ.get("XDG_STATE_HOME") or str(Path("~/.local/state").expanduser())
    return Path(base) / "tackroom-harness" / name


def parser() -> argparse.ArgumentParser:
    """The options; their meaning is in `harness.Options`."""
    top = argparse.ArgumentParser(prog="tackroom-harness", description="Run recipes of a Tackroom controller here.")
    run = top.add_subparsers(dest="command", required=True, metavar="COMMAND").add_parser(
        "run",
        help="run recipes",
        description="Claim recipes for a system and run them, or run one recipe. The system's key comes from "
        "--token-file or TACKROOM_TOKEN, a recipe's key from --token-file or TACKROOM_KEY. SIGTERM ends the harness "
        "and leaves a running task to the next one; Ctrl-C aborts the recipe.",
    )
    run.add_argument("--url", required=True, help="where the controller is, such as http://lab.example:8080/")
    what = run.add_mutually_exclusive_group(required=True)
    what.add_argument("--system", help="claim recipes for this system")
    what.add_argument("--recipe", type=int, help="run this recipe")
    run.add_argument("--token-file", type=Path, metavar="FILE", help="a file that holds the key")
    run.add_argument("--once", action="store_true", help="leave after one recipe")
    run.add_argument("--state", type=Path, metavar="DIR", help="where to keep what must survive a restart")
    run.add_argument("--progress", action="store_true", help="show the progress of large uploads")
    return top


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status (see `harness.run`)."""
    options = parser().parse_args(arguments)
    if options.token_file is not None:
        try:
            key = options.token_file.read_text().strip()
        except OSError as error:
            sys.stderr.write(f"tackroom-harness: {error}\n")
            return harness.REFUSED
    else:
        key = os.environ.get("TACKROOM_TOKEN" if options.system else "TACKROOM_KEY", "")
    name = (options.system or f"recipe-{options.recipe}").replace("/", "_")
    return harness.run(
        harness.Options(
            url=options.url,
            state=options.state or default_state(name),
            system=options.system or "",
            recipe=options.recipe or 0,
            key=key,
            once=options.once,
            progress=options.progress,
        )
    )


if __name__ == "__main__":
    sys.exit(main())

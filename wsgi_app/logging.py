"""Log lines of our own processes: to standard error, one line each, with what machines want behind the words."""

import logging
import sys


def set_up(process: str) -> None:
    """Send this process's log records to standard error, as `time level process: message`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        logging.Formatter(f"%(asctime)s.%(msecs)03d %(levelname)s {process}: %(message)s", "%Y-%m-%dT%H:%M:%S")
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # it tells every step of opening an up-to-date database
    logging.getLogger("alembic").setLevel(logging.WARNING)

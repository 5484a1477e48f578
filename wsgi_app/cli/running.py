"""The two ways in which a Tackroom runs on a machine, by units or by `serve`, and how each is named in a sentence."""

from pathlib import Path

#: where the play puts the units of a lab controller
UNITS = Path("/etc/systemd/system")


def by_units() -> bool:
    """Whether this machine's Tackroom runs as units."""
    return (UNITS / "tackroom-web.service").exists()


def start() -> str:
    """Return how to start it."""
    return "systemctl start tackroom.target" if by_units() else "tackroom serve"


def stop() -> str:
    """Return how to stop it, as one says it to somebody."""
    return "systemctl stop tackroom.target 'tackroom-*'" if by_units() else "stop 'tackroom serve'"


def restart(process: str = "web") -> str:
    """Return how to start a process again, as one says it to somebody; with web, indexer and timer start too."""
    return f"systemctl restart tackroom-{process}" if by_units() else "start 'tackroom serve' again"


def output(process: str) -> str:
    """Return where a process writes what it has to say."""
    return f"journalctl -u tackroom-{process}" if by_units() else "the output of 'tackroom serve'"

"""What the tests on booted machines have measured: in one file, for several processes and for the summary."""

import fcntl
import json

from attrs import asdict
from fleet.figures import Figure
from pages import ROOT

FILE = ROOT / "build/ansible.json"


def forget() -> None:
    """Begin anew."""
    FILE.unlink(missing_ok=True)


def note(figure: str, value: float, unit: str, bar: float | None = None) -> None:
    """Note one value; fails when it is more than `bar`, which was promised."""
    made = Figure(figure, round(value, 2), unit, bar)
    FILE.parent.mkdir(exist_ok=True)
    with FILE.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        values = [one for one in told() if one["figure"] != figure]
        FILE.write_text(json.dumps([*values, {**asdict(made), "met": made.met}], indent=1) + "\n")
    assert made.met, made


def told() -> list[dict[str, object]]:
    """Return what was noted, in order."""
    found: list[dict[str, object]] = json.loads(FILE.read_text()) if FILE.exists() else []
    return found

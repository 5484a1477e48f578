"""The whole bench, small: every module gives its figures, and none of them is judged."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parent
ROOT = BENCH.parents[1]
KEYS = {"figure", "ours", "other", "ratio", "bar", "goal", "met"}
#: design.md section 10, row by row
BUDGET = (
    *(f"PUT {size}: httpd / bare mod_dav_fs" for size in ("4 KiB", "64 KiB", "1 MiB")),
    *(f"PUT {size}: Apache / Python" for size in ("4 KiB", "64 KiB")),
    *(f"CPU in {size}: Apache / Python" for size in ("4 KiB", "64 KiB")),
    r"index\b.* / sha256sum",
    r"close to listed.*p99",
    *(f"{call} / hello" for call in ("GET recipe", "POST result", "POST watchdog")),
    *(f"{call}.* stored.* / empty" for call in ("GET recipe", "POST result", "POST watchdog")),
    "10 GiB: the largest process",
    "10 GiB: flat, second half / first",
)


@pytest.mark.timeout(400)  # about a minute of both processors, when nobody else wants them
def test_quick_run(tmp_path: Path) -> None:
    """`make bench QUICK=1` runs every module, and has a figure for each row of the speed budget."""
    out = tmp_path / "bench.json"
    done = subprocess.run(
        [sys.executable, str(BENCH), "--quick", "--out", str(out)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(BENCH.parent / "support")},
        capture_output=True,
        text=True,
        check=False,
        timeout=390,
    )
    assert done.returncode == 0, (done.stdout[-2000:], done.stderr[-4000:])
    rows = json.loads(out.read_text())
    assert all(row.keys() >= KEYS and isinstance(row["ours"], int | float) for row in rows)
    assert {row["met"] for row in rows} == {""}
    names = [row["figure"] for row in rows]
    missing = [row for row in BUDGET if not any(re.fullmatch(row, name) for name in names)]
    assert not missing, names
    listed = re.findall(r'^    "(\w+)",$', (BENCH / "__main__.py").read_text(), re.MULTILINE)
    told = re.findall(r"^(\w+): .* \(\d+ s\)$", done.stdout, re.MULTILINE)
    assert told == listed


def test_every_module_is_listed() -> None:
    """A file that measures is in the list that the bench runs."""
    listed = (BENCH / "__main__.py").read_text()
    measuring = {path.stem for path in BENCH.glob("*.py") if "\ndef measure(scale: Scale)" in path.read_text()}
    assert len(measuring) > 10
    assert not [name for name in measuring if f'    "{name}",\n' not in listed]

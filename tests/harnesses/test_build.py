"""The harness as one file, in an environment that has nothing but Python."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.harnesses.conftest import Begin, MakePeer
from tests.harnesses.peer import task
from wsgi_app.harnesses.local import build


@pytest.fixture
def zipapp(tmp_path: Path) -> list[str]:
    """The command that runs a freshly built zipapp on the system's Python, isolated and without site packages."""
    target = tmp_path / "harness.pyz"
    build.build(target)
    return [shutil.which("python3", path="/usr/bin") or sys.executable, "-I", "-S", str(target)]


def test_help_in_a_bare_environment(zipapp: list[str]) -> None:
    """The help needs no environment and no installed package."""
    done = subprocess.run([*zipapp, "run", "--help"], env={}, cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "--token-file" in done.stdout
    assert done.stderr == ""


def test_recipe_in_a_bare_environment(make_peer: MakePeer, begin: Begin, zipapp: list[str]) -> None:
    """A whole recipe, reports included, runs from the one file with an empty environment."""
    script = "tackroom-report Pass bare --log $0; tackroom-sync set A --say 1; tackroom-sync wait A; echo $HOME"
    peer = make_peer(task(11, script=script), task(12, command=["true"]))
    harness = begin(peer, python=zipapp, bare=True)
    assert harness.wait() == 0, harness.words()
    assert [(result["result"], result["path"]) for result in peer.results] == [("Pass", "bare"), ("Pass", "exit_code")]
    assert peer.log(f"tasks/11/results/{peer.results[0]['id']}/logs/script").decode() == script
    assert peer.log("tasks/11/logs/taskout.log").startswith(b'{"7": 1}\n/')


def test_same_sources_give_the_same_file(tmp_path: Path) -> None:
    """Two builds are equal, executable, and hold nothing but the harness."""
    for name in ("one", "two"):
        assert build.main([str(tmp_path / name)]) == 0
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert (tmp_path / "one").stat().st_mode & 0o111
    with zipfile.ZipFile(tmp_path / "one") as archive:
        names = archive.namelist()
    kit = Path(build.__file__).parents[1]
    shared = [f"wsgi_app/harnesses/{path.name}" for path in sorted(kit.glob("*.py"))]
    outside = [name for name in names if not name.startswith("wsgi_app/harnesses/local/")]
    assert outside == ["__main__.py", "wsgi_app/__init__.py", *shared]


def test_imports_only_the_standard_library_and_itself(tmp_path: Path) -> None:
    """No module of the harness imports anything but the standard library and the harness."""
    build.build(tmp_path / "harness.pyz")
    local = Path(build.__file__).parent
    names = [f"local.{path.stem}" for path in local.glob("*.py") if path.stem != "__main__"]
    names += [path.stem for path in local.parent.glob("*.py") if path.stem != "__init__"]
    program = f"""
import importlib, sys
sys.path.insert(0, {str(tmp_path / "harness.pyz")!r})
for name in {names!r}:
    importlib.import_module("wsgi_app.harnesses." + name)
for name in sys.modules:
    known = name.partition(".")[0] in {{*sys.stdlib_module_names, "__main__"}}
    assert known or name == "wsgi_app" or name.startswith("wsgi_app.harnesses"), name
"""
    subprocess.run([sys.executable, "-I", "-S", "-c", program], check=True, env={})

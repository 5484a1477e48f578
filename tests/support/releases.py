"""Releases of Tackroom to provision: a clean checkout and the wheel that was built of it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from attrs import frozen
from pages import ROOT

#: what the release before is called where git has none that can be provisioned
OLDER = "0.0.1"
_VERSION = re.compile(r'(?<=version=")[^"]+(?=")|(?<=__version__ = ")[^"]+(?=")')
#: where the version stands
_VERSIONED = ("setup.py", "wsgi_app/__init__.py")


@frozen
class Release:
    """One of them."""

    #: what it is, for people
    told: str
    source: Path
    wheel: Path

    @property
    def playbook(self) -> Path:
        """Its play."""
        return self.source / "ansible/site.yml"


def present(place: Path) -> Release:
    """Make a release of this checkout as git has it, with what nobody has added yet; `place` is a fresh directory."""
    source = place / "tackroom"
    names = _git("ls-files", "-z", "--cached", "--others", "--exclude-standard").decode().split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, source / name)
    return Release("this checkout", source, _built(source, place))


def previous(place: Path) -> Release:
    """Make a release of the commit before; where that is not there or has no play, of this checkout, called older."""
    try:
        _git("cat-file", "-e", "HEAD~1:ansible/site.yml")
    except subprocess.CalledProcessError:
        older = present(place)
        for name in _VERSIONED:
            path = older.source / name
            path.write_text(_VERSION.sub(OLDER, path.read_text()))
        shutil.rmtree(older.wheel.parent)
        return Release(f"this checkout as {OLDER}, for HEAD~1 has no play", older.source, _built(older.source, place))
    archive, source = place / "previous.tar", place / "tackroom"
    archive.write_bytes(_git("archive", "HEAD~1"))
    source.mkdir()
    subprocess.run(["tar", "--extract", f"--file={archive}", f"--directory={source}"], check=True)
    commit = _git("rev-parse", "--short", "HEAD~1").decode().strip()
    return Release(f"HEAD~1 ({commit})", source, _built(source, place))


def _built(source: Path, place: Path) -> Path:
    """Build the wheel of a checkout; what setuptools leaves in it goes."""
    wheels = place / "wheel"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input", "wheel"]
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(wheels)]
    subprocess.run([*pip, *options, str(source)], check=True, timeout=100, cwd=place)
    for left in (source / "build", *source.glob("*.egg-info")):
        shutil.rmtree(left)
    [wheel] = wheels.glob("tackroom-*.whl")
    return wheel


def _git(*words: str) -> bytes:
    git = ["git", "-c", f"safe.directory={ROOT}", *words]
    return subprocess.run(git, cwd=ROOT, capture_output=True, check=True).stdout

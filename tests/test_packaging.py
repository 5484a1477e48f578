"""What is installed is what is here."""

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from setuptools import find_packages

from wsgi_app.cli.shipped import TREES, shipped

ROOT = Path(__file__).parents[1]
#: what the package is made of, beside the modules
SOURCES = ("setup.py", "pyproject.toml", "README.md", "LICENSE", "wsgi_app", *TREES, "docs/man", "docs/completion")
#: what lies about in a checkout
STRAYS = (
    "apache/parts/logs.conf.orig",
    "apache/parts/logs.conf~",
    "apache/parts/.logs.conf.swp",
    "apache/parts/#logs.conf#",
    "ansible/site.retry",
    "ansible/.site.yml.swp",
    "ansible/__pycache__/filter.cpython-311.pyc",
    "ansible/.ansible/facts.yml",
    "ansible/collections/ansible_collections/their/own/README.md",
    "ansible/inventory/hosts.yml",
    "ansible/inventory/berlin/hosts.yml",
    "ansible/roles/lab_controller/files/tackroom~",
    "ansible/roles/lab_controller/files/tackroom.rej",
)


def git_files(*places: str, more: Sequence[str] = ()) -> set[str]:
    """Return the files that git has below these; `more` are options of `git ls-files`."""
    words = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached", *more, "--", *places]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    return {name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()}


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources as git would have them, with what lies about in a checkout beside them."""
    copy = tmp_path_factory.mktemp("clean") / "tackroom"
    for name in git_files(*SOURCES, more=["--others", "--exclude-standard"]):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, copy / name)
    for name in STRAYS:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text("not ours\n")
    return copy


@pytest.fixture(scope="module")
def installed(clean: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The `tackroom` command of a virtual environment into which the wheel of these sources was installed."""
    place = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input"]
    build = ["wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(place), str(clean)]
    subprocess.run([*pip, *build], check=True, timeout=100, cwd=place)
    [wheel] = place.glob("tackroom-*.whl")
    venv = place / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    into = ["--python", str(venv / "bin" / "python"), "install", "--no-deps", "--no-index", "--no-compile", str(wheel)]
    subprocess.run([*pip, *into], check=True, timeout=100, cwd=place)
    # what it requires is here already; the path alone, so that an editable Tackroom of ours is not found by it
    [packages] = venv.glob("lib/*/site-packages")
    there = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "ours.pth").write_text("\n".join(there) + "\n")
    yield venv / "bin" / "tackroom"
    shutil.rmtree(place)


def install_files(command: Path, directory: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Let an installed command write its files."""
    return subprocess.run(
        [str(command), "admin", "install-files", *words, str(directory)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=command.parent,
    )


def tree(directory: Path) -> dict[str, tuple[bytes, bool]]:
    """Return the files of our trees below a directory: bytes, and whether they can be run."""
    files = (file for name in TREES for file in (directory / name).rglob("*") if file.is_file())
    return {str(file.relative_to(directory)): (file.read_bytes(), bool(file.stat().st_mode & 0o100)) for file in files}


def test_every_module_is_in_a_package_that_is_installed() -> None:
    """A directory with modules but without `__init__.py` works in a checkout and is missing where it is installed."""
    packages = set(find_packages(str(ROOT), include=["wsgi_app", "wsgi_app.*"]))
    homes = {".".join(file.parent.relative_to(ROOT).parts) for file in (ROOT / "wsgi_app").rglob("*.py")}
    assert homes == packages


def test_every_tool_of_lava_tests_is_installed(installed: Path) -> None:
    """Their shell text is data of a package: what is not named in `setup.py` is missing where it is installed."""
    [place] = installed.parents[1].glob("lib/*/site-packages/wsgi_app/documents/lavajob/shell")
    here = ROOT / "wsgi_app" / "documents" / "lavajob" / "shell"
    assert {file.name for file in place.glob("*.sh")} == {file.name for file in here.glob("*.sh")} != set()


def test_every_file_for_operators_is_shipped(clean: Path) -> None:
    """All that git has of apache/ and ansible/, and no stray: a new kind of file is to be named in `shipped`."""
    found = {str(name) for name in shipped(clean)}
    assert git_files(*TREES) <= found
    assert not found & set(STRAYS)


def test_the_installed_files_are_those_of_the_checkout(clean: Path, installed: Path, tmp_path: Path) -> None:
    """The wheel has them all, and the command writes the same bytes, executable where they are in the checkout."""
    assert install_files(installed, tmp_path / "out").returncode == 0
    files = {str(name): ROOT / name for name in shipped(clean)}
    wanted = {name: (file.read_bytes(), bool(file.stat().st_mode & 0o100)) for name, file in files.items()}
    assert tree(tmp_path / "out") == wanted
    assert (tmp_path / "out" / "ansible" / "site.yml").stat().st_mode & 0o777 == 0o644


def test_files_can_be_written_again(installed: Path, tmp_path: Path) -> None:
    """The second time nothing is written; what an operator has added stays."""
    install_files(installed, tmp_path)
    own = tmp_path / "ansible" / "inventory" / "berlin" / "hosts.yml"
    own.parent.mkdir(parents=True)
    own.write_text("ours\n")
    before = {path: path.stat().st_ino for path in (tmp_path / "ansible").rglob("*")}
    done = install_files(installed, tmp_path)
    assert done.returncode == 0
    assert " 0 written, 0 of an earlier version removed" in done.stdout
    assert {path: path.stat().st_ino for path in (tmp_path / "ansible").rglob("*")} == before


def test_edited_files_are_not_replaced(installed: Path, tmp_path: Path) -> None:
    """They are named and nothing is written, until --force is said: then each is kept beside the new one."""
    install_files(installed, tmp_path)
    edited, lost = tmp_path / "ansible" / "site.yml", tmp_path / "apache" / "tackroom.conf"
    ours = edited.read_bytes()
    edited.write_text("edited\n")
    lost.unlink()
    done = install_files(installed, tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == f"edited: {edited}"
    assert "--force" in done.stderr
    assert not lost.exists()
    assert install_files(installed, tmp_path, "--force").returncode == 0
    assert edited.read_bytes() == ours
    assert edited.with_name("site.yml.orig").read_text() == "edited\n"
    assert lost.exists()


def test_nothing_is_written_or_removed_elsewhere(installed: Path, tmp_path: Path) -> None:
    """Links in DIR lead nowhere, whatever the record says; what is in the way is named before anything is written."""
    outside, out = tmp_path / "outside", tmp_path / "out"
    (outside / "parts").mkdir(parents=True)
    (outside / "file").write_text("theirs\n")
    record = out / ".tackroom-files.json"

    def refused() -> str:
        done = install_files(installed, out, "--force")
        assert (done.returncode, done.stderr.count("\n")) == (1, 1), done
        assert "nothing was written: " in done.stderr
        assert not record.exists()
        return done.stderr

    for name in ("apache", "ansible/roles"):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).symlink_to(outside)
        assert f"{out / name} is no directory, or a link to one" in refused()
        (out / name).unlink()
    (out / "ansible" / "site.yml").mkdir()
    assert "site.yml is a directory" in refused()
    (out / "ansible" / "site.yml").rmdir()
    (out / "ansible" / "own").symlink_to(outside)
    for said in (json.dumps({"files": {"ansible/own/file": hashlib.sha256(b"theirs\n").hexdigest()}}), "[" * 100000):
        record.write_text(said)
        assert install_files(installed, out).returncode == 0
    assert {path.name for path in outside.rglob("*")} == {"file", "parts"}


def test_what_was_edited_and_kept_is_not_lost(installed: Path, tmp_path: Path) -> None:
    """A second --force does not put a younger edit where the first one was kept."""
    install_files(installed, tmp_path)
    edited = tmp_path / "ansible" / "site.yml"
    for content, status in (("first\n", 0), ("second\n", 1)):
        edited.write_text(content)
        assert install_files(installed, tmp_path, "--force").returncode == status
    assert edited.read_text() == "second\n"
    assert edited.with_name("site.yml.orig").read_text() == "first\n"


def test_files_of_an_earlier_version_are_replaced(installed: Path, tmp_path: Path) -> None:
    """What that version wrote and nobody has edited is replaced, or removed when there is no such file any more."""
    install_files(installed, tmp_path)
    record = tmp_path / ".tackroom-files.json"
    said = json.loads(record.read_text())
    older, gone, kept = (tmp_path / "ansible" / name for name in ("site.yml", "gone.yml", "kept.yml"))
    ours = older.read_bytes()
    for file in (older, gone, kept):
        file.write_text("older\n")
        said["files"][str(file.relative_to(tmp_path))] = hashlib.sha256(b"older\n").hexdigest()
    kept.write_text("edited since\n")
    outside = tmp_path / "outside"
    outside.write_text("older\n")
    said["files"]["ansible/../outside"] = said["files"]["ansible/gone.yml"]
    record.write_text(json.dumps(said))
    assert install_files(installed, tmp_path).returncode == 0
    assert older.read_bytes() == ours
    assert not gone.exists()
    assert kept.exists()
    assert outside.exists()


def test_the_source_distribution_can_be_installed(clean: Path, tmp_path: Path) -> None:
    """It holds the same files, and what names them."""
    build = "import sys; from setuptools import build_meta; print(build_meta.build_sdist(sys.argv[1]))"
    copy = tmp_path / "copy"
    shutil.copytree(clean, copy, ignore=shutil.ignore_patterns("build", "*.egg-info"))
    subprocess.run([sys.executable, "-c", build, str(tmp_path)], cwd=copy, check=True, capture_output=True, timeout=100)
    [made] = tmp_path.glob("tackroom-*.tar.gz")
    with tarfile.open(made) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"setup.py", "wsgi_app/cli/shipped.py", *map(str, shipped(clean))} <= names
    assert not names & set(STRAYS)

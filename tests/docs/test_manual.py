"""The manual page and the completion scripts that are installed are those of this command."""

import re
import runpy
import shutil
import subprocess
from pathlib import Path

from pages import ROOT

from wsgi_app.cli.main import ENVIRONMENT, EXIT_STATUSES, FILES

PAGE = ROOT / "docs" / "man" / "tackroom.1"


def test_they_are_as_they_would_be_made() -> None:
    """Run docs/man/generate.py after a change of the command's help."""
    made: dict[Path, str] = runpy.run_path(str(ROOT / "docs" / "man" / "generate.py"))["files"]()
    assert len(made) == 4
    for path, text in made.items():
        assert path.read_text(encoding="utf-8") == text, path


def test_they_are_installed() -> None:
    """setup.py names each."""
    setup = (ROOT / "setup.py").read_text()
    for path in (PAGE, *(path for path in (ROOT / "docs" / "completion").rglob("*") if path.is_file())):
        assert f'"{path.relative_to(ROOT)}"' in setup


def test_the_page_is_good_roff() -> None:
    """Every line is text or a macro of man(7), each section is there; groff, if it is there, warns of nothing."""
    text = PAGE.read_text(encoding="utf-8")
    macros = set(re.findall(r"^\.(\w+)", text, re.MULTILINE))
    assert macros <= {"TH", "SH", "SS", "PP", "TP", "B", "BR", "RI", "I", "nf", "fi"}
    assert text.count("\n.nf\n") == text.count("\n.fi\n")
    assert not re.search(r"^'", text, re.MULTILINE)
    sections = re.findall(r"^\.SH (.*)$", text, re.MULTILINE)
    assert sections == ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "COMMANDS", "EXIT STATUS", "ENVIRONMENT", "FILES",
                        "EXAMPLES"]  # fmt: skip
    if groff := shutil.which("groff"):
        done = subprocess.run(
            [groff, "-man", "-ww", "-z", "-Tutf8", str(PAGE)], capture_output=True, text=True, check=True
        )
        assert done.stderr == ""


def test_the_environment_is_all_there() -> None:
    """Each variable that the command reads is on the page, each exit status, each file."""
    read = set()
    for path in (ROOT / "wsgi_app" / "cli").rglob("*.py"):
        read |= set(re.findall(r'environ(?:\.get)?[(\[]"(\w+)"', path.read_text(encoding="utf-8")))
    assert {name for name in read if name not in ("PATH", "TERM", "HOME")} <= set(ENVIRONMENT)
    text = PAGE.read_text(encoding="utf-8").replace("\\-", "-").replace("\\(ti", "~").replace("\\&", "")
    for term in (*ENVIRONMENT, *FILES, *map(str, EXIT_STATUSES)):
        assert f"\n.B {term}\n" in text, term

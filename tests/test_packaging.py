"""What is installed is what is here."""

from pathlib import Path

from setuptools import find_packages

ROOT = Path(__file__).parents[1]


def test_every_module_is_in_a_package_that_is_installed() -> None:
    """A directory with modules but without `__init__.py` works in a checkout and is missing where it is installed."""
    packages = set(find_packages(str(ROOT), include=["wsgi_app", "wsgi_app.*"]))
    homes = {".".join(file.parent.relative_to(ROOT).parts) for file in (ROOT / "wsgi_app").rglob("*.py")}
    assert homes == packages


def test_every_file_of_apache_is_installed() -> None:
    """setup.py names them one by one."""
    setup = (ROOT / "setup.py").read_text()
    for file in [*(ROOT / "apache").rglob("*.conf"), *(ROOT / "apache").rglob("*.asis")]:
        assert f'"{file.relative_to(ROOT)}"' in setup

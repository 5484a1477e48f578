"""Builds and installs Tackroom: the `wsgi_app` package, the `tackroom` command, the files of apache/ and ansible/."""

import runpy
from collections import defaultdict
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent


def operators_files() -> list[tuple[str, list[str]]]:
    """Return where the files of apache/ and ansible/ go, one entry a directory.

    Which files these are is said in one place, for this and for the command that writes them out; whatever else lies in
    those directories is not installed.
    """
    homes = defaultdict(list)
    for file in runpy.run_path(str(HERE / "wsgi_app" / "cli" / "shipped.py"))["shipped"](HERE):
        homes[f"share/tackroom/{file.parent}"].append(str(file))
    return sorted(homes.items())


setup(
    name="tackroom",
    version="0.1.0.dev0",
    description="A lab controller: harnesses run recipes, their logs go straight onto disk, and become results",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.11",
    packages=find_packages(include=["wsgi_app", "wsgi_app.*"]),
    package_data={
        "wsgi_app": ["py.typed"],
        "wsgi_app.documents.lavajob.shell": ["*.sh"],
        "wsgi_app.harnesses.buildbot": ["tools/*.sh"],
        "wsgi_app.protocols.lava": ["templates/*.css", "templates/*.html"],
        "wsgi_app.protocols.native": ["openapi.yaml"],
        "wsgi_app.store": ["migrations/*.mako"],
    },
    data_files=[
        *operators_files(),
        ("share/man/man1", ["docs/man/tackroom.1"]),
        ("share/bash-completion/completions", ["docs/completion/bash/tackroom"]),
        ("share/zsh/site-functions", ["docs/completion/zsh/_tackroom"]),
        ("share/fish/vendor_completions.d", ["docs/completion/fish/tackroom.fish"]),
    ],
    install_requires=[
        "alembic>=1.14",
        "attrs>=24.2",
        "cattrs>=24.1",
        "click>=8.5",
        # services/accepting.py and worker.py stand on its threaded worker
        "gunicorn>=27,<28",
        "inotify-simple>=2.0",
        "jinja2>=3.1",
        "lxml>=5.3",
        "prometheus-client>=0.21",
        "pyyaml>=6.0",
        "SQLAlchemy>=2.0.36",
        "urllib3>=2.2",
        # its protocol without its connections: services/publisher/websocket.py
        "websockets>=15",
        "werkzeug>=3.1",
    ],
    extras_require={
        # stock buildbot-workers as systems of the lab
        "buildbot": ["twisted[tls]>=24"],
        "subunit": ["python-subunit>=1.4.4"],
        # events for LAVA's clients of old, by ZMQ
        "zmq": ["pyzmq>=26"],
        "test": [
            "hypothesis>=6.120",
            "junitparser>=3.2",
            "openapi-spec-validator>=0.7",
            "python-subunit>=1.4.4",
            "schemathesis>=4.4",
            "setuptools>=70",
            "tap.py[yaml]>=3.2",
            "pytest>=8.3",
            "pytest-randomly>=3.16",
            "pytest-timeout>=2.3",
            "pytest-xdist>=3.6",
            "pyzmq>=26",
            "twisted[tls]>=24",
            "webtest>=3.0.2",
            "webob>=1.8.9",
        ],
        "check": [
            "import-linter>=2.1",
            "lxml-stubs>=0.5",
            "mypy>=1.13",
            "ruff>=0.8",
            "towncrier>=24.8",
            "types-PyYAML>=6.0",
        ],
        "ansible": ["ansible>=11", "ansible-lint>=25"],
        "fuzz": ["atheris>=2.3"],
        "docs": ["myst-parser>=4.0", "sphinx>=8.1"],
    },
    entry_points={"console_scripts": ["tackroom = wsgi_app.cli:main"]},
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Environment :: Web Environment",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3.11",
        "Topic :: Software Development :: Testing",
        "Typing :: Typed",
    ],
)

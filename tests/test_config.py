"""Settings: where values come from, and what is said about wrong ones."""

from pathlib import Path
from typing import Any

import pytest

from wsgi_app.config import Config, load, place_to_listen, settings
from wsgi_app.errors import Invalid
from wsgi_app.states import Visibility


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The configuration file of a data directory."""
    return tmp_path / "tackroom.toml"


def test_defaults(tmp_path: Path) -> None:
    """Without anything all is default, and every setting has its line of documentation."""
    loaded = load({"TACKROOM_DATA": str(tmp_path)})
    assert loaded.config == Config(data=tmp_path)
    assert loaded.origin["data"] == "environment"
    assert {origin for name, origin in loaded.origin.items() if name != "data"} == {"default"}
    assert all(setting.metadata["doc"].endswith(".") for setting in settings())


def test_origins(file: Path) -> None:
    """The environment goes before the file, the file before the default; each value knows its origin."""
    file.write_text(
        'workers = 3\nthreads = 5\nmax_waiters = 4\nprecreate = ["a.log", "b.log"]\n'
        'visibility = "private"\nopen_gate = true\n'
    )
    loaded = load({"TACKROOM_DATA": str(file.parent), "TACKROOM_WORKERS": "4", "TACKROOM_PREFIX": ""})
    config = loaded.config
    assert (config.workers, config.threads, config.prefix) == (4, 5, "/")
    assert (config.precreate, config.visibility, config.open_gate) == (("a.log", "b.log"), Visibility.PRIVATE, True)
    assert [loaded.origin[name] for name in ("workers", "threads", "prefix")] == ["environment", str(file), "default"]


def test_named_file(tmp_path: Path) -> None:
    """TACKROOM_CONFIG names another file, which must be there."""
    path = tmp_path / "site.toml"
    with pytest.raises(Invalid, match="no such configuration file"):
        load({"TACKROOM_CONFIG": str(path)})
    path.write_text('data = "/srv/lab"')
    assert load({"TACKROOM_CONFIG": str(path)}).config.data == Path("/srv/lab")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("OPEN_GATE", "Yes", True),
        ("OPEN_GATE", "0", False),
        ("PRECREATE", "a.log b.log", ("a.log", "b.log")),
        ("QUIET_SECONDS", "0.25", 0.25),
        ("VISIBILITY", "private", Visibility.PRIVATE),
        ("PREFIX", "/t/lab/", "/t/lab/"),
        ("MAX_LOG", "5", 5),
        ("DESCRIPTOR_FILES", "/srv/jobs", "/srv/jobs"),
        ("DESCRIPTOR_HOSTS", "a.example b:81 [::1]:82", ("a.example", "b:81", "[::1]:82")),
    ],
)
def test_environment(tmp_path: Path, name: str, text: str, value: Any) -> None:
    """Each kind of setting can be written in the environment."""
    config = load({"TACKROOM_DATA": str(tmp_path), f"TACKROOM_{name}": text}).config
    assert getattr(config, name.lower()) == value


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"TACKROOM_WORKERS": "many"}, "workers"),
        ({"TACKROOM_WORKERS": "0"}, "workers"),
        ({"TACKROOM_OPEN_GATE": "maybe"}, "open_gate"),
        ({"TACKROOM_VISIBILITY": "secret"}, "visibility"),
        ({"TACKROOM_FRONT": "nginx"}, "front"),
        ({"TACKROOM_PREFIX": "t/"}, "prefix"),
        ({"TACKROOM_PREFIX": "/t"}, "prefix"),
        ({"TACKROOM_PREFIX": "/a//b/"}, "prefix"),
        ({"TACKROOM_QUIET_SECONDS": "soon"}, "quiet_seconds"),
        ({"TACKROOM_BUILDBOT_LISTEN": "9989"}, "buildbot_listen"),
        ({"TACKROOM_BUILDBOT_LISTEN": "127.0.0.1:99890"}, "buildbot_listen"),
        ({"TACKROOM_BUILDBOT_TLS_LISTEN": "127.0.0.1:9990"}, "buildbot_tls_listen"),
        ({"TACKROOM_BUILDBOT_MAX_OUTPUT": "0"}, "buildbot_max_output"),
        ({"TACKROOM_DESCRIPTOR_HOSTS": "a http://b/"}, "descriptor_hosts"),
        ({"TACKROOM_DESCRIPTOR_HOSTS": "::1"}, "descriptor_hosts"),
        ({"TACKROOM_DESCRIPTOR_HOSTS": "*.example"}, "descriptor_hosts"),
    ],
)
def test_wrong_environment(tmp_path: Path, environ: dict[str, str], said: str) -> None:
    """A wrong value is refused by its setting's name."""
    with pytest.raises(Invalid, match=said):
        load({"TACKROOM_DATA": str(tmp_path), **environ})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"colour = 1", "unknown setting: colour"),
        (b"workers = ", "tackroom.toml"),
        (b"workers = 'x'\nthreads = 'y'", "threads"),
        (b"\xff\xfe", "tackroom.toml"),
        (b"precreate = 5", "precreate"),
        (b"open_gate = 'perhaps'", "open_gate"),
    ],
)
def test_wrong_file(file: Path, content: bytes, said: str) -> None:
    """A wrong file is refused, and the answer says where and what."""
    file.write_bytes(content)
    with pytest.raises(Invalid, match=said):
        load({"TACKROOM_DATA": str(file.parent)})
    file.unlink()
    file.mkdir()
    with pytest.raises(Invalid, match="directory"):
        load({"TACKROOM_DATA": str(file.parent)})


def test_places_to_listen() -> None:
    """A host and a port; nothing is the usual port of a host, where one is given."""
    assert place_to_listen("127.0.0.1:9989") == ("127.0.0.1", 9989)
    assert place_to_listen("[::]:9990") == ("[::]", 9990)
    assert place_to_listen("", "127.0.0.1") == ("127.0.0.1", 9989)
    assert [place_to_listen(words) for words in ("", "none", "9989", "::1")] == [None] * 4

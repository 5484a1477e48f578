"""`tackroom admin httpd-conf` and `httpd-check`: what a lab controller's httpd runs with."""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from certificates import Authority, make_authority
from click.testing import CliRunner

from wsgi_app.cli.main import tackroom
from wsgi_app.config import Config
from wsgi_app.errors import TackroomError
from wsgi_app.services import httpd

HTTPS = "127.0.0.1:8443"
FILES = ("--certificate", "/etc/t/c.crt", "--key", "/etc/t/c.key")


def run(*words: str, status: int = 0, **environ: str) -> str:
    """Run `tackroom admin` in this process and return what it prints; what ends it is told as `main` tells it."""
    clean = {name: None for name in os.environ if name.startswith("TACKROOM_")}
    done = CliRunner().invoke(tackroom, ["admin", *words], env={**clean, "TACKROOM_DATA": "/srv/t", **environ})
    said = done.exception.message if isinstance(done.exception, TackroomError) else done.output
    assert (1 if isinstance(done.exception, TackroomError) else done.exit_code) == status, (done, said)
    return said


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who makes certificates here."""
    return make_authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def short_place() -> Iterator[Path]:
    """A directory whose path leaves room for that of a unix socket."""
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp") as place:
        yield Path(place)


def test_it_is_made_of_the_settings(tmp_path: Path) -> None:
    """Every Define of the settings and of the options is there, then our files; what it was made of is said first."""
    (tmp_path / "t.toml").write_text('data = "/srv/t"\nprefix = "/lab/"\nmax_body = 5000\n')
    words = ("httpd-conf", "--https", "[::0]:443", *FILES, "--http", "10.0.0.1:080")
    text = run(*words, TACKROOM_DATA="", TACKROOM_CONFIG=str(tmp_path / "t.toml"))
    comment, defines = text.split("Define ", 1)
    assert (
        "admin httpd-conf --https '[::]:443' --certificate /etc/t/c.crt --key /etc/t/c.key --http 10.0.0.1:80"
        in comment
    )
    assert f"{tmp_path}/t.toml: data, max_body, prefix" in comment
    tls = httpd.Tls("[::]:443", Path("/etc/t/c.crt"), Path("/etc/t/c.key"))
    expected = httpd.defines(Config(data=Path("/srv/t"), prefix="/lab/", max_body=5000), "10.0.0.1:80", tls=tls)
    assert "TR_USER" not in expected
    assert ("Define " + defines).splitlines() == [
        *(f'Define {name} "{value}"' for name, value in expected.items()),
        f'Include "{httpd.files()}/tackroom.conf"',
    ]
    assert run(*words, TACKROOM_DATA="", TACKROOM_CONFIG=str(tmp_path / "t.toml")) == text


def test_one_listener_is_enough() -> None:
    """With either alone there is no word of the other."""
    assert "TR_HTTPS_LISTEN" not in run("httpd-conf", "--http", "127.0.0.1:8000")
    assert "TR_LISTEN" not in run("httpd-conf", "--https", HTTPS, *FILES)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "say where httpd listens"),
        (["--https", HTTPS], "--https needs a certificate and its key"),
        (["--https", HTTPS, "--certificate", "/c"], "--https needs a certificate and its key"),
        (["--https", HTTPS, "--key", "/k"], "--https needs a certificate and its key"),
        (["--http", HTTPS, "--certificate", "/c"], "are for --https"),
        (["--https", HTTPS, *FILES, "--http", "127.0.0.2:8443"], "cannot both have port 8443"),
        (["--http", "8000"], "'8000' is no ADDRESS:PORT"),
        (["--http", "lab.example:80"], "is no ADDRESS:PORT"),
        (["--http", "*:80"], "is no ADDRESS:PORT"),
        (["--http", "::1:80"], "stands in brackets"),
        (["--http", "[127.0.0.1]:80"], "stands in brackets"),
        (["--http", "[::1]"], "is no ADDRESS:PORT"),
        (["--http", "[fe80::1%eth0]:80"], "with an interface"),
        (["--http", "127.0.0.1:0"], "a port is a number from 1 to 65535"),
        (["--http", "127.0.0.1:65536"], "a port is a number"),
        (["--http", "127.0.0.1:http"], "a port is a number"),
        (["--http", "127.0.0.1:80\nListen 81"], "a port is a number"),
    ],
)
def test_wrong_use_is_said_in_a_sentence(words: list[str], sentence: str) -> None:
    """Nothing is printed that httpd would misunderstand."""
    assert sentence in run("httpd-conf", *words, status=2)


@pytest.mark.parametrize("name", ["a b", 'q"', "${HOME}", "new\nline", "50%"])
def test_characters_that_httpd_cannot_take(name: str) -> None:
    """Paths become part of httpd's own language."""
    words = ("httpd-conf", "--https", HTTPS, "--certificate", f"/etc/{name}", "--key", "/etc/k")
    assert "TR_CERTIFICATE: " in run(*words, status=1)
    assert "TR_DATA: " in run("httpd-conf", "--http", "127.0.0.1:80", status=1, TACKROOM_DATA=f"/srv/{name}")


def test_a_configuration_is_checked_with_its_certificate(
    tmp_path: Path, short_place: Path, authority: Authority
) -> None:
    """httpd's own test passes certificates that a reload would end it with; this one names what is wrong."""
    issued = authority.issue("controller")
    other = authority.issue("other")
    data = short_place / "data"
    (data / "run").mkdir(parents=True)
    junk = tmp_path / "junk.pem"
    junk.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    secret = tmp_path / "secret.key"
    subprocess.run(
        ["openssl", "ec", "-in", str(issued.key), "-aes256", "-passout", "pass:x", "-out", str(secret)],
        capture_output=True,
        check=True,
    )
    file = tmp_path / "httpd.conf"

    def check(certificate: Path, key: Path, status: int = 1) -> str:
        words = ("--https", HTTPS, "--certificate", str(certificate), "--key", str(key))
        file.write_text(run("httpd-conf", *words, TACKROOM_DATA=str(data)))
        return run("httpd-check", str(file), status=status)

    assert check(issued.certificate, issued.key, 0) == f"httpd can take {file}\n"
    assert f"{other.key} is not the key of {issued.certificate}" in check(issued.certificate, other.key)
    assert "one of them is no PEM file, is damaged" in check(junk, issued.key)
    assert "the key needs a passphrase" in check(issued.certificate, secret)
    assert "nothing.pem" in check(issued.certificate, tmp_path / "nothing.pem")
    # as somebody may write it who edits the file
    check(issued.certificate, other.key)
    file.write_text(
        re.sub(r'^Define (TR_CERTIFICATE|TR_HTTPS_LISTEN) "(.*)"', r"  define \1 \2", file.read_text(), flags=re.M)
    )
    assert "is not the key of" in run("httpd-check", str(file), status=1)
    file.write_text(file.read_text().replace("  define TR_CERTIFICATE ", "  define TR_OTHER "))
    assert "TR_CERTIFICATE" in run("httpd-check", str(file), status=1)
    check(issued.certificate, tmp_path / "nothing.pem")
    file.write_text(file.read_text() + "Nonsense On\n")
    assert "nothing.pem" in run("httpd-check", str(file), status=1)
    check(issued.certificate, issued.key, 0)
    file.write_text(file.read_text() + "Nonsense On\n")
    assert "Invalid command 'Nonsense'" in run("httpd-check", str(file), status=1)
    assert "No such file" in run("httpd-check", str(tmp_path / "none"), status=1)


def test_a_path_that_is_too_long_for_its_sockets(tmp_path: Path, short_place: Path) -> None:
    """The longest path of a socket that httpd takes is taken; with one byte more it is refused before httpd sees it."""
    fits = 95 - len("/run/publisher.sock")
    data = short_place / ("x" * (fits - len(f"{short_place}/")))
    (data / "run").mkdir(parents=True)
    file = tmp_path / "httpd.conf"
    file.write_text(run("httpd-conf", "--http", "127.0.0.1:8000", TACKROOM_DATA=str(data)))
    assert run("httpd-check", str(file)) == f"httpd can take {file}\n"
    longer = data.with_name(f"{data.name}x")
    words = run("httpd-conf", "--http", "127.0.0.1:8000", status=1, TACKROOM_DATA=str(longer))
    assert f"{longer}/run/publisher.sock: longer than the 95 bytes" in words
    # and that is what httpd says itself
    longer.mkdir()
    (longer / "run").mkdir()
    file.write_text(file.read_text().replace(str(data), str(longer)))
    assert "too long" in run("httpd-check", str(file), status=1)

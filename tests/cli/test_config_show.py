"""`tackroom config show`: every value that counts, where it came from, and no secret."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from lab import tackroom

from wsgi_app.config import Config, settings, without_password

TOKEN = "Tokentokentokentokentokentokentokentoken"


def show(home: Path, *words: str, environ: Mapping[str, str] | None = None, status: int = 0) -> str:
    """Run `config show` as a user with this home and environment, and return what it prints."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TACKROOM_")}
    done = subprocess.run(
        [*tackroom(), *words],
        env={**clean, "HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"), **(environ or {})},
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == status, done
    return done.stdout + done.stderr


def test_every_setting_has_a_value_and_an_origin(tmp_path: Path) -> None:
    """Default, file and variable are told apart; all settings are there in their order."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "tackroom.toml").write_text('workers = 3\nprecreate = ["a.log", "b.log"]\nopen_gate = true\n')
    environ = {"TACKROOM_DATA": str(data), "TACKROOM_MAX_BODY": "5000"}
    told = json.loads(show(tmp_path, "config", "show", "--json", environ=environ))["settings"]
    assert list(told) == [setting.name for setting in settings()]
    assert told["workers"] == {"value": 3, "origin": str(data / "tackroom.toml")}
    assert told["precreate"]["value"] == ["a.log", "b.log"]
    assert told["max_body"] == {"value": 5000, "origin": "TACKROOM_MAX_BODY"}
    assert told["data"] == {"value": str(data), "origin": "TACKROOM_DATA"}
    assert told["threads"] == {"value": Config().threads, "origin": "default"}
    rows = [line.split() for line in show(tmp_path, "config", "show", environ=environ).splitlines()]
    assert ["workers", "3", str(data / "tackroom.toml")] in rows
    assert ["open_gate", "true", str(data / "tackroom.toml")] in rows
    assert ["precreate", "a.log", "b.log", str(data / "tackroom.toml")] in rows


def test_one_setting(tmp_path: Path) -> None:
    """With a name the value alone is printed, as the environment has it; a name that is none is said."""
    environ = {"TACKROOM_PRECREATE": "x.log y.log", "TACKROOM_OPEN_GATE": "yes"}
    assert show(tmp_path, "config", "show", "precreate", environ=environ) == "x.log y.log\n"
    assert show(tmp_path, "config", "show", "open_gate", environ=environ) == "true\n"
    assert json.loads(show(tmp_path, "config", "show", "workers", "--json")) == {"value": 2, "origin": "default"}
    assert "no setting 'colour'" in show(tmp_path, "config", "show", "colour", status=1)


def test_data_that_nobody_named(tmp_path: Path) -> None:
    """A Tackroom that has run in ./var is found there, with its file of settings."""
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "tackroom.db").touch()
    (tmp_path / "var" / "tackroom.toml").write_text("workers = 7\n")
    told = json.loads(show(tmp_path, "config", "show", "--json"))["settings"]
    assert told["data"] == {"value": "var", "origin": "the data of this machine"}
    assert told["workers"] == {"value": 7, "origin": "var/tackroom.toml"}


def test_secrets_are_masked(tmp_path: Path) -> None:
    """Neither the password in a URL nor a token is ever printed."""
    environ = {
        "TACKROOM_BASE_URL": "https://user:hunter2@lab.example/",
        "TACKROOM_URL": "http://me:hunter2@127.0.0.1:1/",
        "TACKROOM_TOKEN": TOKEN,
    }
    for words in ((), ("--json",), ("base_url",), ("base_url", "--json")):
        said = show(tmp_path, "config", "show", *words, environ=environ)
        assert "hunter2" not in said
        assert TOKEN not in said
        assert "user:********@lab.example" in said
    assert show(tmp_path, "config", "show", environ=environ).count("Toke********") == 1


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("", ""),
        ("http://a/", "http://a/"),
        ("http://me@a/", "http://me@a/"),
        ("http://me:p@a:80/x", "http://me:********@a:80/x"),
        ("http://me:p@q@a/", "http://me:********@a/"),
        ("http://[::1", "********"),
    ],
)
def test_without_password(url: str, shown: str) -> None:
    """A password is masked wherever a URL has one; what cannot be read is masked whole."""
    assert without_password(url) == shown


def test_whom_the_command_talks_to(tmp_path: Path) -> None:
    """URL and token with their origins: options go before profiles, profiles before the default."""

    def told(*options: str, **environ: str) -> list[str]:
        value = json.loads(show(tmp_path, *options, "config", "show", "--json", environ=environ))["command"]
        return [value["url"]["value"], value["url"]["origin"], value["token"]["value"], value["token"]["origin"]]

    assert told() == ["http://127.0.0.1:8080/", "default", None, "nobody says"]
    file = tmp_path / "config" / "tackroom.toml"
    file.parent.mkdir()
    file.write_text(
        f'default = "one"\n[profiles.one]\nurl = "http://one.example/"\ntoken = "{TOKEN}"\n'
        '[profiles.two]\nurl = "http://two.example/"\ntoken_file = "two.token"\n'
    )
    file.chmod(0o600)
    token = file.with_name("two.token")
    token.write_text("another token of more than thirty-two letters\n")
    token.chmod(0o600)
    assert told() == ["http://one.example/", f"default of {file} (one)", "Toke********", f"{file} (one)"]
    assert told("--profile", "two") == ["http://two.example/", "--profile two", "anot********", str(token)]
    assert told(TACKROOM_PROFILE="two")[1] == "TACKROOM_PROFILE (two)"
    assert told("--url", "http://else.example/", TACKROOM_TOKEN="short") == [
        *("http://else.example/", "--url", "********", "TACKROOM_TOKEN")
    ]


def test_settings_that_are_wrong(tmp_path: Path) -> None:
    """A value that does not fit is a sentence that names it."""
    said = show(tmp_path, "config", "show", status=1, environ={"TACKROOM_WORKERS": "many"})
    assert said.count("\n") == 1
    assert "workers" in said

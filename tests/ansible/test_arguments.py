"""What is said to the play: every wrong value is refused before anything is changed, with a sentence that helps."""

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from certificates import make_authority
from plays import ANSIBLE, Operator

ROLE = ANSIBLE / "roles" / "lab_controller"
NAME = "lab1.example.org"
_FAILED = re.compile(r"^(?:fatal|failed): \[(\w+)\].*?=> (\{.*\})$", re.MULTILINE)
_RECAP = re.compile(r"^(\w+) +: ok=\d+ +changed=(\d+) +unreachable=(\d+) +failed=(\d+)", re.MULTILINE)

#: what one may write into an inventory by mistake, by the variable: wrong types, and wrong values of the right type
WRONG: dict[str, list[object]] = {
    "package": [
        None,
        1.0,
        ["tackroom==1.0"],
        {"name": "tackroom"},
        "",
        "tackroom",
        "tackroom>=1.0",
        "/nowhere/tackroom.whl",
    ],
    "pip_arguments": [None, ["--index-url", "https://packages.example.org"], {"index": "x"}, 7],
    "name": [None, 7, ["lab1"], {"name": "lab1"}, "", "localhost", "lab 1", "https://lab1", "lab1:443", "1.2.3.400"],
    "alt_names": [None, "lab1", 7, {"lab1": "192.0.2.7"}, [7], [["lab1"]], ["lab 1"], ["DNS:lab1"]],
    "https_listen": [
        None,
        443,
        True,
        ["0.0.0.0:443"],
        {"port": 443},
        "443",
        ":443",
        "*:443",
        "lab1:443",
        "0.0.0.0:0",
        "::443",
    ],
    "http_listen": [
        None,
        80,
        False,
        ["127.0.0.1:80"],
        "80",
        "127.0.0.1",
        "127.0.0.1:65536",
        "256.0.0.1:80",
        "[1.2.3.4]:80",
    ],
    "workers_listen": [None, 9989, ["0.0.0.0:9989"], "lab1:9989", "9989", "0.0.0.0:443", "0.0.0.0:1023", "[::]:65536"],
    "workers_tls_listen": [None, 9990, True, {"port": 9990}, "lab1:9990", "192.0.2.7", "0.0.0.0:443", "[::]:99"],
    "zmq_listen": [None, 5500, ["0.0.0.0:5500"], "tcp://0.0.0.0:5500", "5500", "0.0.0.0:443"],
    "mail_host": [None, 7, ["mail"], "mail.example.org:25", "smtp://mail", "mail server"],
    "mail_port": [None, "smtp", -1, 65536, [25], True],
    "mail_security": [None, True, "ssl", ["tls"]],
    "mail_user": [None, 7, ["lab"]],
    "mail_password_file": [None, 7, ["password"], "/nowhere/password"],
    "mail_from": [None, 7, "lab", "lab@", ["lab@example.org"], "Lab <lab@example.org>"],
    "callback_hosts": [None, "*.example.org", 7, {"a": "b"}, [7], ["https://example.org"], ["a b"]],
    "callback_private": [None, "10.0.0.0/8", 7, [10], ["lan"], ["10.0.0.0/8/8"], ["10.0.0/8"]],
    "certificate": [None, 7, ["lab.crt"], "/nowhere/lab.crt"],
    "certificate_key": [None, 7, ["lab.key"], "/nowhere/lab.key"],
    "data": [
        None,
        7,
        ["/srv/tackroom"],
        "",
        "var",
        "/",
        "/srv",
        "/srv/a b",
        "/srv/../etc",
        "/home/tackroom",
        "/var/lib",
        "/var/spool",
        "/srv/%i",
    ],
    "settings": [
        None,
        7,
        "workers=4",
        ["workers"],
        {"data": "/x/y"},
        {"buildbot_listen": "0.0.0.0:9989"},
        {"mail_host": "mail.example.org"},
        {"workers": None},
        {"workers": {"a": 1}},
        {"No!": 1},
    ],
    "backup_directory": [
        None,
        7,
        ["/srv/backups"],
        "backups",
        "/srv/back ups",
        "/var/lib/tackroom/backups",
        "/var/lib",
        "/var/backups",
        "/usr/lib",
    ],
    "backup_time": [None, 7, ["daily"], "", "daily; reboot"],
    "remove_data": [None, "maybe", 7, ["yes"], {"yes": True}],
}


def said(tmp_path: Path, hosts: Mapping[str, Mapping[str, object]]) -> dict[str, list[str]]:
    """Return what the play says to each of these hosts, all this machine; it must refuse, and change nothing."""
    inventory = tmp_path / "hosts.yml"
    local = {"ansible_connection": "local", "lab_controller_package": "tackroom==1.0", "lab_controller_name": NAME}
    every = {host: {f"lab_controller_{name}": value for name, value in given.items()} for host, given in hosts.items()}
    inventory.write_text(yaml.safe_dump({"lab_controllers": {"vars": local, "hosts": every}}))
    play = Operator(inventory).play({"ansible_python_interpreter": "{{ ansible_playbook_python }}"}, check=False)
    recap = {host: numbers for host, *numbers in _RECAP.findall(play.output)}
    assert recap == {host: ["0", "0", "1"] for host in hosts}, play.output[-8000:]
    told: dict[str, list[str]] = defaultdict(list)
    for host, answer in _FAILED.findall(play.output):
        message = json.loads(answer).get("msg", "")
        told[host] += message if isinstance(message, list) else [message]
    return told


def test_every_wrong_value_is_refused_with_its_name_and_what_is_wanted(tmp_path: Path) -> None:
    """Each host has one mistake: a sentence names the variable, shows the value, and says what must be."""
    hosts: dict[str, dict[str, Any]] = {
        f"{name}_{number}": {name: value} for name, values in WRONG.items() for number, value in enumerate(values)
    }
    told = said(tmp_path, hosts)
    for host, given in hosts.items():
        ((name, value),) = given.items()
        fitting = [line for line in told[host] if line.startswith(f"lab_controller_{name} ") and " must " in line]
        assert fitting, f"{given}: {told[host]}"
        # of a mapping the one that is meant is named; it may have secrets in it
        shown = name == "settings" or any(json.dumps(value) in line for line in fitting)
        assert shown, f"{given}: {told[host]}"
        assert not any("Traceback" in line or "<class" in line for line in told[host]), told[host]


def test_what_does_not_go_together_is_refused(tmp_path: Path) -> None:
    """No listener, two on one place, half a certificate, one that nothing uses; and all mistakes at once."""
    issued = make_authority(tmp_path).issue("lab1", [f"DNS:{NAME}"])
    certificate, key = str(issued.certificate), str(issued.key)
    told = said(
        tmp_path,
        {
            "nowhere": {"https_listen": "", "http_listen": ""},
            "twice": {"https_listen": "0.0.0.0:443", "http_listen": "0.0.0.0:443"},
            "keyless": {"certificate": certificate},
            "mute": {"mail_user": "lab"},
            "nameless": {"mail_password_file": key},
            "alone": {"certificate_key": key},
            "unused": {
                "certificate": certificate,
                "certificate_key": key,
                "https_listen": "",
                "http_listen": "0.0.0.0:80",
            },
            "above": {"data": "/srv/lab/tackroom", "backup_directory": "/srv/lab"},
            "everywhere": {"http_listen": "0.0.0.0:8080", "workers_listen": "192.0.2.7:8080"},
            "everywhere_too": {"http_listen": "192.0.2.7:8080", "workers_tls_listen": "[::]:8080"},
            "both": {"workers_listen": "0.0.0.0:9989", "workers_tls_listen": "0.0.0.0:9989"},
            "certificateless": {
                "https_listen": "",
                "http_listen": "0.0.0.0:8080",
                "workers_tls_listen": "0.0.0.0:9990",
            },
            "many": {
                "name": "",
                "data": "var",
                "https_listen": 443,
                # these go together
                "http_listen": "192.0.2.7:8080",
                "workers_listen": "192.0.2.8:8080",
            },
        },
    )
    assert "both" in told["nowhere"][0]
    assert told["twice"][0].startswith("lab_controller_http_listen is ")
    assert told["keyless"][0].startswith(
        "lab_controller_certificate_key is not set, but must be, because lab_controller_certificate is"
    )
    assert told["mute"][0].startswith("lab_controller_mail_password_file is not set, but must be, because ")
    assert told["nameless"][0].startswith("lab_controller_mail_user is not set, but must be, because ")
    assert told["alone"][0].startswith(
        "lab_controller_certificate is not set, but must be, because lab_controller_certificate_key is"
    )
    assert told["unused"][0].startswith("lab_controller_certificate is given, but lab_controller_https_listen is")
    assert told["everywhere"][0].startswith("lab_controller_workers_listen is ")
    assert told["everywhere_too"][0].startswith("lab_controller_workers_tls_listen is ")
    assert told["both"][0].startswith("lab_controller_workers_listen is ")
    assert told["certificateless"][0].startswith("lab_controller_workers_tls_listen is ")
    assert "certificate of HTTPS" in told["certificateless"][0]
    assert told["above"][0].startswith("lab_controller_backup_directory is ")
    assert {line.split()[0] for line in told["many"]} == {
        "lab_controller_name",
        "lab_controller_data",
        "lab_controller_https_listen",
    }


def test_a_certificate_that_will_not_do_is_refused(tmp_path: Path) -> None:
    """Unreadable, another's key, of another name, not valid any more: told before the machine gets the files."""
    ca = make_authority(tmp_path)
    good, other = ca.issue("good", [f"DNS:{NAME}"]), ca.issue("other", ["DNS:lab2.example.org"])
    old = ca.issue("old", [f"DNS:{NAME}"], end="20210101000000Z")
    no_pem = tmp_path / "no.pem"
    no_pem.write_text("this is no certificate\n")
    pairs = {
        "unreadable": (no_pem, good.key),
        "keyless": (good.certificate, no_pem),
        "mixed": (good.certificate, other.key),
        "misnamed": (other.certificate, other.key),
        "old": (old.certificate, old.key),
    }
    told = said(
        tmp_path,
        {host: {"certificate": str(pair[0]), "certificate_key": str(pair[1])} for host, pair in pairs.items()},
    )
    certificate, key = "lab_controller_certificate", "lab_controller_certificate_key"
    wanted = {
        "unreadable": f"{certificate} ({no_pem}) cannot be read, but must be a PEM file",
        "keyless": f"{key} ({no_pem}) cannot be read, but must be a PEM file",
        "mixed": f"{key} ({other.key}) is not the key of {certificate} ({good.certificate})",
        "misnamed": f"{certificate} ({other.certificate}) is for dns:lab2.example.org, but must be for",
        "old": f"{certificate} ({old.certificate}) must be valid now, but holds from 20200101000000Z to 2021",
    }
    for host, sentence in wanted.items():
        assert any(line.startswith(sentence) for line in told[host]), f"{host}: {told[host]}"


def test_a_directory_that_does_not_hold_one_wheel_is_refused(tmp_path: Path) -> None:
    """None, two, and one of something else: the sentence says what is there."""
    wheels = {
        "none": [],
        "two": ["tackroom-1-py3-none-any.whl", "tackroom-2-py3-none-any.whl"],
        "another": ["hay-1-py3-none-any.whl"],
    }
    for name, files in wheels.items():
        (tmp_path / name).mkdir()
        for file in files:
            (tmp_path / name / file).touch()
    told = said(tmp_path, {name: {"package": str(tmp_path / name)} for name in wheels})
    for name, files in wheels.items():
        (sentence,) = told[name]
        assert sentence.startswith("lab_controller_package is ") and " must be a requirement " in sentence
        assert all(file in sentence for file in files or ["none"]), sentence


@pytest.mark.parametrize("name", ["lab_controller"])
def test_a_roles_variables_are_the_same_in_all_three_places(name: str) -> None:
    """Specification, defaults and the role's page have the same variables with the same defaults, in the same order."""
    role = ANSIBLE / "roles" / name
    options = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    defaults = yaml.safe_load((role / "defaults" / "main.yml").read_text())
    specified = {option: said["default"] for option, said in options.items()}
    assert list(specified.items()) == list(defaults.items())
    assert all(said["type"] and said["description"] for said in options.values())
    rows = re.findall(rf"^\| `({name}_\w+)` \| (.+?) \| (.+?) \|", (role / "README.md").read_text(), re.MULTILINE)
    assert [row[0] for row in rows] == list(options)
    assert {row[0]: row[1] for row in rows} == {
        option: f"list of {said['elements']}" if "elements" in said else said["type"]
        for option, said in options.items()
    }

"""A lab behind TLS, with a CA of its own: who trusts it works, and who does not is told what to do."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from certificates import Authority, Issued, make_authority
from lab import Lab, running_lab, tackroom
from tlsfront import TlsFront, tls_front
from waiting import until

from wsgi_app.harnesses import courier
from wsgi_app.harnesses.fetch import CannotFetch, fetch


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A Tackroom; it does not know what stands before it."""
    with running_lab("none") as made:
        yield made


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The lab's CA."""
    return make_authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def good(authority: Authority) -> Issued:
    """A certificate without fault."""
    return authority.issue("good")


@pytest.fixture
def front(lab: Lab, good: Issued) -> Iterator[TlsFront]:
    """TLS before the lab."""
    with tls_front(lab.port, good) as made:
        yield made


def command(home: Path, *words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run `tackroom` as somebody with this configuration directory."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("TACKROOM_", "SSL_"))}
    return subprocess.run(
        [*tackroom(), *words],
        env={**clean, "XDG_CONFIG_HOME": str(home), "TACKROOM_DATA": str(home / "none"), **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def profile(home: Path, front: TlsFront, ca_file: str) -> None:
    """Write a profile of the lab that names its CA."""
    (home / "tackroom.toml").write_text(
        f'default = "lab"\n[profiles.lab]\nurl = "{front.url}"\nca_file = "{ca_file}"\n', encoding="utf-8"
    )


def refusal(home: Path, *words: str, **environ: str) -> str:
    """Return the one line that a command says which finds nobody to trust."""
    began = time.monotonic()
    done = command(home, *words, **environ)
    assert (done.returncode, done.stdout) == (3, ""), done
    assert time.monotonic() - began < 10
    [line] = done.stderr.splitlines()
    assert "SSL:" not in line
    return line


def test_a_profile_names_its_ca(front: TlsFront, authority: Authority, tmp_path: Path) -> None:
    """A relative name is beside the profiles; the CA is trusted for that lab and for no other URL."""
    (tmp_path / "lab-ca.crt").write_bytes(authority.certificate.read_bytes())
    profile(tmp_path, front, "lab-ca.crt")
    assert command(tmp_path, "job", "list").returncode == 0
    assert command(tmp_path, "--url", front.url, "job", "list").returncode == 0
    shown = json.loads(command(tmp_path, "config", "show", "--json").stdout)["command"]
    assert shown["ca_file"]["value"] == str(tmp_path / "lab-ca.crt")
    assert "is not trusted" in refusal(tmp_path, "--url", front.url.replace("localhost", "127.0.0.1"), "job", "list")


def test_a_ca_file_that_is_none(front: TlsFront, tmp_path: Path) -> None:
    """One that is not there, and one without a certificate, are named."""
    profile(tmp_path, front, "lab-ca.crt")
    done = command(tmp_path, "job", "list")
    assert (done.returncode, done.stderr) == (
        1,
        f"tackroom: ca_file {tmp_path / 'lab-ca.crt'}: No such file or directory\n",
    )
    (tmp_path / "lab-ca.crt").write_text("nothing of the kind\n")
    done = command(tmp_path, "job", "list")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "there is no certificate in it" in done.stderr


def test_the_environment_names_a_ca(front: TlsFront, authority: Authority, tmp_path: Path) -> None:
    """SSL_CERT_FILE, which curl and others read too; when it is not there, that is said."""
    ca_file = str(authority.certificate)
    assert command(tmp_path, "--url", front.url, "job", "list", SSL_CERT_FILE=ca_file).returncode == 0
    line = refusal(tmp_path, "--url", front.url, "job", "list", SSL_CERT_FILE="/nowhere/ca.crt")
    assert "/nowhere/ca.crt, which is not there" in line


def test_a_ca_that_nobody_knows(front: TlsFront, tmp_path: Path) -> None:
    """One sentence, at once, also from commands that bear with a server that is away."""
    for words in (("job", "list"), ("job", "watch", "1"), ("job", "cancel", "1"), ("log", "list", "1")):
        line = refusal(tmp_path, "--url", front.url, *words)
        assert f"what answers at {front.url} has a certificate that is not trusted here" in line
        assert "ca_file" in line
        assert "SSL_CERT_FILE" in line


def test_certificates_that_are_wrong(front: TlsFront, lab: Lab, authority: Authority, tmp_path: Path) -> None:
    """Another name, out of date, and no TLS at all are told apart."""
    trusted = {"SSL_CERT_FILE": str(authority.certificate)}
    front.show(authority.issue("other", ["DNS:other.example"]))
    assert "has a certificate for another name" in refusal(tmp_path, "--url", front.url, "job", "list", **trusted)
    front.show(authority.expired())
    assert "has a certificate that has expired" in refusal(tmp_path, "--url", front.url, "job", "list", **trusted)
    front.show(authority.issue("early", begin="20980101000000Z"))
    assert "is not valid yet" in refusal(tmp_path, "--url", front.url, "job", "list", **trusted)
    plain = lab.url.replace("http:", "https:")
    assert "does not speak TLS" in refusal(tmp_path, "--url", plain, "job", "list", **trusted)


def test_the_doctor_looks_at_the_certificate(front: TlsFront, lab: Lab, authority: Authority, tmp_path: Path) -> None:
    """That of base_url: not trusted, or soon to end; nothing else is wrong then."""
    here = {
        "TACKROOM_DATA": str(lab.data),
        "TACKROOM_URL": lab.url,
        "TACKROOM_BASE_URL": front.url,
        "SSL_CERT_FILE": str(authority.certificate),
    }

    def wrong(**environ: str) -> dict[str, str]:
        done = command(tmp_path, "doctor", "--json", **{**here, **environ})
        found = {one["check"]: one["what"] + one["mend"] for one in json.loads(done.stdout) if not one["ok"]}
        assert done.returncode == bool(found)
        return found

    assert wrong() == {}
    # the server that the command talks to has the same fault: it is told once
    found = wrong(SSL_CERT_FILE=str(tmp_path / "none"), TACKROOM_URL=front.url)
    assert set(found) == {"certificate"}
    assert "is not trusted here" in found["certificate"]
    # a URL may have a password, or be none
    named = front.url.replace("//", "//bob:secret@")
    found = wrong(SSL_CERT_FILE=str(tmp_path / "none"), TACKROOM_BASE_URL=named)
    assert "//bob:********@localhost" in found["certificate"]
    assert "secret" not in "".join(found.values())
    for strange in ("https://h:99999/", "https://[::1/", "https://a..b/"):
        assert set(wrong(TACKROOM_BASE_URL=strange)) == {"base_url"}
    soon = datetime.now(UTC) + timedelta(days=10)
    front.show(authority.issue("soon", end=soon.strftime("%Y%m%d%H%M%SZ")))
    found = wrong()
    assert set(found) == {"certificate"}
    assert "good for 9 more days" in found["certificate"]


def test_our_harness_goes_on_until_it_can_trust(
    front: TlsFront, lab: Lab, authority: Authority, tmp_path: Path
) -> None:
    """It says in a sentence what is wrong and tries again: once the CA is installed it runs the recipe."""
    job = lab.job({"name": "hello", "command": ["echo", "hello"]}, system="far")
    key = lab.call("POST", "/systems/far/key").json["key"]
    trusted, said = tmp_path / "ca.crt", tmp_path / "said"
    trusted.write_bytes(make_authority(tmp_path, "Another CA").certificate.read_bytes())
    words = ["run", "--url", front.url, "--system", "far", "--once", "--state", str(tmp_path / "state")]
    with said.open("w") as output:
        harness = subprocess.Popen(
            [*tackroom()[:-1], "wsgi_app.harnesses.local", *words],
            env={**os.environ, "SSL_CERT_FILE": str(trusted), "TACKROOM_TOKEN": key},
            stdout=output,
            stderr=output,
        )
    try:
        until(lambda: "certificate" in said.read_text(), "a word about the certificate", 30)
        [line, *_] = said.read_text().splitlines()
        assert "the controller's certificate is not trusted (" in line
        assert "name its file in SSL_CERT_FILE; again in" in line
        fresh = tmp_path / "fresh"
        fresh.write_bytes(authority.certificate.read_bytes())
        fresh.replace(trusted)
        assert harness.wait(60) == 0
    finally:
        harness.kill()
        harness.wait()
    assert lab.settled(job["id"])["verdict"] == "pass"


def test_the_command_runs_the_harness_with_the_ca_of_a_profile(
    front: TlsFront, lab: Lab, authority: Authority, tmp_path: Path
) -> None:
    """`tackroom harness` trusts whom the command trusts."""
    job = lab.job({"name": "hello", "command": ["echo", "hello"]}, system="near")
    profile(tmp_path, front, str(authority.certificate))
    words = ("harness", "--system", "near", "--once", "--state", str(tmp_path / "state"))
    done = command(tmp_path, *words, TACKROOM_TOKEN=lab.token)
    assert done.returncode == 0, done
    assert lab.settled(job["id"])["verdict"] == "pass"


def test_archives_are_fetched_by_tls(
    front: TlsFront, authority: Authority, good: Issued, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From who is trusted, in a process of its own; of who is not, a sentence says what to do."""
    with pytest.raises(CannotFetch, match=r"certificate is not trusted .*SSL_CERT_FILE"):
        fetch(front.url + "livez", tmp_path / "task", pause=0)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    # as a system finds it whose clock begins anew each time it is switched on
    front.show(authority.issue("later", begin="20980101000000Z"))
    with pytest.raises(CannotFetch, match=r"not yet valid.*set this system's clock"):
        fetch(front.url + "livez", tmp_path / "task", pause=0)
    front.show(good)
    with pytest.raises(CannotFetch, match="cannot unpack the archive"):
        courier.bring(front.url + "livez", tmp_path / "task", lambda: None)

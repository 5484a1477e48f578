"""Certificates for tests, made by `openssl`: an authority, and what it issues."""

import ssl
import subprocess
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

#: what a server of these tests is called
NAMES = ("DNS:localhost", "IP:127.0.0.1", "IP:::1")
_SETTINGS = """
[ca]
default_ca = here
[here]
new_certs_dir = {directory}
database = {directory}/index
serial = {directory}/serial
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[server]
basicConstraints = critical, CA:false
subjectAltName = {names}
"""


@frozen
class Issued:
    """A certificate and its key, as PEM files."""

    certificate: Path
    key: Path


@frozen
class Authority:
    """A certificate authority of its own; all it makes lies in `directory`."""

    directory: Path
    #: its own certificate, which clients trust
    certificate: Path
    key: Path

    def issue(
        self,
        name: str,
        names: Sequence[str] = NAMES,
        *,
        begin: str = "20200101000000Z",
        end: str = "20991231235959Z",
    ) -> Issued:
        """Issue a server's certificate with these names (`DNS:...`, `IP:...`); it is called `name`, and so its files.

        `begin` and `end`: from when and until when it is valid (YYYYMMDDHHMMSSZ, UTC).
        """
        settings = self.directory / f"{name}.cnf"
        settings.write_text(_SETTINGS.format(directory=self.directory, names=", ".join(names)))
        request = self.directory / f"{name}.csr"
        made = Issued(self.directory / f"{name}.crt", self.directory / f"{name}.key")
        _openssl("req", *_NEW_KEY, "-keyout", made.key, "-subj", f"/CN={name}", "-out", request)
        _openssl(
            *("ca", "-batch", "-notext", "-config", settings, "-extensions", "server"),
            *("-cert", self.certificate, "-keyfile", self.key, "-in", request, "-out", made.certificate),
            *("-startdate", begin, "-enddate", end, "-rand_serial"),
        )
        return made

    def expired(self) -> Issued:
        """Issue a certificate that has been out of date for years."""
        return self.issue("expired", end="20200201000000Z")

    def client(self) -> ssl.SSLContext:
        """Return the settings of a client that trusts this authority alone."""
        return ssl.create_default_context(cafile=str(self.certificate))


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def make_authority(directory: Path, name: str = "Lab CA") -> Authority:
    """Make an authority in an existing directory."""
    made = Authority(directory, directory / "ca.crt", directory / "ca.key")
    (directory / "index").touch()
    _openssl(
        "req", "-x509", *_NEW_KEY, "-days", 3650, "-subj", f"/CN={name}", "-keyout", made.key, "-out", made.certificate
    )
    return made


def _openssl(*words: object) -> None:
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr

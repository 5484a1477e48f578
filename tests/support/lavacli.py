"""The stock lavacli, as its user runs it: in a process and an environment of its own, with an identity file."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from attrs import frozen
from forking import forking
from lab import Lab

#: the releases that are tried
VERSIONS = ("3.1.0", "1.2")
_CLIENTS = Path(__file__).resolve().parents[2] / "build/clients"


@frozen
class Lavacli:
    """One release, and the directory that has its identities."""

    version: str
    home: Path

    @classmethod
    def of(cls, version: str, lab: Lab, home: Path, **more: object) -> "Lavacli":
        """A client with the identities `default` (admin), `nobody` (no credentials) and `wrong` (a token of nobody)."""
        uri = f"{lab.url}/RPC2"
        identities = {
            "default": {"uri": uri, "username": "admin", "token": lab.token, **more},
            "nobody": {"uri": uri},
            "wrong": {"uri": uri, "username": "admin", "token": "not-a-token-of-anybody"},
        }
        home.mkdir(parents=True, exist_ok=True)
        (home / "lavacli.yaml").write_text(yaml.safe_dump(identities))
        return cls(version, home)

    @property
    def _place(self) -> Path:
        return _CLIENTS / f"lavacli=={self.version}/bin"

    def _environ(self) -> dict[str, str]:
        return {**os.environ, "XDG_CONFIG_HOME": str(self.home), "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}

    def popen(self, *words: str, **more: Any) -> "subprocess.Popen[str]":
        """Start it with these words."""
        return subprocess.Popen(
            [str(self._place / "lavacli"), *words],
            env=self._environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **more,
        )

    def run(self, *words: str, status: int | None = 0, seconds: float = 60) -> "subprocess.CompletedProcess[str]":
        """Run it with these words to its end, which is to have this exit status (None: any)."""
        # what its script does; its imports alone take a third of a second
        lavacli = forking(str(self._place / "python"), "lavacli", "main")
        done = lavacli.run([str(self._place / "lavacli"), *words], self._environ(), seconds)
        assert status is None or done.returncode == status, done
        return done

    def text(self, *words: str) -> str:
        """Return what it prints."""
        return self.run(*words).stdout

    def json(self, *words: str) -> Any:
        """Return what it prints as JSON, which is what it prints as YAML."""
        return json.loads(self.text(*words, "--json"))

    def lines(self, *words: str) -> list[str]:
        """Return the lines that it prints."""
        return self.text(*words).splitlines()


def definition(steps: Sequence[str], name: str = "smoke") -> dict[str, Any]:
    """An entry of a test action: an inline definition with these steps."""
    metadata = {"format": "Lava-Test Test Definition 1.0", "name": name, "description": "as its name says"}
    repository = {"metadata": metadata, "run": {"steps": list(steps)}}
    return {"from": "inline", "name": name, "path": f"inline/{name}.yaml", "repository": repository}


def job(*definitions: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A job for any device of type `bench` with these definitions."""
    test = {"timeout": {"minutes": 2}, "definitions": list(definitions)}
    return {
        "job_name": "smoke",
        "device_type": "bench",
        "visibility": "public",
        "priority": "medium",
        "timeouts": {"job": {"minutes": 5}},
        "actions": [{"test": test}],
        **fields,
    }

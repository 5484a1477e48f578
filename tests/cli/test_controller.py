"""The command on a lab controller: it finds the data by the settings in /etc, as root and without any environment."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import free_port, reachable_directory, tackroom

#: /etc is a copy that only these processes see; whom the units run as is in it where that can be
MACHINE = """
place=$1; shift; umask 027
mount -t tmpfs -o mode=755 tmpfs "$place/etc" || exit 125
cp -a /etc/. "$place/etc/" 2> /dev/null
mount --bind "$place/etc" /etc || exit 125
mkdir -p /etc/tackroom && cp "$place/tackroom.toml" /etc/tackroom/tackroom.toml || exit 125
mkdir -p /etc/systemd/system && touch /etc/systemd/system/tackroom-web.service || exit 125
[ "$OWNER" = 0 ] || { echo tackroom:x:$OWNER:$OWNER::/:/bin/false >> /etc/passwd; } || exit 125
exec "$@"
"""
#: its number: nobody has it
OWNER = 64997 if os.geteuid() == 0 else 0


class Controller:
    """A machine with settings in /etc/tackroom, whose Tackroom does not run."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.data = place / "data"
        self.url = f"http://127.0.0.1:{free_port()}/"
        (place / "etc").mkdir()
        (place / "elsewhere").mkdir()
        (place / "tackroom.toml").write_text(f'data = "{self.data}"\nfront = "none"\nbase_url = "{self.url}"\n')
        self.own = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]

    def run(self, *words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        """Run `tackroom` there, as an operator types it."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TACKROOM_")}
        done = subprocess.run(
            [*self.own, "sh", "-c", MACHINE, "sh", str(self.place), *tackroom(), *words],
            env={**clean, "XDG_CONFIG_HOME": str(self.place / "elsewhere"), "OWNER": str(OWNER), **environ},
            cwd=self.place / "elsewhere",
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if done.returncode == 125:
            pytest.skip(f"no namespaces here: {done.stderr}")
        assert "Traceback" not in done.stderr, done
        return done


@pytest.fixture(scope="module")
def controller() -> Iterator[Controller]:
    """A lab controller that was provisioned, and has never begun."""
    place = reachable_directory()
    made = Controller(place)
    if subprocess.run([*made.own, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no namespaces here")
    assert made.run("initialise", TACKROOM_CONFIG="/etc/tackroom/tackroom.toml").returncode == 0
    (made.data / "run" / "url").write_text(made.url + "\n")
    for path in (made.data, *made.data.rglob("*")):
        os.chown(path, OWNER or -1, OWNER or -1)
    yield made
    shutil.rmtree(place)


def test_settings_and_server_are_found(controller: Controller) -> None:
    """Each setting has its origin; URL and token are those of the data, though it is of another user than root."""
    shown = json.loads(controller.run("config", "show", "--json").stdout)
    assert shown["settings"]["data"] == {"value": str(controller.data), "origin": "/etc/tackroom/tackroom.toml"}
    command = shown["command"]
    assert (command["url"]["value"], command["url"]["origin"]) == (
        controller.url,
        str(controller.data / "run" / "url"),
    )
    assert command["token"]["origin"] == str(controller.data / "admin.token")
    there = controller.run("config", "show", "data", TACKROOM_DATA=str(controller.place / "other"))
    assert there.stdout == f"{controller.place / 'other'}\n"


@pytest.mark.parametrize("kind", ["link", "pipe", "of another user"])
def test_no_file_is_read_for_a_token_that_the_owner_of_the_data_could_not_read(
    controller: Controller, kind: str
) -> None:
    """They say where the token is sent; root, who reads anything, sends nothing else of this machine there."""
    token, secret = controller.data / "admin.token", controller.place / "secret"
    secret.write_text("root-s-own-secret\n")
    secret.chmod(0o600)
    aside = token.rename(controller.data / "aside")
    if kind == "link":
        token.symlink_to(secret)
    elif kind == "pipe":
        os.mkfifo(token)
    elif OWNER:
        os.link(secret, token)
    try:
        command = json.loads(controller.run("config", "show", "--json").stdout)["command"]
        assert command["token"]["value"] is None
    finally:
        token.unlink(missing_ok=True)
        aside.rename(token)
    assert json.loads(controller.run("config", "show", "--json").stdout)["command"]["token"]["value"]


def test_a_directory_that_somebody_put_here_does_not_say_where_a_token_goes(controller: Controller) -> None:
    """Neither by a file of theirs, nor by a link to one of root's; what is in /etc holds then."""
    here = controller.place / "elsewhere" / "var"
    (here / "run").mkdir(parents=True)
    (here / "admin.token").write_text("theirs\n")
    roots = controller.place / "roots"
    roots.write_text("http://127.0.0.1:9/\n")
    (here / "run" / "url").symlink_to(roots)
    try:
        command = json.loads(controller.run("config", "show", "--json").stdout)["command"]
        assert command["url"]["value"] == controller.url
        assert command["token"]["origin"] == str(controller.data / "admin.token")
    finally:
        shutil.rmtree(here)


def test_a_backup_comes_back(controller: Controller) -> None:
    """`backup`, `index` and `restore` work on that data, and it is again of whom the units run as."""
    assert "finished" in controller.run("index", "status").stdout
    before = controller.data.stat()
    backup = controller.place / "backup"
    assert controller.run("backup", str(backup)).returncode == 0
    aside = controller.data.rename(controller.place / "aside")
    done = controller.run("restore", str(backup))
    assert done.returncode == 0, done
    assert done.stdout.startswith(f"{controller.data}: restored ")
    owners = {path.stat().st_uid for path in (controller.data, *controller.data.rglob("*"))}
    assert owners == {before.st_uid}
    # the socket is made in it before any process of Tackroom's own
    assert (controller.data / "run").is_dir()
    shutil.rmtree(controller.data)
    aside.rename(controller.data)


def test_the_doctor_knows_the_machine(controller: Controller) -> None:
    """It looks at this data; that no server answers is all there is, and its mend is to start the units.

    systemd does not run here: what it says of the units is looked at on booted machines.
    """
    found = json.loads(controller.run("doctor", "--json").stdout)
    [server] = (one for one in found if one["check"] == "server")
    assert "start one with 'systemctl start tackroom.target'" in server["mend"]
    assert "tackroom serve" not in json.dumps(found)
    assert any(str(controller.data) in one["what"] for one in found if one["check"] == "database")
    assert {one["check"] for one in found if not one["ok"]} <= {"server", "base_url", "indexer", "publisher", "timer"}

"""Systems that meet as the how-to says, through a whole Tackroom: its script, and the commands for restraint."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from attrs import frozen
from lab import Lab, running_lab
from pages import ROOT
from waiting import until

SET = "rstrnt-sync-set"
BLOCK = "rstrnt-sync-block"

#: what the commands exit with
THERE, LATE, WRONG_USE, DEAD, REFUSED = 0, 1, 2, 3, 4


@frozen
class Host:
    """A system that runs a recipe, with what restraint would have told its task."""

    lab: Lab
    name: str
    recipe: int
    key: str
    #: restraint's configuration file
    config: Path

    def start(self, command: str, *words: str, **environ: str) -> "subprocess.Popen[str]":
        """Start one of the commands as a task of the first place would."""
        return subprocess.Popen(
            [str(ROOT / "docs" / "examples" / command), *words],
            env={"PATH": os.environ["PATH"], "RESTRAINT_CONFIG": str(self.config), "RSTRNT_TASKORDER": "2", **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, command: str, *words: str, **environ: str) -> tuple[int, str]:
        """Run one to its end; return its exit status and all that it said."""
        return ended(self.start(command, *words, **environ))

    def waits(self, state: str) -> bool:
        """Whether the recipe waits for a state."""
        states = self.lab.call("GET", f"/recipes/{self.recipe}/sync/", key=self.key).json["states"]
        return any(
            one["waiting"]
            for entry in states
            if entry["state"] == state
            for one in entry["recipes"]
            if one["recipe"] == self.recipe
        )

    def abort(self) -> None:
        """End the recipe, as its harness."""
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        path = f"/recipes/{self.recipe}/status"
        assert self.lab.call("POST", path, b"status=Aborted", form, key=self.key).status == 204


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    """Wait for a command's end; return its exit status and all that it said."""
    with process:
        try:
            out, err = process.communicate(timeout=40)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return process.returncode, out + err


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """One Tackroom for all of these: each has systems of its own."""
    with running_lab("apache") as made:
        yield made


@pytest.fixture
def hosts(lab: Lab, tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[int], list[Host]]:
    """Make the recipes of one set, private, each running on its system."""

    def make(count: int) -> list[Host]:
        names = [f"{request.node.name.replace('_', '-')}-{number}" for number in range(count)]
        for name in names:
            lab.post("/systems/", {"name": name})
        tasks = [{"name": "meet"}]
        recipes = [{"system": name, "tasks": tasks} for name in names]
        job = lab.post("/jobs/", {"visibility": "private", "recipe_sets": [{"recipes": recipes}]})
        made = []
        for name, recipe in zip(names, job["recipe_sets"][0]["recipes"], strict=True):
            key = lab.post(f"/recipes/{recipe['id']}/key", {})["key"]
            config = tmp_path / f"{name}.conf"
            parts = urlsplit(lab.url)
            address = f"{parts.scheme}://{recipe['id']}:{key}@{parts.netloc}/recipes/{recipe['id']}/"
            config.write_text(f"[restraint]\nrecipe_url={address}\n")
            made.append(Host(lab, name, recipe["id"], key, config))
        return made

    return make


def test_meet(hosts: Callable[[int], list[Host]]) -> None:
    """A host that blocks goes on when the other has set the state, at once when all of the set have."""
    server, client = hosts(2)
    blocked = client.start(BLOCK, "-s", "READY", server.name)
    until(lambda: client.waits("2_READY"), "the client to wait")
    assert blocked.poll() is None
    assert client.run(SET, "-s", "READY") == (THERE, f"{SET}: 2_READY is set\n")
    assert server.run(SET, "-s", "READY") == (THERE, f"{SET}: 2_READY is set\n")
    status, said = ended(blocked)
    assert (status, said.splitlines()[-1]) == (THERE, f"{BLOCK}: {server.name} has reached 2_READY")


def test_both_ways(hosts: Callable[[int], list[Host]]) -> None:
    """Two hosts that set and block for each other at the same time both go on."""
    pair = hosts(2)
    names = [host.name for host in pair]
    for host in pair:
        assert host.run(SET, "--state=DONE")[0] == THERE
    running = [host.start(BLOCK, "--state", "DONE", "--retry", "30", *names) for host in pair]
    assert [ended(process)[0] for process in running] == [THERE, THERE]


def test_only_the_named(hosts: Callable[[int], list[Host]]) -> None:
    """Who is not named is not waited for, alive or dead."""
    server, client, idle, dead = hosts(4)
    dead.abort()
    blocked = client.start(BLOCK, "-s", "READY", server.name)
    assert server.run(SET, "-s", "READY")[0] == THERE
    assert ended(blocked)[0] == THERE
    assert not idle.waits("2_READY")


def test_any(hosts: Callable[[int], list[Host]]) -> None:
    """With --any one of the hosts is enough, also when another has ended."""
    first, second, client = hosts(3)
    first.abort()
    blocked = client.start(BLOCK, "-s", "READY", "--any", first.name, second.name)
    second.run(SET, "-s", "READY")
    status, said = ended(blocked)
    assert (status, said.splitlines()[-1]) == (THERE, f"{BLOCK}: {second.name} has reached 2_READY")


def test_any_state(hosts: Callable[[int], list[Host]]) -> None:
    """Of several states each host needs one; the answer says which."""
    first, second, client = hosts(3)
    first.run(SET, "-s", "GOOD")
    second.run(SET, "-s", "BAD")
    status, said = client.run(BLOCK, "-s", "GOOD", "-s", "BAD", first.name, second.name)
    last = f"{BLOCK}: {first.name} has reached 2_GOOD, {second.name} has reached 2_BAD"
    assert (status, said.splitlines()[-1]) == (THERE, last)


def test_order(hosts: Callable[[int], list[Host]]) -> None:
    """The task's place is part of the state: TASKORDER before RSTRNT_TASKORDER, -t before both."""
    server, client = hosts(2)
    assert server.run(SET, "-s", "A", TASKORDER="7")[1] == f"{SET}: 7_A is set\n"
    assert server.run(SET, "-s", "A", "-t", "9", TASKORDER="7")[1] == f"{SET}: 9_A is set\n"
    assert client.run(BLOCK, "-s", "A", "--timeout", "0", server.name)[0] == LATE
    assert client.run(BLOCK, "-s", "A", "-t", "9", server.name)[0] == THERE


def test_recipe_links(hosts: Callable[[int], list[Host]], tmp_path: Path) -> None:
    """Under the names of restraint's links for whole recipes the task's place is not part of the state."""
    (host,) = hosts(1)
    names = ("rhts-recipe-sync-set", "rhts-recipe-sync-block")
    for name, command in zip(names, (SET, BLOCK), strict=True):
        (tmp_path / name).symlink_to(ROOT / "docs" / "examples" / command)
    assert host.run(str(tmp_path / names[0]), "-s", "A") == (THERE, f"{names[0]}: _A is set\n")
    assert host.run(str(tmp_path / names[1]), "-s", "A", host.name)[0] == THERE


def test_timeout(hosts: Callable[[int], list[Host]]) -> None:
    """A time limit ends the wait, and says who was not there."""
    server, client = hosts(2)
    status, said = client.run(BLOCK, "-s", "READY", "--timeout", "1", server.name)
    assert (status, said.splitlines()[-1]) == (LATE, f"{BLOCK}: not in time: {server.name}")


def test_dead(hosts: Callable[[int], list[Host]]) -> None:
    """A host that ends without getting there ends the wait."""
    server, client = hosts(2)
    blocked = client.start(BLOCK, "-s", "READY", server.name)
    until(lambda: client.waits("2_READY"), "the client to wait")
    server.abort()
    status, said = ended(blocked)
    assert (status, said.splitlines()[-1]) == (DEAD, f"{BLOCK}: ended without getting there: {server.name}")


def test_dead_after_arriving(hosts: Callable[[int], list[Host]]) -> None:
    """A host that got there and ended then counts as there."""
    server, client = hosts(2)
    server.run(SET, "-s", "READY")
    server.abort()
    assert client.run(BLOCK, "-s", "READY", server.name)[0] == THERE


def test_awkward_names(hosts: Callable[[int], list[Host]]) -> None:
    """A state is any word, also one that a URL cannot hold as it is, or that sounds like our messages."""
    server, client = hosts(2)
    for state in ("a?b&c=d#e", "100%", "größe", "*", f"without-reaching-recipe-{server.recipe}"):
        assert server.run(SET, "-s", state)[0] == THERE
        assert client.run(BLOCK, "-s", state, server.name)[0] == THERE
    there = server.lab.call("GET", f"/recipes/{server.recipe}/sync/{quote('2_größe')}?timeout=0", key=server.key)
    assert list(there.json["said"]) == [str(server.recipe)]


def test_stranger(hosts: Callable[[int], list[Host]]) -> None:
    """A name that no system of the set has is a mistake, not something to wait for."""
    _, client = hosts(2)
    status, said = client.run(BLOCK, "-s", "READY", "elsewhere")
    assert (status, said.splitlines()[-1]) == (WRONG_USE, f"{BLOCK}: not in this recipe set: elsewhere")


def test_refused(hosts: Callable[[int], list[Host]]) -> None:
    """A recipe that has ended says nothing and waits for nobody."""
    server, client = hosts(2)
    client.abort()
    assert client.run(SET, "-s", "READY")[0] == REFUSED
    assert client.run(BLOCK, "-s", "READY", server.name)[0] == REFUSED


def test_environment(hosts: Callable[[int], list[Host]], tmp_path: Path) -> None:
    """Without restraint's file the environment says where to call."""
    (host,) = hosts(1)
    base = host.config.read_text().split("recipe_url=")[1].split("recipes/")[0]
    told = {"RESTRAINT_CONFIG": str(tmp_path / "none"), "BEAKER_LAB_CONTROLLER_URL": base}
    assert host.run(SET, "-s", "A", **told, BEAKER_RECIPE_ID=str(host.recipe))[0] == THERE
    assert host.run(BLOCK, "-s", "A", host.name, **told, RSTRNT_RECIPEID=str(host.recipe))[0] == THERE
    assert host.run(SET, "-s", "A", RESTRAINT_CONFIG=str(tmp_path / "none"))[0] == WRONG_USE


@pytest.mark.parametrize(
    "words",
    [
        (SET,),
        (SET, "-s"),
        (SET, "READY"),
        (BLOCK, "-s", "READY"),
        (BLOCK, "host"),
        (BLOCK, "-s", "A", "--what", "host"),
    ],
    ids=" ".join,
)
def test_wrong_use(words: tuple[str, ...]) -> None:
    """A wrong call says how it is used."""
    path, *rest = words
    done = subprocess.run([str(ROOT / "docs" / "examples" / path), *rest], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.split(":")[0]) == (WRONG_USE, "usage")


def test_how_to(hosts: Callable[[int], list[Host]], tmp_path: Path) -> None:
    """The how-to's script waits for a role, prints what was said, and gives up when a peer has ended."""
    page = (ROOT / "docs" / "howto" / "sync-recipes.md").read_text(encoding="utf-8")
    (script,) = (block for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) if "wait-for.sh" in block)
    server, client = hosts(2)

    def start(query: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            ["/bin/sh", "-c", script, "wait-for.sh", query],
            env={
                "PATH": os.environ["PATH"],
                "KEY": client.key,
                "URL": f"{client.lab.url}/recipes/{client.recipe}",
            },
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    waiting = start("READY?any=1&timeout=1")
    until(lambda: client.waits("READY"), "the client to wait")
    said = server.lab.call("PUT", f"/recipes/{server.recipe}/sync/READY", b'{"port": 5201}', key=server.key)
    assert (said.status, said.json) == (201, {"recipe": server.recipe, "state": "READY"})
    assert ended(waiting) == (0, f"{{'{server.recipe}': {{'port': 5201}}}}\n")
    waiting = start("DONE?role=RECIPE_MEMBERS&timeout=60")
    until(lambda: client.waits("DONE"), "the client to wait")
    server.abort()
    status, words = ended(waiting)
    assert (status, '"sync.dead-peer"' in words) == (1, True)


def test_controller_away(tmp_path: Path) -> None:
    """While nobody answers it tries again, until the time limit; the key stays out of what it says."""
    config = tmp_path / "config.conf"
    config.write_text("[restraint]\nrecipe_url=http://17:secret@127.0.0.1:1/recipes/17/\n")
    done = subprocess.run(
        [str(ROOT / "docs" / "examples" / BLOCK), "-s", "A", "--timeout", "2", "--retry", "1", "host"],
        env={"PATH": os.environ["PATH"], "RESTRAINT_CONFIG": str(config)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    said = done.stdout + done.stderr
    assert (done.returncode, said.splitlines()[-1]) == (LATE, f"{BLOCK}: not in time: (nobody answers)")
    assert "status 000; again in 1 s" in said
    assert "secret" not in said

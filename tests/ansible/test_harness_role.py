"""The role `harness`: what a play makes of bare machines, and a recipe whose machine goes down in the middle of it.

`bench` runs our harness; `stock` is told of a recipe, for a harness such as restraint. The lab controller is a Tackroom
on this machine; in the inventory it is `stock` again, where its program is installed.
"""

import contextlib
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field
from certificates import Authority, make_authority
from lab import Lab, running_lab
from nspawn import Machine, machines
from pages import ROOT
from plays import ANSIBLE, Operator, Play
from tlsfront import tls_front
from waiting import until

pytestmark = pytest.mark.timeout(900)

#: packages that are for tests and checks alone
NOT_NEEDED = ("__editable__*", "__pycache__", "ansible*", "mypy*", "sphinx*", "hypothesis*", "schemathesis*")
ENVIRONMENT = "/etc/profile.d/beaker-harness-env"
PROGRAM = "/usr/local/lib/tackroom/tackroom-harness.pyz"
#: seconds in which a machine starts again, and its harness goes on
AGAIN = 120.0

#: how a harness looks for its recipe at each start (protocols/harness-beaker.md 2.1), without a kernel command line
LOOK_FOR_RECIPE = f"""
set -eu
config=/etc/restraint/config.conf
if [ ! -e $config ] && [ -e {ENVIRONMENT}.sh ]; then
    . {ENVIRONMENT}.sh
    mkdir -p /etc/restraint
    printf '[restraint]\\nrecipe_url=%s/recipes/%s/\\n' "$BEAKER_LAB_CONTROLLER_URL" "$BEAKER_RECIPE_ID" > $config
fi
sed -n 's/^recipe_url=//p' $config
"""
#: fetches a URL as restraint does: user and password in it, sent as Basic
FETCH = """
import base64, sys, urllib.parse, urllib.request
url = urllib.parse.urlsplit(sys.argv[1])
path = url.path.replace("//", "/")
request = urllib.request.Request(f"{url.scheme}://{url.hostname}:{url.port}{path}watchdog")
who = base64.b64encode(f"{url.username}:{url.password}".encode()).decode()
request.add_header("Authorization", f"Basic {who}")
request.data = b"seconds=3600"
print(urllib.request.urlopen(request, timeout=10).status)
"""
#: a task that notes each of its starts in its output, and brings its machine down the first time
DOWN_ONCE = """
echo "start $RSTRNT_REBOOTCOUNT"
if [ "$RSTRNT_REBOOTCOUNT" = 0 ]; then
    seq -f 'before %.0f' 20000
    tackroom-report Pass before
    touch /var/tmp/down
    {down}
    sleep infinity
fi
seq -f 'after %.0f' 20000
tackroom-report Pass after
"""
#: what is said wrongly, and words of the sentence that answers
WRONG: list[tuple[dict[str, object], str]] = [
    ({"harness_service": "perhaps"}, "it is true or false"),
    ({"harness_recipe": "next"}, "a recipe's number, such as 42"),
    ({"harness_url": ["http://lab.example/"]}, "harness_url is to be text"),
    ({"harness_recipe": -1}, "numbered from 1 on"),
    ({"harness_controller": "elsewhere"}, "elsewhere, which is not in the inventory"),
    ({"harness_url": "lab.example"}, "with http or https in front"),
    ({"harness_url": "http://7:secret@lab.example/"}, "http://...@lab.example/: it is to look like"),
    ({"harness_service": True, "harness_controller": ""}, "Where is the lab controller?"),
    (
        {"harness_service": True, "harness_controller": "", "harness_url": "http://lab.example/"},
        "Where does the harness come from?",
    ),
    ({"harness_system": "two words"}, "a system's name has letters"),
    ({"harness_service": True, "harness_recipe": 7}, "both would run the same one"),
    ({"harness_recipe_key": "abc"}, "say harness_recipe, too"),
    ({"harness_key": "it's this"}, "copy it again"),
    ({"harness_ca": "/nowhere/ca.crt"}, "harness_ca is /nowhere/ca.crt, and there is no such file"),
    ({"harness_package": "/nowhere/x.pyz"}, "harness_package is /nowhere/x.pyz, and there is no such file"),
    ({"harness_ca": "/etc/hostname"}, "a certificate in PEM form"),
]


@define
class Bed:
    """A lab controller, two machines, and who runs plays on them."""

    lab: Lab
    bench: Machine
    stock: Machine
    operator: Operator
    #: where the machines reach the lab, over TLS
    url: str
    authority: Authority
    #: where tests keep files for the control node
    directory: Path
    plays: dict[str, Play] = field(factory=dict)
    #: whether the key of the first play was still there after the others
    kept: bool = False

    def play(self, machine: str, *flags: str, check: bool = True, **variables: object) -> Play:
        """Run the play for one of the machines."""
        return self.operator.play(variables, "--limit", machine, *flags, check=check)

    def service(self, what: str) -> str:
        """Return a property of the harness's unit."""
        return self.bench.run(f"systemctl show lab-harness --property={what} --value").stdout.strip()

    def submit(self, script: str) -> Any:
        """Submit a recipe of two tasks for `bench`, the first with this script, and return the job."""
        tasks = [{"name": "down", "script": script}, {"name": "more", "command": ["echo", "the next task"]}]
        return self.lab.post("/jobs/", {"recipe_sets": [{"recipes": [{"system": "bench", "tasks": tasks}]}]})

    def results(self, job: int) -> list[tuple[str, str]]:
        """Return path and result of a job's results, in order."""
        found = self.lab.call("GET", f"/jobs/{job}/results").json["results"]
        return [(one["path"], one["result"]) for one in sorted(found, key=lambda one: one["id"])]

    def output(self, recipe: Any, task: int = 0) -> list[str]:
        """Return the lines that a task has written, none when there is no log yet."""
        log = f"/recipes/{recipe['id']}/tasks/{recipe['tasks'][task]['id']}/logs/taskout.log"
        answer = self.lab.call("GET", log)
        return answer.body.decode().splitlines() if answer.status == 200 else []


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    """A lab with two machines: what is refused was tried on the bare ones, and then our harness was put on `bench`."""
    with contextlib.ExitStack() as stack:
        lab = stack.enter_context(running_lab("none"))
        directory = lab.data.parent / "operator"
        directory.mkdir()
        authority = make_authority(directory)
        front = stack.enter_context(tls_front(lab.port, authority.issue("lab")))
        made = stack.enter_context(machines(ROOT / "build/machines", ["bench", "stock"]))
        stock = made["stock"]
        install_controller(stock.tree, lab, front.url, authority)
        inventory = directory / "hosts"
        controller = stock.inventory.replace("stock ", "controller ", 1)
        groups = {"lab_controllers": [controller], "test_systems": [made["bench"].inventory, stock.inventory]}
        inventory.write_text("".join("\n".join([f"[{name}]", *lines, ""]) for name, lines in groups.items()))
        bed = Bed(lab, made["bench"], stock, Operator(inventory), front.url, authority, directory)
        book = directory / "wrong.yml"
        book.write_text(json.dumps(refusals()))
        bed.plays["wrong"] = bed.operator.play({}, "--limit", "stock", book=book)
        bed.plays["bare"] = bed.play("bench", "--check", "--diff", harness_service=True)
        bed.plays["first"] = bed.play("bench", harness_service=True)
        key = bed.bench.run("cat /etc/tackroom-harness/key").stdout
        # at once: a test that comes before the one about it may put another harness in the place of this one
        bed.plays["second"] = bed.play("bench", harness_service=True)
        bed.plays["third"] = bed.play("bench", "--check", "--diff", harness_service=True)
        bed.kept = key == bed.bench.run("cat /etc/tackroom-harness/key").stdout
        yield bed


def install_controller(tree: Path, lab: Lab, url: str, authority: Authority) -> None:
    """Put what the role uses of a lab controller into a tree: the program, and how it finds the lab."""
    release = tree / "opt/tackroom/releases/this"
    subprocess.run(
        ["chroot", str(tree), "python3", "-m", "venv", "--without-pip", "/opt/tackroom/releases/this"], check=True
    )
    (tree / "opt/tackroom/current").symlink_to("releases/this")
    (packages,) = release.glob("lib/python*/site-packages")
    assert packages.parent.name == f"python3.{sys.version_info.minor}", "not the Python of Debian 12"
    ours = Path(pytest.__file__).parents[1]
    shutil.copytree(ours, packages, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*NOT_NEEDED))
    shutil.copytree(ROOT / "wsgi_app", packages / "wsgi_app", dirs_exist_ok=True)
    command = tree / "usr/local/bin/tackroom"
    command.write_text('#!/bin/sh\nexec /opt/tackroom/current/bin/python -I -m wsgi_app.cli "$@"\n')
    command.chmod(0o755)
    (tree / "etc/tackroom/ca").mkdir(parents=True)
    shutil.copy(authority.certificate, tree / "etc/tackroom/ca/ca.crt")
    (tree / "etc/tackroom/tackroom.toml").write_text(f'data = "/var/lib/tackroom"\nbase_url = "{url}"\n')
    run = tree / "var/lib/tackroom/run"
    run.mkdir(parents=True)
    (run / "url").write_text(f"{lab.url}/")
    (run.parent / "admin.token").write_text(lab.token)


def refusals() -> list[dict[str, Any]]:
    """Return a playbook that asks for everything in `WRONG`, and goes on when it is refused."""
    tasks = [
        {
            "name": f"wrong {number}",
            "block": [
                {
                    "ansible.builtin.include_role": {"name": str(ANSIBLE / "roles/harness"), "tasks_from": part},
                    "vars": variables,
                }
                for part in ("arguments", "main")
            ],
            "rescue": [{"ansible.builtin.debug": {"msg": f"refused {number}"}}],
        }
        for number, (variables, _) in enumerate(WRONG)
    ]
    return [{"name": "Everything wrong", "hosts": "test_systems", "gather_facts": False, "tasks": tasks}]


def test_wrong_values(bed: Bed) -> None:
    """What makes no sense is refused with a sentence that helps, and nothing was changed by then."""
    play = bed.plays["wrong"]
    assert play.changed == 0, play.changes
    for number, (variables, words) in enumerate(WRONG):
        before, refused, _ = play.output.partition(f'"msg": "refused {number}"')
        assert refused, (variables, play.output)
        said = before.rpartition('"msg": "refused')[2]
        assert words in said, (variables, said)


def test_bare(bed: Bed) -> None:
    """On a bare machine check mode foretells the changes, and makes none."""
    assert bed.plays["bare"].changed > 0
    assert not any("Make the key]" in line for line in bed.plays["bare"].changes)


def test_again(bed: Bed) -> None:
    """The second play changes nothing, nor would a third; the key that the first got is not made anew."""
    plays = bed.plays
    assert plays["second"].changed == 0, plays["second"].changes
    assert (plays["third"].changed, plays["third"].changes) == (0, [])
    assert bed.kept
    print(", ".join(f"{name} play {plays[name].took:.0f} s" for name in ("first", "second", "third")))


def test_files(bed: Bed) -> None:
    """The key is for root's eyes alone and in no output; systemd finds nothing wrong with the unit."""
    modes = bed.bench.run("stat -c '%a %U %n' /etc/tackroom-harness /etc/tackroom-harness/key").stdout
    assert modes == "700 root /etc/tackroom-harness\n600 root /etc/tackroom-harness/key\n"
    key = bed.bench.run("cat /etc/tackroom-harness/key").stdout.strip()
    assert key and all(key not in play.output for play in bed.plays.values())
    verified = bed.bench.run("systemd-analyze verify /etc/systemd/system/lab-harness.service")
    assert (verified.stdout, verified.stderr) == ("", "")
    assert bed.bench.run("systemctl is-enabled lab-harness").stdout == "enabled\n"


def test_upgrade(bed: Bed) -> None:
    """Another harness is started in the place of the first, and the task that runs goes on in it."""
    lab = bed.lab
    job = lab.job({"name": "long", "script": "echo $$; until [ -e /var/tmp/over ]; do sleep 0.1; done"}, system="bench")
    recipe = job["recipe_sets"][0]["recipes"][0]
    (pid,) = until(lambda: bed.output(recipe), "the task to begin")
    harness = bed.service("MainPID")
    package = bed.directory / "newer.pyz"
    subprocess.run([sys.executable, "-P", "-m", "wsgi_app.harnesses.local.build", str(package)], check=True)
    with zipfile.ZipFile(package, "a") as archive:
        archive.writestr("NEWS", "the next version\n")
    upgrade = bed.play("bench", harness_service=True, harness_package=str(package))
    assert upgrade.changed == 2, upgrade.changes
    assert bed.service("MainPID") != harness
    bed.bench.run(f"kill -0 {pid} && touch /var/tmp/over")
    assert lab.settled(job["id"])["verdict"] == "pass"
    assert bed.output(recipe) == [pid]
    log = lab.call("GET", f"/recipes/{recipe['id']}/tasks/{recipe['tasks'][0]['id']}/logs/harness.log").body.decode()
    assert "the harness was restarted and goes on with the task" in log


@pytest.mark.parametrize("how", ["reboot", "power"])
def test_down(bed: Bed, how: str) -> None:
    """A recipe goes on when its machine was down: rebooted by a task, or without power in the middle of one."""
    # it may say that it lost its connection: systemd goes down, too
    down = {"reboot": "systemctl reboot 2>/dev/null", "power": ":"}[how]
    bed.bench.run("rm -f /var/tmp/down")
    boot = bed.bench.run("cat /proc/sys/kernel/random/boot_id").stdout
    job = bed.submit(DOWN_ONCE.format(down=down))
    recipe = job["recipe_sets"][0]["recipes"][0]
    if how == "power":
        until((bed.bench.tree / "var/tmp/down").exists, "the task to be in the middle", 60)
        bed.bench.kill()
        bed.bench.boot()
    done = bed.lab.settled(job["id"], AGAIN)
    bed.bench.wait_until_up()
    assert bed.bench.run("cat /proc/sys/kernel/random/boot_id").stdout != boot
    assert done["verdict"] == "pass", done
    assert [task["status"] for task in done["recipe_sets"][0]["recipes"][0]["tasks"]] == ["Completed", "Completed"]
    assert bed.results(job["id"]) == [("before", "Pass"), ("after", "Pass"), ("exit_code", "Pass")]
    lines = ["start 0", *(f"before {n}" for n in range(1, 20001)), "start 1", *(f"after {n}" for n in range(1, 20001))]
    assert bed.output(recipe) == lines
    assert bed.output(recipe, 1) == ["the next task"]
    log = bed.lab.call("GET", f"/recipes/{recipe['id']}/tasks/{recipe['tasks'][0]['id']}/logs/harness.log").body
    assert log.decode().count("the system was rebooted") == 1


def test_wrong_key(bed: Bed) -> None:
    """A key that is not taken fails the play, with what the harness says; the right one mends it."""
    right = bed.bench.run("cat /etc/tackroom-harness/key").stdout.strip()
    wrong = bed.play("bench", harness_service=True, harness_key="A" * 43, check=False)
    assert wrong.status != 0
    assert "does not get work from" in wrong.output
    assert "no recipe: " in wrong.output
    assert bed.play("bench", harness_service=True, harness_key=right).changed > 0


def test_stock(bed: Bed) -> None:
    """A stock harness finds its recipe and a key that opens it; shells of all kinds do; other users find nothing."""
    job, first = stock_recipe(bed.lab)
    told = bed.play("stock", harness_recipe=first)
    assert told.changed > 0
    again = bed.play("stock", harness_recipe=first)
    assert again.changed == 0, again.changes
    assert bed.play("stock", "--check", "--diff", harness_recipe=first).changes == []
    values = exported(bed, first)
    for shell in ("dash", "bash", "bash -l", "tcsh"):
        assert shell_sees(bed.stock, shell) == values, shell
    assert bed.stock.run("stat -c %a:%U /etc/profile.d/beaker-harness-env.*").stdout == "600:root\n" * 2
    visitor = bed.stock.run("useradd --create-home visitor; su - visitor -c 'env; echo well' 2>&1").stdout
    assert "BEAKER" not in visitor and visitor.endswith("well\n") and "denied" not in visitor
    url = bed.stock.run(LOOK_FOR_RECIPE).stdout.strip()
    assert url == f"{values['BEAKER_LAB_CONTROLLER_URL']}/recipes/{first}/"
    assert bed.stock.run(f"python3 - '{url}'", text=FETCH).stdout == "204\n"
    bed.lab.call("POST", f"/jobs/{job}/cancel")
    bed.lab.settled(job)
    _, second = stock_recipe(bed.lab)
    bed.play("stock", harness_recipe=second)
    assert bed.stock.run(LOOK_FOR_RECIPE).stdout.strip().endswith(f"/recipes/{second}/")


def stock_recipe(lab: Lab) -> tuple[int, int]:
    """Submit a job of one recipe for `stock` and return their numbers."""
    job = lab.job({"name": "/a", "fetch": {"url": "https://git.example/tests.tar.gz"}}, system="stock")
    return job["id"], job["recipe_sets"][0]["recipes"][0]["id"]


def exported(bed: Bed, recipe: int) -> dict[str, str]:
    """Return what the variables are to be; the key is read from the machine."""
    key = bed.stock.run(f"grep -oP '//{recipe}:\\K[\\w-]{{43}}(?=@)' {ENVIRONMENT}.sh").stdout.strip()
    assert key
    return {
        "BEAKER_HUB_URL": bed.url,
        "BEAKER_LAB_CONTROLLER": "localhost",
        "BEAKER_LAB_CONTROLLER_URL": bed.url.replace("//", f"//{recipe}:{key}@"),
        "BEAKER_RECIPE_ID": str(recipe),
    }


def shell_sees(machine: Machine, shell: str) -> dict[str, str]:
    """Return what the environment file gives to the programs that a shell starts."""
    if shell == "tcsh":
        script = f"source {ENVIRONMENT}.csh; env"
        if not (machine.tree / "bin/tcsh").exists():
            machine.run("apt-get -q update && apt-get -q -y install --no-install-recommends tcsh")
    else:
        script = "env" if shell.endswith(" -l") else f". {ENVIRONMENT}.sh; env"
    lines = machine.run(f"env -i {shell} -c '{script}'").stdout.splitlines()
    return dict(line.split("=", 1) for line in sorted(lines) if line.startswith("BEAKER_"))


def test_trust(bed: Bed) -> None:
    """The lab's CA is trusted by what runs on the machine, be it the controller's own or given as a file."""
    ask = f"python3 -c 'import urllib.request; print(urllib.request.urlopen(\"{bed.url}livez\").status)'"
    assert bed.bench.run(ask).stdout == "200\n"
    anchor = "/usr/local/share/ca-certificates/tackroom-harness-ca.crt"
    bed.stock.run(f"rm -f {anchor}; update-ca-certificates --fresh")
    assert "CERTIFICATE_VERIFY_FAILED" in bed.stock.run(ask, check=False).stderr
    given: dict[str, Any] = {
        "harness_controller": "",
        "harness_url": bed.url,
        "harness_ca": str(bed.authority.certificate),
    }
    assert bed.play("stock", **given).changed == 2
    assert bed.stock.run(ask).stdout == "200\n"
    assert bed.play("stock", **given).changed == 0


def test_removed(bed: Bed) -> None:
    """Without `harness_service` the harness goes, its key with it; with it again the system gets a new key."""
    key = bed.bench.run("cat /etc/tackroom-harness/key").stdout
    assert bed.play("bench").changed > 0
    left = bed.bench.run(f"ls {PROGRAM} /etc/tackroom-harness/key; systemctl is-active lab-harness", check=False)
    assert left.stdout == "inactive\n"
    assert bed.play("bench").changed == 0
    bed.play("bench", harness_service=True)
    assert bed.bench.run("cat /etc/tackroom-harness/key").stdout != key

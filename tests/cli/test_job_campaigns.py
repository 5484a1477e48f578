"""`tackroom job ...` with campaigns: descriptors in JSON and YAML, looked at before, followed while they go on."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from lab import Lab, running_lab
from lavajob import FIRST
from waiting import until

from wsgi_app.cli import jobpages
from wsgi_app.cli.advicetext import describe
from wsgi_app.cli.client import Client
from wsgi_app.cli.jobfile import JobFile, read_job
from wsgi_app.cli.main import tackroom
from wsgi_app.documents import mediatypes

YAML = """\
# two runs on one target
JobName: nightly
Tags: [cli]
Runs: {runs}
TestDescriptors:
  - TargetManagerName: TargetList
    TargetManagerAcquireParameters:
      Targets: [{{ID: {system}, FQDN: one.example}}]
    TargetManagerReleaseParameters: {{}}
    TestFetcherName: literal
    TestFetcherFetchParameters:
      TestName: Boot
      Steps:
        - {{name: cmd, label: say, parameters: {{executable: [echo], args: ["{{{{ .FQDN }}}}", no]}}}}
    RetryParameters: {{NumRetries: 1, RetryInterval: 0s}}
Reporting:
  RunReporters:
    - {{Name: TargetSuccess, Parameters: {{SuccessExpression: "=100%"}}}}
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A Tackroom with systems that nobody but the tests claims for."""
    with running_lab("none", TACKROOM_QUIET_SECONDS="0.05") as made:
        for name in ("watched", "shown", "left"):
            made.command("system", "add", name)
        yield made


def descriptor(place: Path, system: str, runs: int = 1) -> Path:
    """A descriptor in a file, as YAML."""
    file = place / "campaign.yml"
    file.write_text(YAML.format(system=system, runs=runs))
    return file


def typed(lab: Lab, *words: str, status: int = 0) -> Any:
    """What `tackroom` says to these words, asked in this process: a new one costs more than all that it does."""
    environment = {"TACKROOM_URL": lab.url, "TACKROOM_TOKEN": lab.token}
    done = CliRunner().invoke(tackroom, words, env=environment, prog_name="tackroom")
    assert done.exit_code == status, (words, done.output, done.exception)
    return done


def act(lab: Lab, system: str, *results: str) -> None:
    """Be the harness of a system: for each result take a recipe, and report that of its one task."""
    for result in results:
        recipe = until(lambda: _claimed(lab, system), f"a recipe for {system}", 30)
        place = f"/recipes/{recipe['id']}/tasks/{recipe['tasks'][0]['id']}"
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        key = recipe["key"]
        assert lab.call("POST", f"{place}/status", b"status=Running", form, key).status == 204
        assert lab.call("POST", f"{place}/results/", f"result={result}".encode(), form, key).status == 201
        assert lab.call("POST", f"{place}/status", b"status=Completed", form, key).status == 204


def _claimed(lab: Lab, system: str) -> Any:
    answer = lab.call("POST", f"/systems/{system}/claim?wait=5")
    return answer.json if answer.status == 200 else None


def test_what_a_job_would_be(lab: Lab, tmp_path: Path) -> None:
    """One line for each kind of document, warnings on standard error, and nothing is stored."""
    before = listed(lab)
    said = typed(lab, "job", "validate", str(descriptor(tmp_path, "shown")))
    assert (said.stdout, said.stderr) == ("Job nightly: 1 test, 1 step\n", "")
    ours = tmp_path / "ours.yaml"
    ours.write_text("name: o\nrecipe_sets: [{recipes: [{system: shown, tasks: [{name: a}, {name: b}]}]}]\n")
    there = "1 recipe for system shown: 1 system fits, 1 healthy, 0 idle; nothing waits before it\n"
    assert typed(lab, "job", "validate", str(ours)).stdout == f"Job o: 1 recipe set, 2 tasks\n{there}"
    xml = tmp_path / "job.xml"
    xml.write_text(
        '<job user="u"><recipeSet><recipe><hostRequires force="shown"/><task name="t"/></recipe></recipeSet></job>'
    )
    said = typed(lab, "job", "validate", str(xml))
    assert said.stdout == f"Job: 1 recipe set, 1 task\n{there}"
    assert said.stderr.startswith("warning: line 1, ")
    told = json.loads(typed(lab, "job", "validate", str(ours), "--json").stdout)
    [advice] = told.pop("advice")
    assert [advice[word] for word in ("systems", "healthy", "ahead", "reason")] == [1, 1, 0, None]
    assert told == {"name": "o", "recipe_sets": 1, "tests": 0, "tasks": 2, "warnings": []}
    assert listed(lab) == before


def listed(lab: Lab) -> list[int]:
    """The ids of all jobs; those of other tests may still be ending."""
    return [job["id"] for job in json.loads(typed(lab, "job", "list", "--json").stdout)]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.json", '{"JobName": "j", "testdescriptors": []}', "need at least one TestDescriptor .*descriptor.invalid"),
        ("a.yaml", "JobName: j\nTestDescriptors: [\n", r"a\.yaml: line 3, column 1: "),
        ("a.json", '{"recipe_sets": []}', "a job needs a recipe set .*input.invalid"),
    ],
)
def test_what_is_no_job(lab: Lab, tmp_path: Path, name: str, text: str, said: str) -> None:
    """One sentence says what is wrong; validating and submitting agree."""
    file = tmp_path / name
    file.write_text(text)
    done = lab.command("job", "validate", str(file), check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done
    assert re.search(said, done.stderr), done.stderr
    assert lab.command("job", "submit", str(file), check=False).stderr == done.stderr


@pytest.mark.parametrize(
    ("name", "text", "body", "kind"),
    [
        (
            "a.json",
            '{"JobName": "j", "TestDescriptors": []}',
            '{"Version": "1.0", "JobName": "j", "TestDescriptors": []}',
            mediatypes.DESCRIPTOR,
        ),
        (
            "a.json",
            ' {"testDescriptors": 1, "version": ""}',
            ' {"testDescriptors": 1, "version": ""}',
            mediatypes.DESCRIPTOR,
        ),
        (
            "a.json",
            '{"a": 1, "a": 2, "TestDescriptors": 1}',
            '{"Version": "1.0", "a": 1, "a": 2, "TestDescriptors": 1}',
            mediatypes.DESCRIPTOR,
        ),
        ("a.json", '{"TestDescriptors": ', '{"TestDescriptors": ', mediatypes.JSON),
        ("a.json", '[{"TestDescriptors": 1}]', '[{"TestDescriptors": 1}]', mediatypes.JSON),
        ("a", '{"recipe_sets": 1}', '{"recipe_sets": 1}', mediatypes.JSON),
        ("a", "recipe_sets: no", '{"recipe_sets": "no"}', mediatypes.JSON),
        ("a.YAML", "{recipe_sets: 1}", '{"recipe_sets": 1}', mediatypes.JSON),
        ("a.yml", "TestDescriptors: [1]", '{"Version": "1.0", "TestDescriptors": [1]}', mediatypes.DESCRIPTOR),
        ("a.yml", "\ufeff\n <job/>", "\n <job/>", mediatypes.XML),
        # a LAVA job goes as it is
        ("a.yml", "# one\njob_name: a\nactions: [] # ä\n", "# one\njob_name: a\nactions: [] # ä\n", mediatypes.YAML),
        ("a", '{"job_name": 1, "actions": 2}', '{"job_name": 1, "actions": 2}', mediatypes.YAML),
        ("a.yml", "job_name: a\n", '{"job_name": "a"}', mediatypes.JSON),
    ],
)
def test_what_is_sent(tmp_path: Path, name: str, text: str, body: str, kind: str) -> None:
    """What a file holds is told by its content; JSON is sent as it is, but for a descriptor's version."""
    file = tmp_path / name
    file.write_text(text)
    assert read_job(file) == JobFile(body.encode(), kind)


@pytest.mark.parametrize("text", ["just words", "- a\n- b", "3", "# nothing", "a: [" * 3000])
def test_files_without_a_job(tmp_path: Path, text: str) -> None:
    """The file is named."""
    file = tmp_path / "file"
    file.write_text(text)
    with pytest.raises(click.ClickException, match=str(file)):
        read_job(file)


def test_a_lava_job(lab: Lab, tmp_path: Path) -> None:
    """It is looked at, refused with its path, and submitted as it is written."""
    file = tmp_path / "job.yaml"
    file.write_text(FIRST)
    said = typed(lab, "job", "validate", str(file), status=1).stderr
    assert "no system has type qemu" in said
    file.write_text(FIRST.replace("device_type: qemu", "device: shown").replace("to: tmpfs", "to: moon"))
    assert "actions[0].deploy.to" in str(typed(lab, "job", "submit", str(file), status=1).exception)
    file.write_text(FIRST.replace("device_type: qemu", "device: shown"))
    said = typed(lab, "job", "validate", str(file))
    assert said.stdout.splitlines() == [
        "Job QEMU pipeline, first job, ä: 1 recipe set, 1 task",
        "1 recipe for system shown: 1 system fits, 1 healthy, 0 idle; nothing waits before it",
    ]
    assert "warning: actions[1].boot: nothing is booted" in said.stderr
    number = typed(lab, "job", "submit", str(file)).stdout.strip()
    assert "nothing waits" not in typed(lab, "job", "validate", str(file)).stdout
    assert typed(lab, "job", "show", number).stdout.startswith(f"Job {number} QEMU pipeline, first job, ä")
    typed(lab, "job", "cancel", number)


def test_advice_in_words() -> None:
    """A line for recipes that ask for the same: what they ask for, what there is, or why not."""
    one = {
        "recipes": 2,
        "role": "client",
        "system": None,
        "requires": {"type": "qemu", "tags": ["big", "\x1b[1m"]},
        "systems": 3,
        "healthy": 2,
        "idle": 1,
        "ahead": 1,
        "reason": None,
    }
    wanted = "role client: 2 recipes for type qemu and tag big and tag \\x1b[1m: "
    assert list(describe([one, {**one, "reason": "no system is healthy", "ahead": 0}])) == [
        f"{wanted}3 systems fit, 2 healthy, 1 idle; 1 set before it",
        f"{wanted}no system is healthy",
    ]


def test_no_campaign_in_our_json(lab: Lab, tmp_path: Path) -> None:
    """What core has of campaigns is no field of a job as it is submitted."""
    file = tmp_path / "job.json"
    for job in (
        {"recipe_sets": [{"recipes": [{"tasks": [{"name": "t", "later": True}]}]}]},
        {"recipe_sets": [], "campaign": {"tests": []}},
    ):
        file.write_text(json.dumps(job))
        typed(lab, "job", "validate", str(file), status=1)


def test_follow_and_show(lab: Lab, tmp_path: Path) -> None:
    """Each attempt says which run and test it is; the reporters' verdict is the exit status."""
    number = int(typed(lab, "job", "submit", str(descriptor(tmp_path, "watched", runs=2))).stdout)
    act(lab, "watched", "Fail", "Pass", "Pass")
    watched = typed(lab, "job", "watch", str(number)).stdout
    told = [re.sub(r"^\S+\s+", "", line) for line in watched.splitlines()]
    heads = [line.rpartition(", recipe set")[0] for line in told if line.startswith("Run ")]
    assert heads == ["Run 1, test Boot", "Run 1, test Boot, attempt 2", "Run 2, test Boot"]
    assert sum(" say: Completed" in line for line in told) == 3, told
    assert told[-1].startswith(f"job {number}: pass")
    lines = typed(lab, "job", "show", str(number)).stdout.splitlines()
    assert lines[0].startswith(f"Job {number} nightly: pass")
    assert [line for line in lines if line.startswith("Run ")] == [f"{head}:" for head in heads]
    assert typed(lab, "job", "wait", str(number)).stdout.startswith(f"job {number}: pass")
    job = lab.call("GET", f"/jobs/{number}?sets=1").json
    assert (job["campaign"], job["earlier_sets"], len(job["recipe_sets"])) == (True, 2, 1)
    assert job["recipe_sets"][0]["attempt"] == {"run": 2, "test": "Boot", "number": 0}
    assert len(lab.call("GET", f"/jobs/{number}/summary?sets=2").json["recipes"]) == 2
    listed = json.loads(typed(lab, "job", "list", "--limit", "1", "--json").stdout)
    assert (listed[0]["id"], listed[0]["campaign"]) == (number, True)


def test_a_long_one(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many recipe sets the newest ten are shown and followed, and how many were before; reports have all of them."""
    number = int(typed(lab, "job", "submit", str(descriptor(tmp_path, "shown", runs=12))).stdout)
    act(lab, "shown", *["Pass"] * 12)
    lab.settled(number)
    shown = typed(lab, "job", "show", str(number)).stdout
    assert re.findall(r"^Run (\d+)", shown, re.MULTILINE) == [str(run) for run in range(3, 13)]
    assert "2 recipe sets before these" in shown
    watched = typed(lab, "job", "watch", str(number)).stdout
    assert re.findall(r" Run (\d+)", watched) == [str(run) for run in range(3, 13)]
    assert "  2 recipe sets before these\n" in watched
    sets = lab.call("GET", f"/jobs/{number}").json["recipe_sets"]
    recipes = [str(one["id"]) for group in sets for one in group["recipes"]]
    assert len(recipes) == 12
    # as if there were thousands
    monkeypatch.setattr(jobpages, "SETS", 5)
    assert re.findall(r'testsuite name="recipe (\d+)', report(lab, number, "--format", "junit")) == recipes
    assert re.findall(r"^Recipe (\d+)", report(lab, number), re.MULTILINE) == recipes
    first = report(lab, number, "--recipe", recipes[0])
    assert re.findall(r"^Recipe (\d+)", first, re.MULTILINE) == recipes[:1]
    whole = jobpages.together([*jobpages.pages(Client(lab.url, lab.token), number)])
    assert (whole["earlier_sets"], whole["recipe_sets"]) == (0, sets)
    assert f"Recipe {recipes[0]} on shown" in typed(lab, "recipe", "show", recipes[0]).stdout
    refused = typed(lab, "results", str(number), "--recipe", "999", status=1)
    assert f"has no recipe 999 (it has {', '.join(recipes)})" in refused.stderr
    page = lab.call("GET", f"/jobs/{number}?sets=2&before={sets[4]['id']}").json
    assert (page["earlier_sets"], page["recipe_sets"]) == (2, sets[2:4])


def report(lab: Lab, job: int, *words: str) -> str:
    """What `tackroom results` prints of a job."""
    return str(typed(lab, "results", str(job), *words).stdout)


def test_cancel_and_retry(lab: Lab, tmp_path: Path) -> None:
    """One without end is cancelled, its exit status is 12; what is submitted once more is the same."""
    number = typed(lab, "job", "submit", str(descriptor(tmp_path, "left", runs=0))).stdout.strip()
    typed(lab, "job", "cancel", number)
    typed(lab, "job", "wait", number, status=12)
    again = typed(lab, "job", "retry", number).stdout.strip()
    made = lab.call("GET", f"/jobs/{again}").json
    assert (made["retry_of"], made["campaign"], made["name"]) == (int(number), True, "nightly")
    typed(lab, "job", "cancel", again)
    typed(lab, "job", "wait", again, status=12)


def test_one_that_waits_for_a_target(lab: Lab, tmp_path: Path) -> None:
    """While it waits to try again, what it does next, when, and who holds the target are told; then nothing."""
    text = YAML.format(system="left", runs=1).replace(
        "NumRetries: 1, RetryInterval: 0s", "NumRetries: 1, RetryInterval: 1h"
    )
    (file := tmp_path / "campaign.yml").write_text(text)
    holder, number = (int(typed(lab, "job", "submit", str(file)).stdout) for _ in range(2))
    upcoming = lab.call("GET", f"/jobs/{number}").json["upcoming"]
    assert (upcoming["run"], upcoming["test"], upcoming["number"]) == (1, "Boot", 1)
    assert upcoming["reason"].endswith(f"is already locked by {holder}")
    shown = " ".join(typed(lab, "job", "show", str(number)).stdout.split())
    assert "Run 1, test Boot, attempt 2: target" in shown
    assert shown.endswith(f"is already locked by {holder}")
    assert lab.call("GET", f"/jobs/{holder}").json["upcoming"] is None
    for job in (number, holder):
        typed(lab, "job", "cancel", str(job))
        assert lab.call("GET", f"/jobs/{job}").json["upcoming"] is None

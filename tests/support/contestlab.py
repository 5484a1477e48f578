"""A lab with systems that run our harness, the stock client that submits to it, and the parts of descriptors."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import define, field
from lab import Lab
from waiting import until

CLIENT = Path(__file__).with_name("contestcli.py")


@define
class Site:
    """The lab, its harnesses by system, and what a submitter does."""

    lab: Lab
    place: Path
    harnesses: "dict[str, subprocess.Popen[bytes]]" = field(factory=dict)

    def start_harness(self, system: str) -> None:
        """Let a system ask for work, and go on with what it had."""
        words = ["run", "--url", self.lab.url, "--system", system, "--state", str(self.place / system)]
        with (self.place / f"{system}.txt").open("ab") as said:
            self.harnesses[system] = subprocess.Popen(
                [sys.executable, "-m", "wsgi_app.harnesses.local", *words],
                env={**self.lab.environment(), "TACKROOM_TOKEN": self.lab.token},
                stdout=said,
                stderr=said,
            )

    def kill_harness(self, system: str) -> None:
        """Let it die as a machine does, with what it runs; its state stays."""
        harness = self.harnesses.pop(system)
        # stopped first: it might start its step between the two
        harness.send_signal(signal.SIGSTOP)
        stat = Path(f"/proc/{harness.pid}/stat")
        until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", "the harness stopped")
        children = Path(f"/proc/{harness.pid}/task/{harness.pid}/children").read_text().split()
        harness.kill()
        harness.wait()
        for child in children:
            # the leader of the task's session
            with suppress(ProcessLookupError):
                os.killpg(int(child), signal.SIGKILL)

    def client(self, *words: str, stdin: object = None) -> list[Any]:
        """Run the stock client as user admin; return what it printed."""
        address = f"http://admin:{self.lab.token}@127.0.0.1:{self.lab.port}/contest"
        done = subprocess.run(
            [sys.executable, str(CLIENT), "-a", address, "-r", "admin", *words],
            input=None if stdin is None else json.dumps(stdin),
            env={**os.environ, "CONTESTCLI_POLL": "0.2"},
            capture_output=True,
            text=True,
            check=False,
            timeout=110,
        )
        assert done.returncode == 0, done
        return documents(done.stdout)

    def start(self, descriptor: object) -> int:
        """Start a job and return its number."""
        (answer,) = self.client("start", stdin=descriptor)
        assert answer["Err"] is None, answer
        return int(answer["Data"]["JobID"])

    def status(self, job: int) -> Any:
        """Return a job's status."""
        (answer,) = self.client("status", str(job))
        assert answer["Err"] is None, answer
        return answer["Data"]["Status"]

    def first_run_over(self, job: int) -> None:
        """Wait until a job has its first report."""
        until(lambda: self.status(job)["JobReport"]["RunReports"], "the first run's report", 60)

    def ended(self, job: int, seconds: float = 60) -> Any:
        """Return a job's status once the job has ended; asked by the native API, which waits."""
        until(lambda: self.lab.call("GET", f"/jobs/{job}/wait?timeout=20").json["settled"], f"job {job}", seconds)
        return self.status(job)

    def running(self, job: int, label: str, number: int = 1) -> None:
        """Wait until so many targets are in a step."""

        def there() -> bool:
            found = self.lab.call("GET", f"/jobs/{job}").json["recipe_sets"]
            tasks = [task for group in found for recipe in group["recipes"] for task in recipe["tasks"]]
            return len([task for task in tasks if task["name"] == label and task["status"] == "Running"]) >= number

        until(there, f"step {label}", 40)

    def kill_everything(self) -> None:
        """kill -9 of all processes of the server and of the harnesses; the steps' own processes live on."""
        assert self.lab.process is not None
        # the parent first: it would start others in their place
        family = [self.lab.process.pid, *self.lab.pids(""), *(harness.pid for harness in self.harnesses.values())]
        for pid in family:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for harness in self.harnesses.values():
            harness.wait()
        self.lab.process.wait()
        until(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in family), "the end of all")

    def end(self) -> None:
        """End the harnesses."""
        for harness in self.harnesses.values():
            harness.terminate()
        for harness in self.harnesses.values():
            harness.wait(20)


def documents(text: str) -> list[Any]:
    """Return the JSON documents in a text."""
    found, rest = [], text.lstrip()
    while rest:
        value, end = json.JSONDecoder().raw_decode(rest)
        found.append(value)
        rest = rest[end:].lstrip()
    return found


def cmd(label: str, *words: str, **parameters: object) -> dict[str, object]:
    """Return a cmd step that tells its output."""
    given = {"executable": [words[0]], "args": list(words[1:]), "emit_stdout": [True], **parameters}
    return {"name": "cmd", "label": label, "parameters": given}


def shell(label: str, script: str) -> dict[str, object]:
    """Return a cmd step that runs a script."""
    return cmd(label, "sh", "-c", script)


def one_test(name: str, targets: Sequence[str], *steps: object, **more: object) -> dict[str, object]:
    """Return a test descriptor."""
    return {
        "TargetManagerName": "TargetList",
        "TargetManagerAcquireParameters": {"Targets": [{"ID": target} for target in targets]},
        "TargetManagerReleaseParameters": {},
        "TestFetcherName": "literal",
        "TestFetcherFetchParameters": {"TestName": name, "Steps": list(steps)},
        **more,
    }


def descriptor(*tests: object, expression: str = "=100%", **more: object) -> dict[str, object]:
    """Return a job descriptor; runs are judged by the share of targets that came through."""
    reporter = {"Name": "TargetSuccess", "Parameters": {"SuccessExpression": expression}}
    reporting = {"RunReporters": [reporter], "FinalReporters": [{"Name": "noop"}]}
    return {
        "JobName": "job",
        "Version": "1.0",
        "Runs": 1,
        "RunInterval": "0s",
        "TestDescriptors": list(tests),
        "Reporting": reporting,
        **more,
    }


def steps_of(status: Any, run: int = 1, test: int = 0) -> dict[str, Any]:
    """Return the step statuses of a test in a run, by label."""
    return {
        step["TestStepLabel"]: step for step in status["RunStatuses"][run - 1]["TestStatuses"][test]["TestStepStatuses"]
    }


def said(step: Any, event: str = "CmdStdout") -> dict[str, str]:
    """Return what a step wrote, by target."""
    return {
        target["Target"]["ID"]: found["Data"]["Payload"]["Msg"]
        for target in step["TargetStatuses"] or ()
        for found in target["Events"] or ()
        if found["Data"]["EventName"] == event
    }

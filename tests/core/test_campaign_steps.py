"""Steps: their parameters, and what they come to on a target, run by the shells that systems have."""

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from waiting import until

from wsgi_app.campaign import Step, StepKind, Target
from wsgi_app.core.campaign import scripts
from wsgi_app.core.campaign.steps import CmdStep, PortLook, Work, check_step, cmd_of, work_of
from wsgi_app.core.campaign.templateparse import BadTemplate
from wsgi_app.core.campaign.variables import Variables

TARGET = Target("T1", "host1.example.org", "10.0.0.1", "fe80::1")
PORT = {"port": ("22",), "protocol": ("tcp",), "timeout": ("1m",), "check_interval": ("500ms",)}
#: the shells that are here: /bin/sh is what harnesses take
SHELLS = [["/bin/sh"], *([found, "sh"] for found in [shutil.which("busybox")] if found)]

TOOL = """#!/bin/sh
{ printf '<%s>' "$NAME" "$@"; echo; } >>"$SAID/said"
for word; do
    case $word in
    */*.log) cp "$word" "$SAID/" ;;
    esac
done
"""


def step(kind: StepKind, **params: Sequence[str]) -> Step:
    """A step with these parameters."""
    return Step(kind, "one", {name: tuple(values) for name, values in params.items()})


def work(kind: StepKind, **params: Sequence[str]) -> Work:
    """What a step is on the target, as task 7."""
    return work_of(step(kind, **params), TARGET, Variables("T1"), task=7)


@frozen
class Ran:
    """What came of a script; `reported` is what its tools were told."""

    status: int
    output: str
    reported: list[str]
    logs: dict[str, bytes]


@frozen
class Bench:
    """A place to run scripts in, with the tools of a harness: of ours, or of restraint."""

    home: Path
    tools: Sequence[str]

    def environment(self) -> dict[str, str]:
        """What a script sees."""
        (self.home / "bin").mkdir(exist_ok=True)
        (self.home / "tmp").mkdir(exist_ok=True)
        for name in self.tools:
            tool = self.home / "bin" / name
            tool.write_text(TOOL.replace("$NAME", name))
            tool.chmod(0o755)
        path = f"{self.home}/bin:{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "SAID": str(self.home), "TMPDIR": str(self.home / "tmp")}

    def start(self, shell: Sequence[str], script: str) -> "subprocess.Popen[bytes]":
        """Run a script as a harness does: from a file, output into a file."""
        (self.home / "script").write_text(script)
        with (self.home / "output").open("wb") as output:
            return subprocess.Popen(
                [*shell, str(self.home / "script")],
                cwd=self.home,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def run(self, shell: Sequence[str], script: str) -> Ran:
        """Run it to its end."""
        return self.ran(self.start(shell, script))

    def ran(self, process: "subprocess.Popen[bytes]") -> Ran:
        """Wait for a script's end."""
        status = process.wait(20)
        said = self.home / "said"
        reported = said.read_text().splitlines() if said.exists() else []
        said.unlink(missing_ok=True)
        logs = {log.name: log.read_bytes() for log in self.home.glob("*.log")}
        return Ran(status, (self.home / "output").read_text(), reported, logs)


@pytest.fixture(params=SHELLS, ids=lambda shell: " ".join(Path(word).name for word in shell))
def shell(request: pytest.FixtureRequest) -> Any:
    """Each shell."""
    return request.param


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """With our own harness's tools."""
    return Bench(tmp_path, ["tackroom-report"])


@pytest.mark.parametrize(
    ("kind", "params", "words"),
    [
        ("cmd", {}, "invalid or missing 'executable' parameter, must be exactly one string"),
        ("cmd", {"executable": ["a", "b"]}, "must be exactly one string"),
        ("cmd", {"executable": [""]}, "must be exactly one string"),
        ("cmd", {"executable": ["a"], "dir": ["a", "b"]}, "'dir' has 2 values, and takes one"),
        (
            "cmd",
            {"executable": ["a"], "emit_stdout": ["yes"]},
            'invalid non-boolean `emit_stdout` parameter: strconv.ParseBool: parsing "yes": invalid syntax',
        ),
        ("cmd", {"executable": ["a"], "emit_stderr": ["2"]}, "invalid non-boolean `emit_stderr` parameter"),
        ("echo", {}, "Missing 'text' field in echo parameters"),
        ("randecho", {"text": []}, "Missing 'text' field in randecho parameters"),
        ("sleep", {}, "Missing 'duration' field in sleep parameters"),
        ("sleep", {"duration": ["1s", "2s"]}, "'duration' has 2 values, and takes one"),
        ("sleep", {"duration": ["5"]}, 'invalid duration "5": time: missing unit in duration "5"'),
        ("waitport", {**PORT, "target": ["a", "b"]}, "0 or 1 'target' parameters should be provided"),
        ("waitport", {**PORT, "port": ["ssh"]}, "failed to parse 'port' parameter"),
        ("waitport", {**PORT, "port": []}, "failed to parse 'port' parameter"),
        ("waitport", {**PORT, "port": ["0"]}, "'port' parameter should be a positive integer"),
        ("waitport", {**PORT, "port": ["65536"]}, "got: '65536'"),
        ("waitport", {**PORT, "protocol": []}, "a single 'protocol' should be provided"),
        ("waitport", {**PORT, "protocol": ["sctp"]}, "'protocol' should be one of [tcp, tcp4, tcp6, udp, udp4, udp6]"),
        ("waitport", {**PORT, "timeout": []}, "a single 'timeout' should be provided"),
        ("waitport", {**PORT, "timeout": ["soon"]}, "failed to convert 'soon' duration parameter, err: time: invalid"),
        ("waitport", {**PORT, "check_interval": ["1s", "1s"]}, "a single 'check_interval' should be provided"),
    ],
)
def test_wrong_parameters(kind: str, params: dict[str, Sequence[str]], words: str) -> None:
    """What is wrong is said in ConTest's words."""
    with pytest.raises(ValueError) as caught:
        check_step(step(StepKind(kind), **params))
    assert words in str(caught.value)


def test_what_has_no_effect_is_told() -> None:
    """A parameter that a step does not have is no error, but somebody may have meant another."""
    misspelt = step(StepKind.CMD, executable=["true"], arg=["x"], emit_stdout=["1"])
    assert check_step(misspelt) == (
        "step one: cmd has no parameter 'arg' (it has executable, args, dir, emit_stdout, emit_stderr)",
    )
    assert check_step(step(StepKind.WAITPORT, **PORT)) == ()


def test_what_steps_come_to() -> None:
    """A plain step is one command; templates are expanded where they may stand."""
    assert work(StepKind.CMD, executable=["echo"], args=["{{ .ID }}", "", "a b"]).command == ("echo", "T1", "", "a b")
    assert work(StepKind.CMD, executable=["echo"], emit_stdout=["F"], dir=[""]).command == ("echo",)
    assert work(StepKind.ECHO, text=["on {{ .FQDN }}"]).command == ("printf", "%s\\n", "on host1.example.org")
    for written, seconds in (("0.5s", "0.5"), ("1h", "3600"), ("-5s", "0"), ("1h0m0.25s", "3600.25")):
        assert work(StepKind.SLEEP, duration=[written]).command == ("sleep", seconds)
    cmd = step(StepKind.CMD, executable=["/bin/{{ .ID }}"], dir=["/srv/{{ .ID }}"], emit_stderr=["TRUE"])
    assert cmd_of(cmd, TARGET, Variables("T1")) == CmdStep("/bin/T1", (), "/srv/T1", False, True)


def test_which_host_a_port_is_of() -> None:
    """The one that is named, or else the target's own name, or its address of that family."""

    def look(on: Target = TARGET, **params: Sequence[str]) -> PortLook:
        port = work_of(step(StepKind.WAITPORT, **{**PORT, **params}), on, Variables("T1"), task=7).port
        assert port is not None
        return port

    assert look() == PortLook("host1.example.org", 22, "tcp", 60.0, 0.5)
    assert look(target=["{{ .PrimaryIPv4 }}"], protocol=["UDP"]) == PortLook("10.0.0.1", 22, "udp", 60.0, 0.5)
    nameless = Target("T1", "", "10.0.0.1", "fe80::1")
    hosts = [look(nameless, protocol=[protocol]).host for protocol in ("tcp", "tcp4", "udp6")]
    assert hosts == ["10.0.0.1", "10.0.0.1", "fe80::1"]
    with pytest.raises(BadTemplate, match="neither an FQDN nor an address"):
        look(Target("T1"))
    with pytest.raises(BadTemplate, match="at most 255"):
        look(target=["x" * 256])


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"args": ["{{ .Nope }}"]}, "failed to expand args: template: :1:3"),
        ({"args": ["a\0b"]}, "args holds a NUL"),
        ({"dir": ["\ud800"]}, "dir cannot be written as UTF-8"),
        ({"executable": ["{{ `` }}"]}, "executable '{{ `` }}' comes to nothing"),
    ],
)
def test_what_cannot_be_run(params: dict[str, Sequence[str]], words: str) -> None:
    """A command that could not be started as it is meant is none."""
    with pytest.raises(BadTemplate) as caught:
        work(StepKind.CMD, **{"executable": ["true"], **params})
    assert words in str(caught.value)


def test_output_is_passed_on_and_kept(shell: list[str], bench: Bench) -> None:
    """Output and error are in the task's output, and each is reported; the exit status is the command's."""
    argv = ["sh", "-c", "echo out; echo err >&2; exit 7"]
    ran = bench.run(shell, scripts.run_command(argv, stdout=True, stderr=True))
    assert ran.status == 7
    assert sorted(ran.output.splitlines()) == ["err", "out"]
    assert ran.logs == {"stdout.log": b"out\n", "stderr.log": b"err\n"}
    assert [line.split("/")[0] for line in ran.reported] == ["<tackroom-report><--log><"] * 2
    assert not list((bench.home / "tmp").iterdir())


def test_one_of_them_is_kept(shell: list[str], bench: Bench) -> None:
    """Only what was asked for is reported, and the other is in the task's output all the same."""
    ran = bench.run(shell, scripts.run_command(["sh", "-c", "echo out; echo err >&2"], stderr=True))
    assert (ran.status, sorted(ran.output.split()), ran.logs) == (0, ["err", "out"], {"stderr.log": b"err\n"})


@pytest.mark.parametrize(
    ("argv", "status"),
    [(["sh", "-c", "kill -9 $$"], 137), (["sh", "-c", "kill -TERM $$"], 143), (["no-such-one"], 127)],
)
def test_how_it_ended_is_kept(shell: list[str], bench: Bench, argv: list[str], status: int) -> None:
    """A signal, and a program that is not there, are what a shell makes of them."""
    assert bench.run(shell, scripts.run_command(argv, stdout=True, stderr=True)).status == status


def test_beginnings_of_much_output(shell: list[str], bench: Bench) -> None:
    """All of 6 MB is passed on, and exactly its first 64 KiB are reported, also when it comes letter by letter."""
    script = "head -c 6000000 /dev/zero | tr '\\0' x; dd if=/dev/zero bs=1 count=70000 2>/dev/null | tr '\\0' y >&2"
    ran = bench.run(shell, scripts.run_command(["sh", "-c", script], stdout=True, stderr=True))
    assert (ran.status, ran.output.count("x"), ran.output.count("y")) == (0, 6_000_000, 70_000)
    assert {name: (len(log), set(log)) for name, log in ran.logs.items()} == {
        "stdout.log": (65536, {ord("x")}),
        "stderr.log": (65536, {ord("y")}),
    }


def test_output_is_live(shell: list[str], bench: Bench) -> None:
    """What a command says can be read while it runs."""
    (bench.home / "go").unlink(missing_ok=True)
    script = "echo begun; until [ -e go ]; do sleep 0.05; done; echo over"
    process = bench.start(shell, scripts.run_command(["sh", "-c", script], stdout=True))
    until(lambda: (bench.home / "output").read_text() == "begun\n", "the first words")
    (bench.home / "go").touch()
    assert bench.ran(process).output == "begun\nover\n"


def test_background_children_keep_nobody_waiting(shell: list[str], bench: Bench) -> None:
    """A child that holds the output open lives on, and what was said so far is reported."""
    ran = bench.run(shell, scripts.run_command(["sh", "-c", "sleep 60 & echo $!"], stdout=True, stderr=True))
    child = int(ran.output)
    assert (ran.status, ran.logs) == (0, {"stdout.log": b"%d\n" % child, "stderr.log": b""})
    os.kill(child, signal.SIGTERM)


def test_last_words(shell: list[str], bench: Bench) -> None:
    """A command that is ended by a signal to all of its session has its last words reported."""
    script = "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.05; done"
    process = bench.start(shell, scripts.run_command(["sh", "-c", script], stdout=True))
    until(lambda: "up" in (bench.home / "output").read_text(), "the first words")
    os.killpg(process.pid, signal.SIGTERM)
    ran = bench.ran(process)
    assert (ran.status, ran.logs["stdout.log"]) == (3, b"up\nbye\n")


@pytest.mark.parametrize("name", ["plain", "-dash", "two words", "quo'te", "é\n$(id)"])
def test_directories(shell: list[str], bench: Bench, name: str) -> None:
    """A command runs in the directory that is named, whatever it is called and wherever CDPATH leads."""
    (bench.home / name).mkdir()
    for directory in (name, f"{bench.home}/{name}"):
        ran = bench.run(shell, scripts.run_command(["pwd"], directory))
        assert (ran.status, ran.output) == (0, f"{bench.home}/{name}\n")


def test_a_directory_that_is_not_there(shell: list[str], bench: Bench) -> None:
    """It is the task that failed, and says so."""
    for stdout in (False, True):
        ran = bench.run(shell, scripts.run_command(["pwd"], "it's gone", stdout=stdout))
        said = "there is no directory it's gone to run in"
        assert (ran.status, ran.output) == (1, f"{said}\n")
        assert ran.reported[0] == f"<tackroom-report><--message={said}><Fail><dir>"


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
        | st.sampled_from(
            ["", "'", '"', "\\", "$(id)", "`id`", "*", "a\nb", "\r", "~", "-n", "%s", "!x", "#", "\x1b["]
        ),
        max_size=5,
    )
)
def test_all_words_survive(tmp_path: Path, words: list[str]) -> None:
    """A command gets exactly the words that it was given, and echo and randecho say theirs."""
    script = scripts.run_command(["printf", "<%s>", *words], ".")
    expected = b"".join(b"<%s>" % word.encode() for word in words) or b"<>"
    for shell in SHELLS:
        assert subprocess.run([*shell, "-c", script], capture_output=True, check=True, cwd=tmp_path).stdout == expected


def test_a_coin_is_tossed(shell: list[str], bench: Bench) -> None:
    """randecho says its text, and fails as often as not, with a message."""
    script = work(StepKind.RANDECHO, text=["it's {{ .ID }}"]).script
    assert script is not None
    failed: list[int] = []
    while len(failed) < 60 and len(set(failed)) < 2:
        ran = bench.run(shell, script)
        assert ran.output.splitlines()[0] == "it's T1"
        failed.append(ran.status)
        if ran.status:
            assert ran.status == 1
            assert ran.reported == ["<tackroom-report><--message=target randomly failed><Fail><randecho>"]
    assert set(failed) == {0, 1}


def test_restraint_is_told_by_its_own_tools(shell: list[str], tmp_path: Path) -> None:
    """Where our tools are not, restraint's take logs and results."""
    bench = Bench(tmp_path, ["rstrnt-report-log", "rstrnt-report-result"])
    ran = bench.run(shell, scripts.run_command(["echo", "out"], stdout=True))
    assert (ran.status, ran.logs, ran.reported[0].split("/")[0]) == (
        0,
        {"stdout.log": b"out\n"},
        "<rstrnt-report-log><-l><",
    )
    ran = bench.run(shell, scripts.fail("template", "it's -wrong"))
    assert ran.status == 1
    assert ran.reported == ["<rstrnt-report-result><--no-plugins><--message=it's -wrong><template><FAIL>"]


def test_no_tools_at_all(shell: list[str], tmp_path: Path) -> None:
    """Where nothing takes a log, that is said, and nothing else is different."""
    ran = Bench(tmp_path, []).run(shell, scripts.run_command(["false"], stdout=True))
    assert ran.status == 1
    assert ran.output == "stdout.log is not reported: there is neither tackroom-report nor rstrnt-report-log\n"


@pytest.mark.parametrize(
    ("word", "status"),
    [('{"9": {"error": null}}', 0), ('{"9": {"error": "x \\"error\\": null"}}', 1), ("", 3)],
)
def test_the_controllers_word(shell: list[str], bench: Bench, word: str, status: int) -> None:
    """A task that waits for a port ends as the controller says, or as its wait was refused."""
    tool = bench.home / "bin" / "tackroom-sync"
    tool.parent.mkdir()
    tool.write_text(
        f"#!/bin/sh\n[ \"$*\" = \"wait waitport-7 --any\" ] || exit 9\n[ -n '{word}' ] || exit 3\necho '{word}'\n"
    )
    tool.chmod(0o755)
    script = work(StepKind.WAITPORT, **PORT).script
    assert script is not None
    ran = bench.run(shell, script)
    assert (ran.status, ran.output.strip()) == (status, word)

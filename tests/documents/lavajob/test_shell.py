"""The script of a LAVA test on one system, by the shells that systems have: its tools, its signals, its end."""

import os
import signal
from pathlib import Path

import pytest
from lavashell import ShellBench
from waiting import until

from wsgi_app.documents.lavajob.definition import NOTHING
from wsgi_app.documents.lavajob.shell import RunFacts, script_of


def test_cases(bench: ShellBench) -> None:
    """A case is a result, with its measurement and units, or the result of a command; sets are part of its path."""
    ran = bench.run(
        [
            "lava-test-case plain --result pass",
            "lava-test-case speed --result fail --measurement -1.5e3 --units MB/s",
            "lava-test-case good --shell echo said",
            "lava-test-set start first",
            "lava-test-case bad --shell 'echo no; exit 3'",
            "lava-test-set stop",
            "lava-test-case kept --result skip --units items",
            "lava-test-reference elsewhere --result unknown --reference https://example.org/a?b=c",
        ]
    )
    assert ran.status == 0
    assert ran.lines == [
        "<LAVA_SIGNAL_STARTRUN 0_test 7>",
        "<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=plain RESULT=pass>",
        "<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=speed RESULT=fail MEASUREMENT=-1.5e3 UNITS=MB/s>",
        "<LAVA_SIGNAL_STARTTC good>",
        "said",
        "<LAVA_SIGNAL_ENDTC good>",
        "<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=good RESULT=pass>",
        "<LAVA_SIGNAL_TESTSET START first>",
        "<LAVA_SIGNAL_STARTTC bad>",
        "no",
        "<LAVA_SIGNAL_ENDTC bad>",
        "<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=bad RESULT=fail>",
        "<LAVA_SIGNAL_TESTSET STOP>",
        "<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=kept RESULT=skip UNITS=items>",
        "<LAVA_SIGNAL_TESTREFERENCE elsewhere unknown https://example.org/a?b=c>",
        "<LAVA_SIGNAL_ENDRUN 0_test 7>",
    ]
    found = ran.judged
    for one in [("/plain", "Pass"), ("/speed", "Fail"), ("/good", "Pass"), ("/first/bad", "Fail"), ("/kept", "Skip")]:
        assert one in found


def test_the_environment(bench: ShellBench) -> None:
    """Parameters are variables, the job's before the definition's; steps share one shell, in an empty directory."""
    definition = {"params": {"A": "it's $HOME", "B": None, "C": 7, "D": True}, "parameters": {"A2": "ü"}}
    ran = bench.run(
        [
            "set +x",
            'printf "<%s>" "$A" "$B" "$C" "$D" "$A2" "$E"; echo',
            "F=kept",
            "ls; test -f uuid",
            "sh -c 'echo \"$C $TESTRUN_ID $F\"'",
            '. ../../../secrets; echo "$KEY"',
            None,
            'echo "$F ${PWD##*/}"',
        ],
        {"parameters": {"C": "8", "E": "a\nb"}, "secrets": {"KEY": "s'3"}, "name": "te st", "test_no": 12},
        **definition,
    )
    assert ran.status == 0
    wanted = ["<it's $HOME><><8><True><ü><a", "b>", "uuid", "8 12_te_st ", "s'3", "kept 12_te_st"]
    assert [line for line in ran.lines if "SIGNAL" not in line] == wanted
    assert ran.lines[0] == "<LAVA_SIGNAL_STARTRUN 12_te_st 7>"


def test_positional_parameters_of_commands(bench: ShellBench) -> None:
    """As with LAVA a `$1` in a command for a tool is not the step's, which has none."""
    ran = bench.run(["set -- outer", "lava-test-case awk --shell \"sh -c 'echo $1 $2' x inner more\"", 'echo "$1"'])
    assert "inner more" in ran.lines
    assert "outer" in ran.lines


def test_a_failing_step_is_the_last(bench: ShellBench) -> None:
    """What comes behind it is not run, and the test has failed; the recipe goes on. As with LAVA."""
    ran = bench.run(["lava-test-case one --result pass", "cd /nonexistent", "lava-test-case two --result pass"])
    assert ran.status == 0
    assert ran.judged == [("/one", "Pass"), ("/lava-test-shell", "Fail")]
    assert "a step of 0_test has ended with status" in ran.output
    assert ran.lines[-1] == "<LAVA_SIGNAL_ENDRUN 0_test 7>"


@pytest.mark.parametrize("step", ["echo 'never closed", "if", ")"])
def test_a_step_that_is_no_shell(bench: ShellBench, step: str) -> None:
    """It ends the test like any other failure, and swallows nothing of what we say at the end."""
    ran = bench.run(["lava-test-case one --result pass", step, "echo never"])
    assert (ran.status, ran.judged) == (0, [("/one", "Pass"), ("/lava-test-shell", "Fail")])
    assert ran.lines[-1] == "<LAVA_SIGNAL_ENDRUN 0_test 7>"


def test_expected_cases(bench: ShellBench) -> None:
    """A case that was expected and not reported has failed."""
    ran = bench.run(["lava-test-case one --result pass", "exit 0"], expected=["one", "two", "thr.ee"])
    assert (ran.status, ran.judged) == (0, [("/one", "Pass"), ("/two", "Fail"), ("/thr.ee", "Fail")])


def test_raise_ends_everything(bench: ShellBench) -> None:
    """Wherever it is called, whoever would go on: the test is over, and the recipe is aborted with the message."""
    bench.tool("tackroom-abort", 'printf "abort<%s>" "$@"; echo')
    ran = bench.run(
        [
            "sh -c 'lava-test-raise \"no <net> $ 5\" here; echo goes on; sleep 60; echo never' || true",
            "echo never",
        ]
    )
    assert ran.status == 1
    assert ran.judged == [("/lava-test-raise", "Fail")]
    assert "<LAVA_SIGNAL_TESTRAISE no (net) _ 5 here>" in ran.lines
    assert ran.lines[-1] == "abort<-->abort<no (net) _ 5 here>"
    assert "never" not in ran.lines


def test_time_limit(bench: ShellBench) -> None:
    """A test that takes longer than its action may is ended with all its processes, and the recipe is aborted."""
    bench.tool("tackroom-abort", 'printf "abort<%s>" "$@"; echo')
    steps = ["sleep 60 & echo $! >../../../../../pid", "lava-test-case one --result pass", "sleep 60"]
    ran = bench.run(steps, {"max_seconds": 1})
    assert (ran.status, ran.judged) == (1, [("/one", "Pass"), ("/lava-test-raise", "Fail")])
    assert ran.lines[-1] == "abort<-->abort<the test took longer than 1 seconds>"
    pid = int((bench.home / "pid").read_text())
    until(lambda: _command(str(pid)) == "", "its end", 5)


def test_a_quick_test_waits_for_no_limit(bench: ShellBench) -> None:
    """Nothing of the watch over a limit is left when the test is over."""
    seconds = 100_000 + os.getpid()
    ran = bench.run(["echo $LAVA_HOME"], {"max_seconds": seconds})
    assert ran.status == 0

    def gone() -> bool:
        commands = [_command(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        return not [command for command in commands if f"sleep\0{seconds}" in command]

    until(gone, "its end", 5)


def _command(pid: str) -> str:
    """The command of a process; of one that is not there, or a zombie, none."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def test_cancelled(bench: ShellBench) -> None:
    """A signal to the session ends it, and its files are removed."""
    process = bench.start(bench.text({"run": {"steps": ["echo up", "sleep 60"]}}))
    until(lambda: "up" in (bench.home / "output").read_text().splitlines(), "the first words")
    os.killpg(process.pid, signal.SIGTERM)
    assert bench.ran(process).status == 143


def test_installation(bench: ShellBench) -> None:
    """Packages and steps come first, unless they are to be skipped; when they fail nothing makes sense any more."""
    bench.tool("apt-get", 'printf "apt<%s>" "$@"; echo')
    install = {"deps": ["curl", "two words"], "deps-nothing-like-it": ["x"], "steps": ["echo prepared $V"]}
    ran = bench.run(["echo run"], install=install, params={"V": "5"})
    said = [line for line in ran.lines if "SIGNAL" not in line]
    assert said == ["apt<-q>apt<update>", "apt<-q>apt<-y>apt<install>apt<curl>apt<two words>", "prepared 5", "run"]
    for skipped in (("deps",), ("all",)):
        ran = bench.run(["echo run"], {"skip_install": skipped}, install=install)
        assert "apt" not in ran.output
    ran = bench.run(["echo run"], install={"steps": ["exit 4"]})
    assert (ran.status, ran.judged) == (1, [("/lava-test-raise", "Fail")])
    assert "run" not in ran.lines


def test_background_processes(bench: ShellBench) -> None:
    """One is started by a name and stopped by it, with its last words; what is left at the end is ended."""
    loop = "trap 'echo bye; exit' TERM; echo up; while :; do sleep 0.1; done"
    ran = bench.run(
        [
            f'lava-background-process-start one --cmd "{loop}"',
            "lava-background-process-start two --cmd 'echo $$ >../../../../../pid; sleep 60'",
            "while ! test -s ../../../../../pid; do sleep 0.1; done",
            "lava-background-process-stop one",
            "lava-background-process-stop one || echo gone",
        ]
    )
    assert (ran.status, ran.judged) == (0, [])
    assert "bye" in ran.lines
    assert ran.lines[-2:] == ["gone", "<LAVA_SIGNAL_ENDRUN 0_test 7>"]
    pid = int((bench.home / "pid").read_text())
    until(lambda: _command(str(pid)) == "", "its end", 5)


def test_attachments_and_events(bench: ShellBench) -> None:
    """A file becomes a log of the task; events are told."""
    bench.tool("tackroom-report", 'printf "report<%s>" "$@"; echo')
    ran = bench.run(
        [
            "echo x >a.txt",
            "lava-test-run-attach a.txt text/plain",
            "lava-test-case-attach case a.txt",
            "lava-test-event 'it is > 5'",
            "lava-test-feedback --namespace host",
            "lava-test-case out --result pass --output a.txt",
        ]
    )
    said = ran.lines[1:-1]
    assert said[:2] == ["report<--log>report<a.txt>"] * 2
    assert said[2:4] == ["<LAVA_SIGNAL_TESTEVENT it is ) 5>", "<LAVA_SIGNAL_TESTFEEDBACK host>"]
    assert said[4:] == [
        "<LAVA_SIGNAL_STARTTC out>",
        "x",
        "<LAVA_SIGNAL_ENDTC out>",
        "<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=out RESULT=pass>",
    ]


WRONG = [
    ("lava-test-case", "usage: lava-test-case NAME"),
    ("lava-test-case one", "usage: lava-test-case NAME"),
    ("lava-test-case one --shell", "usage: lava-test-case NAME"),
    ("lava-test-case one --what is", "usage: lava-test-case NAME"),
    ("lava-test-case one --result", "usage: lava-test-case NAME"),
    ("lava-test-case one --units s", "lava-test-case: --result must be given"),
    ("lava-test-case '' --result pass", "the name of a test case is empty"),
    ("lava-test-case 'a b' --result pass", "white space, control characters"),
    ("lava-test-case 'a>b' --result pass", "white space, control characters"),
    ("lava-test-case one --result PASS", "the result is pass, fail, skip or unknown, not: PASS"),
    ("lava-test-case one --result pass --units 'a b'", "the units has white space"),
    ("lava-test-case one --result pass --output nope", "there is no file nope"),
    *(
        (f"lava-test-case one --result pass --measurement '{word}'", f"the measurement is no number: {word}")
        for word in ("x", "", ".", "1.2.3", "1e", "e5", "--1", "1e12345", "0x1", "nan", "1 2")
    ),
    (f"lava-test-case {'x' * 201} --result pass", "more than 200 characters"),
    ("lava-test-set", "usage: lava-test-set start NAME"),
    ("lava-test-set start", "usage: lava-test-set start NAME"),
    ("lava-test-set start 'a b'", "the name of a test set has white space"),
    ("lava-test-raise", "usage: lava-test-raise"),
    ("lava-test-raise ''", "usage: lava-test-raise"),
    ("lava-test-event a b", "usage: lava-test-event"),
    ("lava-test-feedback host", "usage: lava-test-feedback"),
    ("lava-test-reference one --result pass", "usage: lava-test-reference"),
    ("lava-test-reference one --result pass --reference 'a b'", "the reference has white space"),
    ("lava-test-run-attach nope", "there is no file nope"),
    ("lava-test-case-attach one nope", "there is no file nope"),
    ("lava-background-process-start one", "usage: lava-background-process-start"),
    ("lava-background-process-start a/b --cmd true", "has a slash in it"),
    ("lava-background-process-stop other", "no process of that name was started: other"),
    ("lava-install-packages", "usage: lava-install-packages"),
    ("lava-echo-ipv4", "usage: lava-echo-ipv4"),
    ("lava-install-packages x", "no package manager that it knows is here"),
]


def test_wrong_calls(bench: ShellBench) -> None:
    """Each is refused with a sentence and a status that is not 0, and tells no result."""
    steps = [f"{call} && echo taken; echo 'next {number}'" for number, (call, _) in enumerate(WRONG)]
    ran = bench.run(["set +x", *steps])
    assert (ran.status, ran.judged) == (0, [])
    assert "taken" not in ran.lines
    said = iter(ran.lines[1:])
    for number, (call, words) in enumerate(WRONG):
        until_next = []
        for line in said:
            if line == f"next {number}":
                break
            until_next.append(line)
        assert words in "\n".join(until_next), call


def test_numbers(bench: ShellBench) -> None:
    """What is a number is taken as it was written."""
    numbers = ["0", "-5", "+5", "1.", ".5", "1e5", "1.5E-07", "12345678901234567890"]
    ran = bench.run([f"lava-test-case n --result pass --measurement {number}" for number in numbers])
    assert [line.partition("MEASUREMENT=")[2] for line in ran.lines[1:-1]] == [f"{number}>" for number in numbers]


def test_alone_there_are_no_others() -> None:
    """On one system there are no tools for several, by which scripts know; nothing to run is a test that passes."""
    alone = script_of(NOTHING, RunFacts(name="x", test_no=0))
    several = script_of(NOTHING, RunFacts(name="x", test_no=0, role="a", roles={"a": 2}))
    assert "bin/lava-send" not in alone
    assert "bin/lava-send" in several
    assert len(alone) < 18_000
    assert len(several) < 30_000
